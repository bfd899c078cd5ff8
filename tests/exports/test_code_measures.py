"""Pairs of programs keep AceCoder's bounds, and what was measured of a record reaches the training rows."""

from __future__ import annotations

import json

import pytest

from exports.preference import rows_of as pairs_of
from exports.sft import rows_of as dialogues_of
from tests.exports.stored_rows import FAIL, Tests, row

VOTE = {"pass_rate": 0.5, "difficulty": "medium"}


def rated(identity: str, rate: float, passed: bool, chain: str = "c") -> dict[str, object]:
    evidence = {"status": "ok", "pass_rate": rate}
    if passed:
        return row(identity, evidence=evidence, chain=chain, attempt=1)
    return row(identity, FAIL, "failed_assertion", evidence=evidence, chain=chain, final=False)


@pytest.mark.parametrize(
    ("good", "bad", "pairs"),
    [
        (1.0, 0.5, 1),
        (1.0, 0.59, 1),
        (1.0, 0.6, 0),  # the gap must be above 0.4
        (1.0, 0.7, 0),
        (1.0, 0.0, 0),  # nothing passed: noise
        (1.0, 0.01, 1),
        (0.8, 0.1, 0),  # the chosen one must be above 0.8
        (0.81, 0.1, 1),
    ],
)
def test_bounds_of_program_pairs(good: float, bad: float, pairs: int) -> None:
    group = [rated("bad", bad, False), rated("good", good, True)]
    assert len(list(pairs_of(group, {"good"}))) == pairs


def test_measures_stand_in_the_metadata() -> None:
    made = row("a", evidence={"pass_rate": 1.0}, check=Tests())
    made["verdicts"] += [
        {"check": "tests_strength", "outcome": "pass", "reason": "x", "evidence": json.dumps({"mutation_score": 0.9})},
        {
            "check": "agreement",
            "outcome": "pass",
            "reason": "x",
            "evidence": '{"pass_rate": 0.5, "difficulty": "medium"}',
        },
    ]
    (dialogue,) = dialogues_of([made], {"a"})
    assert json.loads(dialogue["metadata"]) == {
        "language": "python",
        "test_pass_rate": 1.0,
        "mutation_score": 0.9,
        "pass_rate": 0.5,
        "difficulty": "medium",
    }
