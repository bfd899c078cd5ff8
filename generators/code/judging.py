"""The check of a judge that scores a program for correctness and for style, each 0 or 1 (C15)."""

from __future__ import annotations

from records.types import Outcome, Record
from verifiers.judged import Judged
from verifiers.judging import Criterion, Panel

QUALITY = "generators.code/quality"
CRITERIA = (Criterion("correct", (0, 1), (1,)), Criterion("style", (0, 1), (1,)))


def quality_check(language: str, votes: int) -> Judged:
    """Both scores must be 1. Dear, so it stands behind every execution."""
    return Judged(QUALITY, CRITERIA, {"language": language}, Panel(votes=votes))


def is_refused_by_judge(record: Record) -> bool:
    """Whether an attempt passed every execution and failed the judge."""
    return record.deciding.check == Judged.kind and record.deciding.outcome is Outcome.FAIL
