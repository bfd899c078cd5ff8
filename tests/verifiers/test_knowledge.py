"""The decision table, exhaustively, and the knownness tags."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import product

import pytest

from verifiers.knowledge import Cutoffs, Decision, Tally, decide_knowledge, find_knownness

CUTOFFS = Cutoffs(high=0.8, low=0.2, informative=0.8, min_samples=5)


def tallies(largest: int) -> Iterator[Tally]:
    """All counts for up to `largest` answers."""
    for right, wrong, silent, unjudged in product(range(largest + 1), repeat=4):
        if right + wrong + silent + unjudged <= largest:
            for informative in range(right + wrong + silent + 1):
                yield Tally(right, wrong, silent, informative, unjudged)


def by_the_table(right: int, wrong: int, silent: int, informative: int) -> Decision:
    """The table of the design, in exact fractions."""
    judged, attempted = right + wrong + silent, right + wrong
    if attempted == 0 or Fraction(informative, judged) < Fraction(8, 10):
        return "uninformative"
    if Fraction(right, attempted) >= Fraction(8, 10):
        return "known"
    return "unknown" if Fraction(right, attempted) <= Fraction(2, 10) else "mixed"


def expected(tally: Tally) -> Decision:
    """What the table says however the missing judgements would have come out, by trying all of them one by one."""
    if tally.right + tally.wrong + tally.silent < 5:
        return "undecided"
    states = {(tally.right, tally.wrong, tally.silent, tally.informative)}
    for _ in range(tally.unjudged):
        states = {
            (right + (kind == 0), wrong + (kind == 1), silent + (kind == 2), informative + said)
            for right, wrong, silent, informative in states
            for kind in range(3)
            for said in range(2)
        }
    found = {by_the_table(*state) for state in states}
    return found.pop() if len(found) == 1 else "undecided"


def test_the_rule_over_all_counts_up_to_ten() -> None:
    seen = dict.fromkeys(("known", "unknown", "mixed", "uninformative", "undecided"), 0)
    for tally in tallies(10):
        found = decide_knowledge(tally, CUTOFFS)
        assert found == expected(tally), tally
        seen[found] += 1
    assert sum(seen.values()) > 4000 and all(seen.values()), seen


@pytest.mark.parametrize(
    ("tally", "decision"),
    [
        (Tally(8, 2, 0, 10), "known"),
        (Tally(7, 3, 0, 10), "mixed"),
        (Tally(2, 8, 0, 10), "unknown"),
        (Tally(3, 7, 0, 10), "mixed"),
        (Tally(0, 8, 2, 8), "unknown"),
        (Tally(0, 10, 0, 7), "uninformative"),
        (Tally(0, 0, 10, 10), "uninformative"),
        (Tally(0, 9, 0, 9, 1), "unknown"),
        (Tally(0, 7, 0, 7, 3), "undecided"),
        (Tally(4, 0, 0, 4), "undecided"),
    ],
)
def test_the_borders(tally: Tally, decision: Decision) -> None:
    assert decide_knowledge(tally, CUTOFFS) == decision


@pytest.mark.parametrize(
    "wrong", [{"low": 0.8}, {"low": -0.1}, {"high": 1.1}, {"informative": 2}, {"min_samples": 0}, {"low": 0.9}]
)
def test_cut_offs_that_decide_nothing_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError):
        Cutoffs(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("greedy", "sampled", "tag"),
    [
        ([True, True], [True, False], "highly_known"),
        ([True, False], [False], "maybe_known"),
        ([False, False], [False, True], "weakly_known"),
        ([False], [False], "unknown"),
        ([], [True], "weakly_known"),
        ([True, None], [True], None),
        ([False], [None, True], "weakly_known"),
        ([False], [None, False], None),
        ([True, False], [None], "maybe_known"),
        ([], [], "unknown"),
    ],
)
def test_knownness(greedy: list[bool | None], sampled: list[bool | None], tag: str | None) -> None:
    assert find_knownness(greedy, sampled) == tag
