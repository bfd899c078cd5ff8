"""Proof that an answer is right by a given text: a judge grades it with the text as reference (`provender verify`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pydantic import BaseModel

from records.types import Candidate, Check, Outcome, Verdict
from served_model.types import Model
from verifiers.base import Resources
from verifiers.judged import ballot_evidence, overruled_by_value, read_panel
from verifiers.judging import Panel, ask_panel, decide_value
from verifiers.knowledge_probe import CORRECTNESS

GRADE = CORRECTNESS.criteria[0]


@dataclass(frozen=True)
class Factual(Check):
    """Part "response" answers `question` as `knowledge` has it."""

    kind: ClassVar[str] = "factuality"
    knowledge: str
    question: str
    panel: Panel = Panel()  # noqa: RUF009 - frozen

    def __post_init__(self) -> None:
        """A stored check comes back with its panel as an object."""
        object.__setattr__(self, "panel", read_panel(self.panel))


class Row(BaseModel):
    """One row of `provender verify factuality`; other fields are ignored."""

    id: str | int
    knowledge: str
    question: str
    response: str


async def verify(check: Factual, candidate: Candidate, resources: Resources) -> Verdict:
    """PASS correct; FAIL incorrect, not_attempted, empty; UNJUDGED judge_unreadable, judges_disagree, no_judge."""
    if resources.model is None:
        return Verdict(check.kind, Outcome.UNJUDGED, "no_judge")
    return await _grade(check, candidate.parts["response"], resources.model)


async def prove_row(row: Row, resources: Resources) -> Verdict:
    """The same proof for a row that anybody made. Evidence: `grade`, and the judge's ballots."""
    if resources.model is None:
        return Verdict(Factual.kind, Outcome.UNJUDGED, "no_judge")
    return await _grade(Factual(row.knowledge, row.question), row.response, resources.model)


async def _grade(check: Factual, response: str, model: Model) -> Verdict:
    if not response.strip():
        return Verdict(check.kind, Outcome.FAIL, "empty", {"grade": None})
    fields = {"reference": check.knowledge, "question": check.question, "answer": response}
    ballots = await ask_panel(CORRECTNESS, fields, check.panel, model)
    grade = decide_value(GRADE, ballots, check.panel)
    outvoted = overruled_by_value(GRADE, ballots, grade)
    evidence = {"grade": grade, "prompt": CORRECTNESS.prompt, **ballot_evidence(ballots, outvoted)}
    if grade is None:
        unreadable = any(ballot.problem for ballot in ballots)
        return Verdict(check.kind, Outcome.UNJUDGED, "judge_unreadable" if unreadable else "judges_disagree", evidence)
    return Verdict(check.kind, GRADE.outcome(grade), str(grade), evidence)
