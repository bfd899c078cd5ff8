"""Pairs from the votes on a problem's tests: AceCoder's bounds, and what makes no pair."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exports import preference
from exports.voted import voted_pairs
from records.types import Check
from tests.exports.stored_rows import FAIL, PASS, row

Vote = tuple[str, str, str]  # the reply, its vote, its row of the matrix


@dataclass(frozen=True)
class Agreement(Check):
    kind: ClassVar[str] = "agreement"
    tests: str = "def test_it(): assert add(1, 2) == 3"


def voted(*votes: Vote, **changes: Any) -> dict[str, Any]:
    parts = {"solution": "x"} | {f"reply_of_independent_{n}": text for n, (text, _, _) in enumerate(votes, 1)}
    evidence = {"votes": [vote for _, vote, _ in votes], "matrix": [passed for _, _, passed in votes]}
    made = row("a", check=Agreement(), evidence=evidence, parts=parts, **changes)
    call = dict(made["calls"][0])
    calls = [{**call, "part": f"independent_{n}", "model": f"model-{n}"} for n in range(1, len(votes) + 1)]
    return {**made, "calls": [call, *calls]}


def texts(made: dict[str, Any]) -> list[tuple[str, str]]:
    return [(pair.good[0]["content"], pair.bad[0]["content"]) for pair in voted_pairs([made], {"a"})]


def test_every_right_solution_stands_above_a_wrong_one() -> None:
    made = voted(("other", "pass", "1111"), ("wrong", "fail", "1100"))
    assert texts(made) == [("reply of a", "wrong"), ("other", "wrong")]
    first, second = preference.rows_of([made], {"a"})
    assert (first["margin"], first["strength"], first["verifier"]) == (0.5, "better", "agreement")
    assert (first["chosen_id"], first["rejected_id"]) == ("a", "a/independent_2")
    assert (first["chosen_model"], first["rejected_model"]) == ("small-model", "model-2")
    assert (second["chosen_id"], second["chosen_model"]) == ("a/independent_1", "model-1")
    assert not first["edited"] and first["prompt"] == second["prompt"]


@pytest.mark.parametrize(
    ("passed", "pairs"),
    [("1000000000", 1), ("1111100000", 1), ("1111110000", 0), ("1111111111", 0), ("0000000000", 0), ("1-", 1), ("", 0)],
)
def test_bounds_of_the_rejected_side(passed: str, pairs: int) -> None:
    assert len(texts(voted(("wrong", "fail", passed)))) == pairs


@pytest.mark.parametrize(
    "votes",
    [
        [("wrong", "abstain", "0000")],  # met nothing: shows a program that does not fit
        [("reply of a", "fail", "1100")],  # the same text on both sides proves nothing
        [("other", "pass", "1111"), (" other ", "fail", "1000"), ("reply  of a", "fail", "1000")],
        [("", "fail", "1000")],  # made before replies were stored
    ],
)
def test_what_makes_no_pair(votes: list[Vote]) -> None:
    assert texts(voted(*votes)) == []


def test_only_what_the_dataset_keeps_and_the_vote_accepted() -> None:
    made = voted(("wrong", "fail", "1100"))
    assert list(voted_pairs([made], set())) == []
    refused = {**made, "verdicts": [{**one, "outcome": str(FAIL)} for one in made["verdicts"]]}
    assert list(voted_pairs([refused], {"a"})) == []


def test_an_accepted_solution_that_fails_tests_itself_is_chosen_above_the_bound_only() -> None:
    for rate, pairs in ((0.8, 0), (0.81, 1)):
        made = voted(("wrong", "fail", "1000"))
        tests = {"check": "code_tests", "outcome": str(PASS), "evidence": json.dumps({"pass_rate": rate})}
        assert len(texts({**made, "verdicts": [tests, *made["verdicts"]]})) == pairs


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["pass", "fail", "abstain"]), st.text("01-"))))
def test_sides_differ_and_each_pair_comes_once(votes: list[Vote]) -> None:
    pairs = texts(voted(*votes))
    assert all(good != bad for good, bad in pairs)
    assert len(pairs) == len(set(pairs))
    passing = {text for text, vote, _ in votes if vote == "pass"} | {"reply of a"}
    failing = {text for text, vote, _ in votes if vote == "fail"}
    assert {good for good, _ in pairs} <= passing and {bad for _, bad in pairs} <= failing - passing
