r"""Cuts a worked solution into steps, and puts scores of steps together (M8 to M10).

A step is what its author marked as one: a numbered line ("1. ...", "Step 2: ..."), else a paragraph, else a line, else
a sentence. The cut loses nothing: the steps joined are the text, so a prefix of steps is a prefix of the solution.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Literal

Aggregate = Literal["min", "product", "last"]
AGGREGATES: tuple[Aggregate, ...] = ("min", "product", "last")

MAX_STEPS = 100
NUMBERED = re.compile(r"^[ \t]*(?:\*\*|#+ )?(?:step[ \t]+\d{1,3}[ \t]*[:.)]|\d{1,3}[.)][ \t])", re.MULTILINE | re.I)
PARAGRAPH = re.compile(r"\n[ \t]*\n+(?=\S)")
LINE = re.compile(r"\n+(?=\s*\S)")
SENTENCE = re.compile(r"(?<=[.!?])[ \t]+(?=[A-Z\\$])")
FENCE = re.compile(r"^(?:```|~~~).*?^(?:```|~~~)[ \t]*$", re.MULTILINE | re.DOTALL)
MIN_CHARACTERS = 3  # of a step, without white space; less is layout and belongs to the step before


def split_steps(solution: str) -> list[str]:
    """The steps of a solution, at most MAX_STEPS (the last one then holds the rest); `"".join` gives it back."""
    spans = [match.span() for match in FENCE.finditer(solution)]
    numbered = [match.start() for match in NUMBERED.finditer(solution)]
    choices = [numbered] if len(numbered) > 1 else []
    choices += [[match.end() for match in pattern.finditer(solution)] for pattern in (PARAGRAPH, LINE, SENTENCE)]
    for cuts in choices:
        inside = [cut for cut in cuts if not any(start < cut < end for start, end in spans)]
        tail = _tail_cuts(solution, inside, spans) if cuts is numbered else inside
        steps = _cut(solution, tail)
        if len(steps) > 1:
            return steps
    return [solution] if solution.strip() else []


def _tail_cuts(solution: str, cuts: list[int], spans: Sequence[tuple[int, int]]) -> list[int]:
    """Numbered steps end with their paragraph: the conclusion below the last one is a step of its own."""
    after = PARAGRAPH.search(solution, cuts[-1]) if cuts else None
    if after is None or any(start < after.end() < end for start, end in spans):
        return cuts
    return [*cuts, after.end()]


def _cut(text: str, cuts: Sequence[int]) -> list[str]:
    steps: list[str] = []
    start = 0
    for cut in (*sorted(set(cuts)), len(text)):
        piece = text[start:cut]
        if len(steps) == MAX_STEPS or (steps and len(piece.strip()) < MIN_CHARACTERS):
            steps[-1] += piece
        elif len(piece.strip()) >= MIN_CHARACTERS or cut == len(text):
            steps.append(piece)
        else:
            continue  # layout at the beginning goes into the first step
        start = cut
    return [step for step in steps if step] if any(step.strip() for step in steps) else []


def aggregate(scores: Sequence[float], how: Aggregate) -> float:
    """One score of a solution from those of its steps (Let's Verify Step by Step). Raises ValueError for none, or for
    one that is not a number from 0 to 1: a score that could not be read is never 0."""
    if not scores or not all(math.isfinite(score) and 0 <= score <= 1 for score in scores):
        raise ValueError("scores must be numbers from 0 to 1, at least one")
    if how == "last":
        return scores[-1]
    return min(scores) if how == "min" else math.prod(scores)
