"""Labels the steps of a solution by Monte Carlo estimation: how often completions from each prefix reach the answer.

Math-Shepherd (arXiv 2312.08935): of the N completions drawn from the prefix that ends with a step, the soft label is
the share that reach the expected answer, the hard label 1 where any does. The completions' answers are stored with the
check, so that labels can be computed again without a model; they are compared here, by equivalence, like all answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from records.types import JSON, Candidate, Check, Outcome, Verdict
from verifiers.base import Resources
from verifiers.equivalence import TooLarge, is_equivalent
from verifiers.solution_steps import Aggregate, aggregate
from verifiers.workers import ProcessPool, WorkerError


@dataclass(frozen=True)
class StepRollouts(Check):
    """`answers[i]` are the final answers of the completions drawn after step i, "" for one without an answer.

    The aggregate of the soft labels must be `threshold` at least; 0 only labels. The label of the last step is the
    solution's own answer, which needs no completion: `answers[-1]` is that one answer.
    """

    kind: ClassVar[str] = "step_rollouts"
    expected: str
    answers: tuple[tuple[str, ...], ...]
    how: Aggregate = "min"
    threshold: float = 0.0


@dataclass(frozen=True, slots=True)
class Labels:
    """Per step: completions that reach the answer, that could not be compared, and all of them."""

    reached: tuple[int, ...]
    unknown: tuple[int, ...]
    drawn: tuple[int, ...]

    def soft(self, counting_unknown: bool = False) -> list[float]:
        """Shares that reach the answer; the unknown count as misses, or as hits."""
        return [
            (hits + (unknown if counting_unknown else 0)) / drawn
            for hits, unknown, drawn in zip(self.reached, self.unknown, self.drawn, strict=True)
        ]

    def hard(self) -> list[int]:
        """1 where any completion reaches the answer."""
        return [int(hits > 0) for hits in self.reached]


async def verify(check: StepRollouts, candidate: Candidate, resources: Resources) -> Verdict:
    """PASS labelled; FAIL low_step_score, no_rollouts; UNJUDGED comparison_deadline (it could change a hard label)."""
    if not check.answers or not all(check.answers):
        return Verdict(check.kind, Outcome.FAIL, "no_rollouts", {"steps": len(check.answers)})
    labels = await label_steps(check.expected, check.answers, resources.workers)
    low, high = (aggregate(labels.soft(counting), check.how) for counting in (False, True))
    evidence = _evidence(labels, low, check.how)
    open_labels = any(unknown and not hits for hits, unknown in zip(labels.reached, labels.unknown, strict=True))
    if open_labels or (low < check.threshold <= high):
        return Verdict(check.kind, Outcome.UNJUDGED, "comparison_deadline", evidence)
    if low < check.threshold:
        return Verdict(check.kind, Outcome.FAIL, "low_step_score", evidence)
    return Verdict(check.kind, Outcome.PASS, "labelled", evidence)


def _evidence(labels: Labels, score: float, how: Aggregate) -> dict[str, JSON]:
    """`first_wrong_step` counts from 1: the first step after which no completion reaches the answer; 0: none."""
    hard = labels.hard()
    return {
        "hard": hard,
        "soft": [round(share, 6) for share in labels.soft()],
        "rollouts": list(labels.drawn),
        "undecided": sum(labels.unknown),
        "score": round(score, 6),
        "aggregate": how,
        "first_wrong_step": hard.index(0) + 1 if 0 in hard else 0,
    }


async def label_steps(expected: str, answers: Sequence[Sequence[str]], workers: ProcessPool) -> Labels:
    """Compare every completion's answer; answers with one text are compared once."""
    texts = sorted({answer for step in answers for answer in step if answer})
    reaches = {text: await _reaches(expected, text, workers) for text in texts}
    found = [[reaches[answer] if answer else False for answer in step] for step in answers]
    return Labels(
        reached=tuple(step.count(True) for step in found),
        unknown=tuple(step.count(None) for step in found),
        drawn=tuple(len(step) for step in found),
    )


async def _reaches(expected: str, answer: str, workers: ProcessPool) -> bool | None:
    """None where the two cannot be compared."""
    try:
        return await is_equivalent(expected, answer, workers)
    except (TooLarge, WorkerError):
        return None
