"""Equivalence of final answers: the suite of pairs, the conventions, and hostile answers."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import AsyncIterator
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifiers.equivalence import Conventions, NeedsSymbols, TooLarge, equivalent, is_equivalent
from verifiers.equivalence_worker import compare
from verifiers.workers import DeadlineExceeded, ProcessPool, WorkerError

HERE = Path(__file__).parent
TYPED = [json.loads(line) for line in (HERE / "equivalence_typed_pairs.jsonl").read_text("utf-8").splitlines()]
PAIRS = [json.loads(line) for line in (HERE / "equivalence_pairs.jsonl").read_text("utf-8").splitlines()] + TYPED
ACCEPTS = [(row["expected"], row["answer"]) for row in PAIRS if row["equivalent"]]
REJECTS = [(row["expected"], row["answer"]) for row in PAIRS if not row["equivalent"]]
# Answers built to exhaust whoever compares them.
UNJUDGED = [
    "9^9^9^9",
    r"9^{9^{9^{9}}}",
    r"2^{2^{2^{2^{2^{2}}}}}",
    r"10^{10^{10}}",
    r"7^{7^{7^7}} - 7^{7^{7^7}} + 5",
    "2^{999999999}",
    "999999!",
    "(((9!)!)!)!",
    "9!!!!!",
    r"(99999^{99999})^{99999}",
    r"\binom{1000000}{500000}",
    r"\sum_{k=1}^{10^9} k^{-k}",
    r"\prod_{k=1}^{1000000} k",
    "(" * 3000 + "1" + ")" * 3000,
    r"\sqrt{" * 200 + "2" + "}" * 200,
    "{" * 500,
    "9" * 5000,
    "(a+b+c+d+e+f+g+h)^{60}",
    r"\int_0^1 e^{x^{x^{x^{x}}}} dx",
    r"\cos(\cos(\cos(x)))^{200}+\sin^{300}(x+y+z)",
    r"\frac{1}{" * 38 + "2" + "}" * 38,
    "(x+1)^{99999}",
]


@pytest.fixture
async def workers() -> AsyncIterator[ProcessPool]:
    pool = ProcessPool(2)
    yield pool
    await pool.aclose()


async def decide(expected: str, answer: str, pool: ProcessPool, deadline_s: float = 5) -> bool | str:
    try:
        return await is_equivalent(expected, answer, pool, deadline_s=deadline_s)
    except (TooLarge, WorkerError) as error:
        return type(error).__name__


async def wrong(pairs: list[tuple[str, str]], expected: bool, pool: ProcessPool) -> list[tuple[str, str, bool | str]]:
    results = await asyncio.gather(*(decide(*pair, pool) for pair in pairs))
    return [(*pair, result) for pair, result in zip(pairs, results, strict=True) if result is not expected]


async def test_equivalent_pairs_are_accepted(workers: ProcessPool) -> None:
    assert len(ACCEPTS) >= 200
    assert await wrong(ACCEPTS, True, workers) == []


def test_the_suite_has_every_type_and_half_of_it_are_near_misses() -> None:
    types = Counter((row["type"], row["equivalent"]) for row in TYPED)
    named = {kind for kind, _ in types}
    assert named >= {"numbers", "units", "percent", "currency", "mixed", "intervals", "sets", "tuples", "matrices"}
    assert named >= {"equations", "inequalities", "text", "choices", "symbolic"}
    assert all(types[kind, same] >= 5 for kind in named for same in (True, False))
    assert len(TYPED) >= 400 and 2 * len(REJECTS) >= len(PAIRS)


async def test_near_misses_are_refused(workers: ProcessPool) -> None:
    assert len(REJECTS) >= 200
    assert await wrong(REJECTS, False, workers) == []


@pytest.mark.heavy
@pytest.mark.timeout(1800)
async def test_hostile_answers_end_and_disturb_nobody(workers: ProcessPool) -> None:
    """20 of them and 1,000 ordinary comparisons at a time, on two workers; the hostile ones come first."""
    hostile = asyncio.gather(*(decide("5", answer, workers, deadline_s=1.0) for answer in UNJUDGED))
    same, other = ACCEPTS[:500], REJECTS[-500:]
    assert await wrong(same, True, workers) == []
    assert await wrong(other, False, workers) == []
    results = await hostile
    assert len(results) >= 20 and len(same + other) == 1000
    assert all(result in ("TooLarge", "DeadlineExceeded", False) for result in results), results


async def test_hostile_answers_do_not_stand_in_the_way(workers: ProcessPool) -> None:
    hanging = [asyncio.create_task(decide("5", answer, workers, deadline_s=60)) for answer in UNJUDGED[10:14]]
    assert await wrong([("x(x+1)", "x^2+x"), (r"\sqrt{50}", r"5\sqrt{2}")] * 5, True, workers) == []
    for task in hanging:
        task.cancel()
    await asyncio.gather(*hanging, return_exceptions=True)


@pytest.mark.heavy
async def test_a_comparison_that_looks_harmless_and_is_not_waits_in_the_slow_lane(workers: ProcessPool) -> None:
    answer = r"\cos(\cos(\cos(x)))^{20}+\sin^{30}(x+y+z)"
    hanging = [asyncio.create_task(decide("5+x", f"{answer}+{number}", workers, deadline_s=2.0)) for number in range(4)]
    assert await wrong([("x(x+1)", "x^2+x")] * 20, True, workers) == []
    assert all(result in ("DeadlineExceeded", False) for result in await asyncio.gather(*hanging))


async def test_a_hanging_comparison_is_a_deadline_and_no_verdict(workers: ProcessPool) -> None:
    with pytest.raises(DeadlineExceeded):
        await is_equivalent(r"\binom{1000000}{500000}", "5", workers, deadline_s=1)


def test_hostile_expected_answers_are_refused_alike() -> None:
    for answer in ("9^9^9^9", "999999!", "(" * 3000, "9" * 5000):
        with pytest.raises(TooLarge):
            equivalent(answer, "5", Conventions(), no_algebra)


def test_wide_structures_are_refused() -> None:
    many = ",".join(str(number) for number in range(100))
    with pytest.raises(TooLarge):
        equivalent(f"({many})", f"({many},1)", Conventions(), no_algebra)
    nested = "{" + ",".join("{" + ",".join(f"{a}{b}" for a in range(9)) + "}" for b in range(60)) + "}"
    reverse = "{" + ",".join("{" + ",".join(f"{a}{b}7" for a in range(9)) + "}" for b in range(50)) + "}"
    with pytest.raises(TooLarge):
        equivalent(nested, reverse, Conventions(), no_algebra)


def no_algebra(expected: str, answer: str) -> bool:
    raise NeedsSymbols


CONVENTIONS = [
    ("50%", "50", Conventions(), True),
    ("50%", "50", Conventions(percent_sign_optional=False), False),
    ("50%", "0.5", Conventions(percent_sign_optional=False), True),
    ("5 cm", "5", Conventions(), True),
    ("5 cm", "5", Conventions(units_optional=False), False),
    ("5 cm", "0.05 m", Conventions(units_optional=False), True),
    ("1, 2", "2, 1", Conventions(), True),
    ("1, 2", "2, 1", Conventions(lists_ordered=True), False),
    ("1, 2", "1, 2", Conventions(lists_ordered=True), True),
]


def test_conventions_can_be_switched() -> None:
    for expected, answer, conventions, same in CONVENTIONS:
        assert equivalent(expected, answer, conventions, no_algebra) is same, (expected, answer, conventions)


PLAIN = st.one_of(
    st.integers(-(10**12), 10**12).map(str),
    st.integers(-(10**9), 10**9).map(lambda value: f"{value:,}"),
    st.fractions(max_denominator=10**4).map(str),
    st.fractions(max_denominator=10**4).map(lambda value: rf"\frac{{{value.numerator}}}{{{value.denominator}}}"),
    st.decimals(-(10**6), 10**6, places=3).map(str),
    st.integers(1, 1000).map(lambda value: f"{value}%"),
    st.integers(1, 1000).map(lambda value: f"${value}.50"),
    st.integers(1, 1000).map(lambda value: rf"{value}\text{{ cm}}"),
)


@given(PLAIN, PLAIN)
def test_plain_answers_need_no_worker_and_compare_alike_both_ways(first: str, second: str) -> None:
    forward = equivalent(first, second, Conventions(), no_algebra)
    assert forward is equivalent(second, first, Conventions(), no_algebra)
    assert equivalent(first, first, Conventions(), no_algebra)


@given(st.fractions(max_denominator=999), st.fractions(max_denominator=999))
def test_fractions_are_equal_exactly_when_their_values_are(first: Fraction, second: Fraction) -> None:
    written = rf"\frac{{{3 * second.numerator}}}{{{3 * second.denominator}}}"
    assert equivalent(str(first), written, Conventions(), no_algebra) is (first == second)


@given(st.lists(st.integers(-50, 50), min_size=2, max_size=6))
def test_sets_know_no_order_and_tuples_do(numbers: list[int]) -> None:
    rows = (numbers, sorted(numbers))
    sets = [r"\{" + ", ".join(map(str, row)) + r"\}" for row in rows]
    tuples = ["(" + ", ".join(map(str, row)) + ")" for row in rows]
    assert equivalent(sets[0], sets[1], Conventions(), no_algebra)
    assert equivalent(tuples[0], tuples[1], Conventions(), no_algebra) is (rows[0] == rows[1])


@given(st.text(max_size=120), st.text(max_size=120))
def test_any_text_is_decided_or_needs_algebra(expected: str, answer: str) -> None:
    with contextlib.suppress(NeedsSymbols):
        assert equivalent(expected, answer, Conventions(), no_algebra) in (True, False)


MATHS = st.lists(
    st.sampled_from(
        [*"0123456789xy+-*/^=<>(){}[],.%$ ", "\\frac", "\\sqrt", "{1}", "\\pm", "\\cup", " or ", " cm", "\\\\"]
    ),
    max_size=30,
).map("".join)


@given(MATHS, MATHS)
def test_any_notation_is_decided_or_needs_algebra(expected: str, answer: str) -> None:
    with contextlib.suppress(NeedsSymbols, TooLarge):
        assert equivalent(expected, answer, Conventions(), no_algebra) in (True, False)


def test_the_suite_gives_the_same_without_a_pool() -> None:
    for expected, answer in REJECTS[::10]:
        assert compare(expected, answer, Conventions()) is False, (expected, answer)
