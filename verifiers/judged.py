"""Proof by judge: a served model, or a jury of them, answers a rubric criterion by criterion.

The way in for every domain. A recipe adds a check; everything else (asking, reading, repairing, counting votes,
measuring the judge) happens here, when the check is verified:

    Judged(
        prompt="generators.code/fidelity",       # generators/code/prompts/fidelity.md
        criteria=(Criterion("same_behaviour"), Criterion("clarity", values=(1, 2, 3, 4, 5), passing=(4, 5))),
        fields={"original": seed.text},          # placeholders that no part of the candidate fills
        panel=Panel(votes=3),                    # or Panel(roles=("judge", "jury"), rule="unanimous"), ...
    )

The prompt's placeholders are filled from `fields`, else from the candidate's parts of the same name; `{{reply_form}}`
is filled with the form of the reply. Put values inside tags (`<original>`): what they hold cannot close them. PASS
where every criterion passes, FAIL where one fails (reason: its name with `not_` before it), UNJUDGED otherwise
(`judge_unreadable`, `judges_disagree`, `judge_unsure`): never a pass or a fail without readable votes that decide it.

Evidence: `criteria` (outcome and votes of each), `ballots` (rationales and verdicts of each seat), `probes` (known
answers mixed in, see `judge_probes`), `rests_on` and `set_aside` (journal keys of the judges' replies: those that
agree with the result, and those that were outvoted or were probes). A rehearsal's escape table reads the last two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from records.types import JSON, Candidate, Check, Outcome, Verdict
from verifiers.base import Resources
from verifiers.judge_probes import Probing, probe_judges, set_aside
from verifiers.judging import REPLY_FORM, Ballot, Criterion, Panel, Rubric, Value, ask_panel, decide, tallied

OUTVOTED = "jury"
"""Where a planted wrong verdict is caught that the other seats overruled."""


@dataclass(frozen=True)
class Judged(Check):
    """What a panel must find, see above. `probe_share` of these checks also ask a known-answer probe."""

    kind: ClassVar[str] = "judged"
    prompt: str
    criteria: tuple[Criterion, ...]
    fields: Mapping[str, str] = field(default_factory=dict)
    panel: Panel = Panel()  # noqa: RUF009 - frozen
    probe_share: float = 0.1

    def __post_init__(self) -> None:
        """A stored check comes back with its parts as objects."""
        object.__setattr__(self, "criteria", tuple(read_criterion(one) for one in self.criteria))
        object.__setattr__(self, "panel", read_panel(self.panel))
        if not self.criteria:
            raise ValueError("a judged check needs a criterion")

    @property
    def rubric(self) -> Rubric:
        """The prompt with its criteria."""
        return Rubric(self.prompt, self.criteria)


def read_criterion(value: Criterion | Mapping[str, Any]) -> Criterion:
    """A criterion, also from its stored form."""
    if isinstance(value, Criterion):
        return value
    return Criterion(value["name"], *(tuple(value[name]) for name in ("values", "passing", "unknown")))


def read_panel(value: Panel | Mapping[str, Any]) -> Panel:
    """A panel, also from its stored form."""
    if isinstance(value, Panel):
        return value
    return Panel(**{**value, "roles": tuple(value["roles"]), "weights": tuple(value["weights"])})


async def verify(check: Judged, candidate: Candidate, resources: Resources) -> Verdict:
    """PASS all_criteria; FAIL not_<criterion>; UNJUDGED judge_unreadable, judges_disagree, judge_unsure, no_judge."""
    if resources.model is None:
        return Verdict(check.kind, Outcome.UNJUDGED, "no_judge")
    named = check.rubric.load().fields - {REPLY_FORM}
    fields = {name: check.fields[name] if name in check.fields else candidate.parts[name] for name in named}
    ballots = await ask_panel(check.rubric, fields, check.panel, resources.model)
    probing = Probing(check.probe_share, candidate.chain_id)
    probes = await probe_judges(check.rubric, check.panel, probing, resources.model)
    outcomes = {one.name: decide(one, ballots, check.panel) for one in check.criteria}
    evidence: dict[str, JSON] = {
        "prompt": check.prompt,
        "criteria": {
            one.name: {"outcome": str(outcomes[one.name]), "votes": tallied(one, ballots)} for one in check.criteria
        },
        **ballot_evidence(ballots, overruled(check.criteria, ballots, outcomes)),
    }
    if probes:
        evidence["probes"] = probes
        evidence["set_aside"] = {**evidence["set_aside"], **set_aside(probes)}
    outcome, reason = _result(check, ballots, outcomes)
    return Verdict(check.kind, outcome, reason, evidence)


def overruled(
    criteria: Sequence[Criterion], ballots: Sequence[Ballot], outcomes: Mapping[str, Outcome]
) -> frozenset[str]:
    """Keys of the ballots that differ from the panel's result in a criterion that it decided."""
    return frozenset(
        ballot.key
        for ballot in ballots
        for one in criteria
        if ballot.verdicts
        and outcomes[one.name] is not Outcome.UNJUDGED
        and one.outcome(ballot.verdicts[one.name]) is not outcomes[one.name]
    )


def overruled_by_value(criterion: Criterion, ballots: Sequence[Ballot], value: Value | None) -> frozenset[str]:
    """Keys of the ballots that differ from the value that the panel settled on; of none where it settled on none."""
    return frozenset(
        ballot.key
        for ballot in ballots
        if value is not None and ballot.verdicts and ballot.verdicts[criterion.name] != value
    )


def ballot_evidence(ballots: Sequence[Ballot], outvoted: frozenset[str]) -> dict[str, JSON]:
    """The ballots, and which of their replies the result rests on."""
    return {
        "ballots": [ballot.evidence() for ballot in ballots],
        "rests_on": sorted({ballot.key for ballot in ballots if ballot.key} - outvoted),
        "set_aside": {key: OUTVOTED for key in sorted(outvoted)},
    }


def _result(check: Judged, ballots: Sequence[Ballot], outcomes: Mapping[str, Outcome]) -> tuple[Outcome, str]:
    for one in check.criteria:
        if outcomes[one.name] is Outcome.FAIL:
            return Outcome.FAIL, f"not_{one.name}"
    undecided = [one for one in check.criteria if outcomes[one.name] is Outcome.UNJUDGED]
    if not undecided:
        return Outcome.PASS, "all_criteria"
    if any(ballot.problem for ballot in ballots):
        return Outcome.UNJUDGED, "judge_unreadable"
    unsure = any(ballot.verdicts[one.name] in one.unknown for one in undecided for ballot in ballots)
    return Outcome.UNJUDGED, "judge_unsure" if unsure else "judges_disagree"
