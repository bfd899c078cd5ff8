"""Outcomes and ids: PASS needs every check, FAIL decides, ids depend on nothing but their parts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from hypothesis import given
from hypothesis import strategies as st

from records.types import Candidate, Check, Outcome, Record, Seed, Verdict, stable_hash, stable_seed

PASS, FAIL, UNJUDGED = Outcome.PASS, Outcome.FAIL, Outcome.UNJUDGED


@dataclass(frozen=True)
class Probe(Check):
    kind: ClassVar[str] = "probe"


def record(checks: int, outcomes: list[Outcome]) -> Record:
    seed = Seed("s", "text", "source", "MIT")
    candidate = Candidate("c", "c", seed, "r", (), {}, (Probe(),) * checks, ())
    return Record(candidate, tuple(Verdict("probe", outcome, f"v{index}") for index, outcome in enumerate(outcomes)))


ACCEPTED = [(1, [PASS]), (2, [PASS, PASS])]
REJECTED = [(1, [FAIL]), (2, [PASS, FAIL]), (2, [UNJUDGED, FAIL]), (3, [FAIL])]
UNKNOWN = [(0, []), (1, []), (2, [PASS]), (1, [UNJUDGED]), (2, [PASS, UNJUDGED])]


def test_outcomes() -> None:
    for outcome, cases in ((PASS, ACCEPTED), (FAIL, REJECTED), (UNJUDGED, UNKNOWN)):
        for checks, verdicts in cases:
            assert record(checks, verdicts).outcome is outcome, (checks, verdicts)


def test_a_record_without_checks_is_never_accepted() -> None:
    assert record(0, []).outcome is UNJUDGED
    assert record(0, []).deciding.reason == "no_check"


@given(st.lists(st.sampled_from([PASS, FAIL, UNJUDGED]), min_size=1, max_size=6))
def test_the_deciding_verdict_has_the_records_outcome(outcomes: list[Outcome]) -> None:
    one = record(len(outcomes), outcomes)
    assert one.deciding.outcome is one.outcome


@given(st.lists(st.text(), max_size=4), st.lists(st.text(), max_size=4))
def test_hashes_tell_part_lists_apart(one: list[str], other: list[str]) -> None:
    assert (stable_hash(*one) == stable_hash(*other)) == (one == other)


@given(st.text())
def test_seeds_fit_a_signed_32_bit_integer(text: str) -> None:
    assert 0 <= stable_seed(text) < 2**31


def test_hashes_do_not_change_between_versions() -> None:
    assert stable_hash("a", "b") == "3c9d591045bc8876"
