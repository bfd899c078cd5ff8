"""Proof of a math response: its final answer is equivalent to the expected one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from records.types import Candidate, Check, Outcome, Verdict
from verifiers.answer_extraction import extract_answer
from verifiers.answer_text import shown
from verifiers.base import Resources
from verifiers.equivalence import TooLarge, is_equivalent
from verifiers.workers import CallFailed, DeadlineExceeded, WorkerDied

EVIDENCE_CHARACTERS = 500  # kept of an answer in the evidence


@dataclass(frozen=True)
class MathAnswer(Check):
    """The final answer of part "response" must be equivalent to `expected`."""

    kind: ClassVar[str] = "math_answer"
    expected: str


class Row(BaseModel):
    """One row of `provender verify math`; other fields are ignored."""

    model_config = ConfigDict(coerce_numbers_to_str=True)
    id: str | int
    response: str
    expected: str


async def verify(check: MathAnswer, candidate: Candidate, resources: Resources) -> Verdict:
    """PASS equivalent; FAIL wrong_answer, no_answer.

    UNJUDGED comparison_deadline, comparison_too_large, comparison_failed, worker_died: nothing is known.
    """
    return await _judge(candidate.parts["response"], check.expected, resources)


async def prove_row(row: Row, resources: Resources) -> Verdict:
    """The same proof for a row that anybody made. Evidence: `answer` (null where there is none), `expected`."""
    return await _judge(row.response, row.expected, resources)


async def _judge(response: str, expected: str, resources: Resources) -> Verdict:
    found = extract_answer(response)
    evidence: dict[str, Any] = {
        "answer": shown(found.text, EVIDENCE_CHARACTERS) if found else None,
        "expected": shown(expected, EVIDENCE_CHARACTERS),
        "mark": found.mark if found else None,
    }
    if found is None:
        return Verdict(MathAnswer.kind, Outcome.FAIL, "no_answer", evidence)
    outcome, reason = await _compare(expected, found.text, resources)
    return Verdict(MathAnswer.kind, outcome, reason, evidence)


async def _compare(expected: str, answer: str, resources: Resources) -> tuple[Outcome, str]:
    try:
        equal = await is_equivalent(expected, answer, resources.workers)
    except DeadlineExceeded:
        return Outcome.UNJUDGED, "comparison_deadline"
    except TooLarge:
        return Outcome.UNJUDGED, "comparison_too_large"
    except WorkerDied:
        return Outcome.UNJUDGED, "worker_died"
    except CallFailed:
        return Outcome.UNJUDGED, "comparison_failed"
    return (Outcome.PASS, "equivalent") if equal else (Outcome.FAIL, "wrong_answer")
