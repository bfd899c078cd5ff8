"""Proof that a problem is a new one, not its model again: another wording around other numbers is still the same.

The measure is the share of the new problem's word pairs that the original has, numbers aside: what Jaccard measures of
word n-grams are to near duplicates. A problem that grew out of another shares much with it, so the bound is loose.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

from records.types import Candidate, Check, Outcome, Verdict
from verifiers.base import Resources

WORD = re.compile(r"[^\W\d_]+|\d+(?:[.,]\d+)*|[^\w\s]")
MIN_WORDS = 5


@dataclass(frozen=True)
class NewProblem(Check):
    """Part "question" may share at most `max_shared` of its word pairs, in both directions, with any of `originals`."""

    kind: ClassVar[str] = "new_problem"
    originals: tuple[str, ...]
    max_shared: float = 0.9


async def verify(check: NewProblem, candidate: Candidate, resources: Resources) -> Verdict:
    """PASS new; FAIL too_short, copy."""
    question = candidate.parts["question"]
    if len(WORD.findall(question)) < MIN_WORDS:
        return Verdict(check.kind, Outcome.FAIL, "too_short")
    shared = max((similarity(question, original) for original in check.originals), default=0.0)
    outcome = Outcome.FAIL if shared > check.max_shared else Outcome.PASS
    return Verdict(check.kind, outcome, "copy" if outcome is Outcome.FAIL else "new", {"shared": round(shared, 4)})


def similarity(one: str, other: str) -> float:
    """Jaccard similarity of the word pairs of two texts, 0 to 1; a number counts like any other number."""
    first, second = _pairs(one), _pairs(other)
    union = first | second
    return len(first & second) / len(union) if union else 1.0


def _pairs(text: str) -> frozenset[tuple[str, str]]:
    words = ["0" if word[0].isdigit() else word.casefold() for word in WORD.findall(text)]
    return frozenset(pairwise(words))
