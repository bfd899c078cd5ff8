"""Proof that one text is better than another: a panel compares them in both orders, and disagreement is a tie.

    JudgedPair("generators.factuality/better", better=good_text, worse=bad_text, fields={"question": "..."})

The rubric shows the two as `{{first}}` and `{{second}}`; the judge says "first", "second" or "tie". A seat that names
the same text in both orders has found it better; anything else is a tie of that seat, and where it named the same
place twice, the report counts it as position bias.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from records.types import JSON, Candidate, Check, Outcome, Verdict
from verifiers.base import Resources
from verifiers.judge_probes import Probing, probe_judges, set_aside
from verifiers.judged import OUTVOTED, read_panel
from verifiers.judging import REPLY_FORM, Ballot, Criterion, Panel, Rubric, ask_panel, gather

PREFERENCE = Criterion("better", values=("first", "second", "tie"), passing=("first",))
Finding = Literal["better", "worse", "tie", "unreadable"]


@dataclass(frozen=True)
class JudgedPair(Check):
    """The panel must prefer `better` to `worse`, whichever of them it is shown first."""

    kind: ClassVar[str] = "judged_pair"
    prompt: str
    better: str
    worse: str
    fields: Mapping[str, str] = field(default_factory=dict)
    panel: Panel = Panel()  # noqa: RUF009 - frozen
    probe_share: float = 0.1

    def __post_init__(self) -> None:
        """A stored check comes back with its panel as an object."""
        object.__setattr__(self, "panel", read_panel(self.panel))

    @property
    def rubric(self) -> Rubric:
        """The prompt with its one criterion."""
        return Rubric(self.prompt, (PREFERENCE,))


async def verify(check: JudgedPair, candidate: Candidate, resources: Resources) -> Verdict:
    """PASS better; FAIL worse, tie; UNJUDGED judge_unreadable, judges_disagree, no_judge."""
    if resources.model is None:
        return Verdict(check.kind, Outcome.UNJUDGED, "no_judge")
    rubric, panel = check.rubric, check.panel
    named = rubric.load().fields - {REPLY_FORM, "first", "second"}
    shared = {name: check.fields[name] if name in check.fields else candidate.parts[name] for name in named}
    straight, swapped = await gather(
        [
            ask_panel(rubric, {**shared, "first": first, "second": second}, panel, resources.model)
            for first, second in ((check.better, check.worse), (check.worse, check.better))
        ]
    )
    probes = await probe_judges(rubric, panel, Probing(check.probe_share, candidate.chain_id), resources.model)
    findings = [find_preference(one, other) for one, other in zip(straight, swapped, strict=True)]
    outcome, reason = decide_preference(findings, straight, panel)
    evidence = {"prompt": check.prompt, **_evidence((straight, swapped), findings, reason, probes)}
    return Verdict(check.kind, outcome, reason, evidence)


def find_preference(straight: Ballot, swapped: Ballot) -> Finding:
    """What one seat found, from its ballots in both orders."""
    first, second = straight.verdicts.get(PREFERENCE.name), swapped.verdicts.get(PREFERENCE.name)
    if first is None or second is None:
        return "unreadable"
    if (first, second) == ("first", "second"):
        return "better"
    return "worse" if (first, second) == ("second", "first") else "tie"


def decide_preference(findings: Sequence[Finding], seats: Sequence[Ballot], panel: Panel) -> tuple[Outcome, str]:
    """The panel's result by its rule; a mere plurality decides nothing."""
    weights = dict.fromkeys(("better", "worse", "tie", "unreadable"), 0.0)
    for finding, seat in zip(findings, seats, strict=True):
        weights[finding] += panel.weight(seat.role)
    needed = panel.total if panel.rule == "unanimous" else panel.total / 2
    for finding in ("better", "worse", "tie"):
        if weights[finding] > needed or weights[finding] == panel.total:
            return (Outcome.PASS if finding == "better" else Outcome.FAIL), finding
    return Outcome.UNJUDGED, "judge_unreadable" if weights["unreadable"] else "judges_disagree"


def _evidence(
    orders: tuple[Sequence[Ballot], Sequence[Ballot]],
    findings: Sequence[Finding],
    reason: str,
    probes: list[dict[str, JSON]],
) -> dict[str, JSON]:
    keys = [{ballot.key for ballot in pair if ballot.key} for pair in zip(*orders, strict=True)]
    decided = reason in ("better", "worse", "tie")
    outvoted = {key for pair, one in zip(keys, findings, strict=True) for key in pair if decided and one != reason}
    evidence: dict[str, JSON] = {
        "findings": [*findings],
        "ballots": [ballot.evidence() for ballot in orders[0]],
        "swapped": [ballot.evidence() for ballot in orders[1]],
        "rests_on": sorted(set().union(*keys) - outvoted),
        "set_aside": {**{key: OUTVOTED for key in sorted(outvoted)}, **set_aside(probes)},
    }
    return evidence | {"probes": probes} if probes else evidence
