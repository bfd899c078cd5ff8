"""Rejection sampling: the best of a seed's accepted records are kept, by score, ties by id, never by order."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from curation.selection import Selection
from records.limits import Limits


def row(identity: str, score: float | None, seed: str = "s", outcome: str = "pass") -> dict[str, Any]:
    evidence = json.dumps({} if score is None else {"score": score})
    return {
        "id": identity,
        "recipe": "math/solve",
        "seed_id": seed,
        "is_final": True,
        "outcome": outcome,
        "messages": [{"role": "assistant", "content": identity}],
        "metadata": "{}",
        "verdicts": [{"check": "reward_score", "evidence": evidence}],
    }


def kept(rows: Sequence[dict[str, Any]], best: int) -> list[str]:
    selection = Selection(None, Limits(best=best))
    selection.add(rows)
    assert selection.entered == len(selection.kept) + len(selection.drops)
    return selection.kept


def test_a_wrong_answer_with_a_high_score_loses_to_a_right_one() -> None:
    assert kept([row("wrong", 0.99, outcome="fail"), row("right", 0.6)], 1) == ["right"]


def test_the_best_of_each_seed_are_kept_and_the_rest_name_the_best() -> None:
    rows = [row("a", 0.6), row("b", 0.9), row("c", 0.7), row("d", 0.1, seed="t")]
    assert kept(rows, 1) == ["b", "d"]
    assert kept(rows, 2) == ["b", "c", "d"]
    assert kept(rows, 0) == ["a", "b", "c", "d"]
    selection = Selection(None, Limits(best=1))
    selection.add(rows)
    assert {(drop.id, drop.reason, drop.evidence["best"]) for drop in selection.drops} == {
        ("a", "not_best", "b"),
        ("c", "not_best", "b"),
    }


def test_a_score_that_is_not_there_is_never_zero() -> None:
    assert kept([row("a", None), row("b", -3.0)], 1) == ["b"]
    assert kept([row("a", float("nan")), row("b", -3.0)], 1) == ["b"]


@given(st.permutations(range(6)), st.integers(1, 6))
def test_ties_are_broken_by_id_whatever_the_order(order: list[int], best: int) -> None:
    rows = [row(f"r{number}", [0.5, 0.9, None][number % 3]) for number in order]
    assert set(kept(rows, best)) == set(["r1", "r4", "r0", "r3", "r2", "r5"][:best])
