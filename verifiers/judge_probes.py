"""Known-answer probes: items whose verdict is certain, mixed into a judge's real stream to measure the judge.

They stand beside the rubric, in `prompts/<name>.probes.jsonl`, one JSON object a line:

    {"fields": {"snippet": "...", "response": "..."}, "expected": {"correct": "yes"}, "length": "short"}

`fields` fill all placeholders of the prompt but `reply_form`. `length` ("short" or "long", optional) tells probes of
one expected verdict apart whose wording is of different length: the report takes the judge's length bias from them.
A probe goes out as an ordinary request, so a judge cannot tell it from its work.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from random import Random
from typing import Literal

from pydantic import BaseModel, ConfigDict

from records.types import JSON, Outcome, stable_seed
from served_model.types import Model
from verifiers.judging import Ballot, Panel, Rubric, ask_panel

ProbeFinding = Literal["right", "false_pass", "false_fail", "wrong", "unreadable"]
"""`wrong` is another value than the right one that fails like it: "incorrect" for "not_attempted"."""

PROBED = "known_answer_probe"
"""Where a planted wrong verdict on a probe is caught."""


class ProbeRow(BaseModel):
    """One line of a probes file."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    fields: dict[str, str]
    expected: dict[str, str | int]
    length: str = ""


@dataclass(frozen=True)
class Probing:
    """How often a probe is mixed in (0 to 1), and what makes this draw its own."""

    share: float
    identity: str


@cache
def load_probes(prompt: str) -> tuple[ProbeRow, ...]:
    """The probes of a rubric; none where it has no such file. Raises ValueError for a line that is not a probe."""
    package, _, name = prompt.rpartition("/")
    file = resources.files(package).joinpath("prompts", f"{name}.probes.jsonl")
    if not file.is_file():
        return ()
    lines = file.read_text(encoding="utf-8").splitlines()
    return tuple(ProbeRow.model_validate(json.loads(line)) for line in lines if line.strip())


async def probe_judges(rubric: Rubric, panel: Panel, probing: Probing, model: Model) -> list[dict[str, JSON]]:
    """Perhaps ask every role of the panel one probe; what each said, for the evidence. Empty where none was drawn."""
    probes = load_probes(rubric.prompt)
    rng = Random(stable_seed("probe", rubric.prompt, str(panel.seed), probing.identity))
    if not probes or rng.random() >= probing.share:
        return []
    item = rng.randrange(len(probes))
    one_each = replace(panel, votes=1, retries=0, temperature=panel.used_temperature, seed=rng.getrandbits(31))
    ballots = await ask_panel(rubric, probes[item].fields, one_each, model)
    return [_noted(rubric, ballot, probes[item], item) for ballot in ballots]


def _noted(rubric: Rubric, ballot: Ballot, probe: ProbeRow, item: int) -> dict[str, JSON]:
    return {
        "prompt": rubric.prompt,
        "role": ballot.role,
        "model": ballot.model,
        "item": item,
        "length": probe.length,
        "expected": dict(probe.expected),
        "got": dict(ballot.verdicts) if ballot.verdicts else None,
        "finding": find_fault(rubric, ballot, probe),
        "passes": all(
            one.outcome(probe.expected[one.name]) is Outcome.PASS
            for one in rubric.criteria
            if one.name in probe.expected
        ),
        "key": ballot.key,
    }


def find_fault(rubric: Rubric, ballot: Ballot, probe: ProbeRow) -> ProbeFinding:
    """What the judge's verdicts on a probe are worth; of several wrong ones a false pass weighs most."""
    if not ballot.verdicts:
        return "unreadable"
    findings: set[ProbeFinding] = set()
    for criterion in rubric.criteria:
        expected, got = probe.expected.get(criterion.name), ballot.verdicts[criterion.name]
        if expected is not None and got != expected:
            findings.add(_wrong(criterion.outcome(expected), criterion.outcome(got)))
    order: tuple[ProbeFinding, ...] = ("false_pass", "false_fail", "wrong")
    return next((one for one in order if one in findings), "right")


def _wrong(expected: Outcome, got: Outcome) -> ProbeFinding:
    if got is Outcome.PASS:
        return "false_pass"
    return "false_fail" if expected is Outcome.PASS else "wrong"


def set_aside(probes: list[dict[str, JSON]]) -> Mapping[str, str]:
    """The replies to probes, for the evidence's `set_aside`: no record rests on them."""
    return {str(probe["key"]): PROBED for probe in probes if probe["key"]}
