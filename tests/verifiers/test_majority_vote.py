"""Votes: classes, ties, agreement, order, hostile voters."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import verifiers
from records.types import Candidate, Outcome, Seed
from verifiers.base import Resources
from verifiers.majority_vote import MajorityVote, Row, count_votes, prove_row, verify
from verifiers.workers import ProcessPool

HUGE = "9^{9^{9^{9}}}"
OTHER_HUGE = "999999!"

# answers of the group, index of the candidate, least agreement
ACCEPTS = [
    (("18", "18", "18", "20"), 0, 0.5),
    (("18", "$18", "18.0", "20"), 1, 0.5),
    (("1/2", "0.5", "3", r"\frac{1}{2}"), 3, 0.5),
    (("5",), 0, 0.5),
    (("5", "5", "6", "7"), 0, 0.4),
    (("5", "5", "", ""), 1, 0.4),
    (("5", "5", "5", HUGE), 0, 0.5),  # even if the huge one disagreed, 5 would win
]
REJECTS = [
    (("18", "18", "18", "20"), 3, 0.5, "minority_answer"),
    (("18", "18", "20", "20"), 0, 0.5, "tie"),
    (("1", "2", "3", "4"), 0, 0.0, "tie"),
    (("5", "5", "6", "7"), 0, 0.5, "low_agreement"),
    (("5", "5", "", ""), 0, 0.5, "low_agreement"),
    (("5", "5", "5", ""), 3, 0.5, "no_answer"),
    (("", ""), 0, 0.5, "no_answer"),
    (("5", "5", "5", "5", "6", HUGE), 4, 0.5, "minority_answer"),
]
UNJUDGED = [
    (("5", "5", "5", HUGE), 3, 0.5),  # nobody knows what the huge one equals
    (("5", "5", "6", HUGE), 0, 0.4),  # with the huge one 6 might tie
    ((HUGE, OTHER_HUGE), 0, 0.0),
]


@pytest.fixture
async def resources() -> AsyncIterator[Resources]:
    pool = ProcessPool(2)
    yield Resources(sandbox=cast(Any, None), workers=pool)
    await pool.aclose()


def response(answer: str) -> str:
    return rf"Some work. \boxed{{{answer}}}" if answer else "no idea"


def candidate(answers: tuple[str, ...], index: int) -> Candidate:
    seed = Seed("s", "q", "test", "Apache-2.0")
    return Candidate("c", "c", seed, "math/solve", (), {"response": response(answers[index])}, (), ())


async def judge(answers: tuple[str, ...], index: int, least: float, resources: Resources) -> tuple[Outcome, str]:
    verdict = await verify(MajorityVote(answers, index, least), candidate(answers, index), resources)
    return verdict.outcome, verdict.reason


async def test_the_majority_passes(resources: Resources) -> None:
    for answers, index, least in ACCEPTS:
        assert await judge(answers, index, least, resources) == (Outcome.PASS, "majority_answer"), answers


async def test_minorities_ties_and_disagreement_fail(resources: Resources) -> None:
    for answers, index, least, reason in REJECTS:
        assert await judge(answers, index, least, resources) == (Outcome.FAIL, reason), answers


async def test_a_vote_that_hangs_on_the_incomparable_is_unjudged(resources: Resources) -> None:
    for answers, index, least in UNJUDGED:
        assert await judge(answers, index, least, resources) == (Outcome.UNJUDGED, "comparison_deadline"), answers


async def test_evidence_tells_the_vote(resources: Resources) -> None:
    answers = ("18", "$18", "20", "18")
    verdict = await verify(MajorityVote(answers, 0), candidate(answers, 0), resources)
    assert dict(verdict.evidence) == {
        "answer": "18",
        "votes": 3,
        "total": 4,
        "classes": 2,
        "vote_share": 0.75,
        "tally": [["18", 3], ["20", 1]],
        "own_answer": "18",
    }


async def test_the_response_counts_and_not_what_the_check_says_of_it(resources: Resources) -> None:
    forged = MajorityVote(("18", "18", "18"), 0)
    seed = Seed("s", "q", "test", "Apache-2.0")
    liar = Candidate("c", "c", seed, "math/solve", (), {"response": response("20")}, (forged,), ())
    verdict = await verify(forged, liar, resources)
    assert verdict.reason == "minority_answer"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30)
@given(st.lists(st.sampled_from(["0.333333", "1/3", "0.33333333", "2/6", "1", "1.0", "x", "", HUGE]), max_size=9))
async def test_the_order_of_the_samples_changes_nothing(answers: list[str]) -> None:
    pool = ProcessPool(1)
    try:
        reference = await count_votes(answers, pool)
        shuffled = random.Random(0).sample(answers, len(answers))
        assert await count_votes(shuffled, pool) == reference
        assert sum(votes for _, votes in reference.classes) + sum(reference.apart.values()) + answers.count("") == len(
            answers
        )
    finally:
        await pool.aclose()


async def test_non_transitive_equality_still_gives_classes(resources: Resources) -> None:
    # 0.333333 rounds 1/3 and 0.33333349, which are not equal to each other: one class, whoever is asked first.
    tally = await count_votes(["1/3", "0.333333", "0.33333349"], resources.workers)
    assert [votes for _, votes in tally.classes] == [3]
    tally = await count_votes(["1/3", "0.33333349"], resources.workers)
    assert [votes for _, votes in tally.classes] == [1, 1]


async def test_rows(resources: Resources) -> None:
    cases = [
        (["#### 18", "#### 18", "#### 20"], "18", Outcome.PASS, "majority_answer", "18"),
        (["#### 18", "#### 18", "#### 20"], None, Outcome.PASS, "majority_answer", "18"),
        (["#### 18", "#### 18", "#### 20"], "20", Outcome.FAIL, "wrong_answer", "18"),
        (["#### 18", "#### 20"], "18", Outcome.FAIL, "tie", None),
        (["none", None], "18", Outcome.FAIL, "no_answer", None),
        ([], None, Outcome.FAIL, "no_answer", None),
        (["#### 18", "#### 18", "#### 1", "#### 2", "#### 3"], "18", Outcome.PASS, "majority_answer", "18"),
        ([rf"\boxed{{{HUGE}}}", "#### 18"], "18", Outcome.UNJUDGED, "comparison_deadline", None),
        (["#### 18"], HUGE, Outcome.UNJUDGED, "comparison_deadline", "18"),
    ]
    for responses, expected, outcome, reason, answer in cases:
        row = Row.model_validate({"id": "r", "responses": responses, "expected": expected, "more": 1})
        verdict = await prove_row(row, resources)
        assert (verdict.outcome, verdict.reason, verdict.evidence["answer"]) == (outcome, reason, answer), responses
        assert verdict.evidence["total"] == len(responses)


def test_the_check_survives_storage() -> None:
    check = MajorityVote(("1", "2"), 1, 0.5)
    stored = {"answers": ["1", "2"], "index": 1, "min_agreement": 0.5}
    assert verifiers.decode_check("majority_vote", stored) == check
