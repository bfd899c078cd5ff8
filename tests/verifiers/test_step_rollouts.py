"""Step labels by Monte Carlo estimation: hard and soft labels of toy trees with known success rates."""

from __future__ import annotations

from collections.abc import AsyncIterator
from random import Random
from typing import Any, cast

import pytest

import verifiers
from records.types import Candidate, Outcome, Seed, Verdict
from verifiers.base import Resources
from verifiers.step_rollouts import StepRollouts
from verifiers.workers import ProcessPool

HANGS = "9^9^9^9"  # refused as too large, without algebra


@pytest.fixture
async def resources() -> AsyncIterator[Resources]:
    pool = ProcessPool(1)
    yield Resources(sandbox=cast(Any, None), workers=pool)
    await pool.aclose()


async def judge(check: StepRollouts, resources: Resources) -> Verdict:
    seed = Seed("s", "q", "test", "MIT")
    candidate = Candidate("c", "c", seed, "math/test", (), {"response": "r"}, (check,), ())
    (verdict,) = await verifiers.verify_all(candidate, resources)
    return verdict


# expected, answers per step, aggregate, threshold -> outcome, reason, hard, soft, first wrong step
CASES = [
    ("12", (("12", "12.0", "13"), ("12", "1", "2"), ("12",)), "min", 0.0, "pass", "labelled", [1, 1, 1], 0),
    ("12", (("12", "$12", "7"), ("", "5", "6"), ("5",)), "min", 0.0, "pass", "labelled", [1, 0, 0], 2),
    ("1/2", (("0.5", "\\frac{2}{4}"), ("0.5", "0.6")), "product", 0.5, "pass", "labelled", [1, 1], 0),
    ("1/2", (("0.5", "3"), ("0.5", "0.6")), "product", 0.5, "fail", "low_step_score", [1, 1], 0),
    ("1/2", (("7", "3"), ("0.5",)), "last", 0.5, "pass", "labelled", [0, 1], 1),
    ("12", (), "min", 0.0, "fail", "no_rollouts", None, None),
    ("12", (("12",), ()), "min", 0.0, "fail", "no_rollouts", None, None),
    ("12", (("12", HANGS), ("12",)), "min", 0.0, "pass", "labelled", [1, 1], 0),
]


@pytest.mark.parametrize(("expected", "answers", "how", "threshold", "outcome", "reason", "hard", "first"), CASES)
async def test_labels(expected, answers, how, threshold, outcome, reason, hard, first, resources):
    verdict = await judge(StepRollouts(expected, answers, how, threshold), resources)
    assert (verdict.outcome, verdict.reason) == (Outcome(outcome), reason)
    if hard is not None:
        assert (verdict.evidence["hard"], verdict.evidence["first_wrong_step"]) == (hard, first)


async def test_soft_labels_are_shares_of_all_completions(resources):
    verdict = await judge(StepRollouts("12", (("12", "12.0", "13", ""), ("12",))), resources)
    assert verdict.evidence["soft"] == [0.5, 1.0] and verdict.evidence["rollouts"] == [4, 1]
    assert verdict.evidence["score"] == 0.5


async def test_a_comparison_that_hangs_leaves_the_label_open_only_where_it_matters(resources):
    open_label = await judge(StepRollouts("x", ((HANGS, "7"), ("x",))), resources)
    assert (open_label.outcome, open_label.reason) == (Outcome.UNJUDGED, "comparison_deadline")
    open_score = await judge(StepRollouts("x", (("x", HANGS),), threshold=0.75), resources)
    assert open_score.outcome is Outcome.UNJUDGED
    low_anyway = await judge(StepRollouts("x", (("x", HANGS, "7", "8"),), threshold=0.75), resources)
    assert (low_anyway.outcome, low_anyway.reason) == (Outcome.FAIL, "low_step_score")


async def test_estimates_come_near_known_success_rates(resources):
    rng, rates = Random(5), [0.9, 0.5, 0.1, 0.0]
    draws = [[rng.random() < rate for _ in range(400)] for rate in rates]
    answers = tuple(tuple("8" if hit else str(rng.randint(9, 99)) for hit in row) for row in draws)
    verdict = await judge(StepRollouts("8", answers), resources)
    for soft, rate in zip(verdict.evidence["soft"], rates, strict=True):
        assert abs(soft - rate) < 4 * (rate * (1 - rate) / 400) ** 0.5 + 1e-9
    assert verdict.evidence["hard"] == [1, 1, 1, 0]
