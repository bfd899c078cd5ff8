"""Length bounds, finished replies, repetition."""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

from hypothesis import given
from hypothesis import strategies as st

from records.types import Candidate, Outcome, Seed
from verifiers.base import Resources
from verifiers.response_hygiene import ResponseHygiene, repeated_share, verify

LONG_SUM = "We add the numbers one by one: " + ", ".join(f"{n} plus {n + 1} is {2 * n + 1}" for n in range(40))
ACCEPTS = [
    (ResponseHygiene(), "A cat has 4 legs, so three cats have 3 * 4 = 12 legs. \\boxed{12}"),
    (ResponseHygiene(), LONG_SUM),
    (ResponseHygiene(min_characters=0), "12"),
    (ResponseHygiene(max_characters=30), "x" * 30),
    (ResponseHygiene(), "One trillion is 1" + "0" * 12 + ", and a googol has many more zeros than that."),
]
REJECTS = [
    (ResponseHygiene("length"), "A cat has 4 legs, so three cats have", "unfinished"),
    (ResponseHygiene("content_filter"), "A cat has 4 legs, so three cats have 12 legs", "unfinished"),
    (ResponseHygiene(), "12", "too_short"),
    (ResponseHygiene(), "   12                                    ", "too_short"),
    (ResponseHygiene(max_characters=30), "x" * 31, "too_long"),
    (ResponseHygiene(), "So we get three cats with four legs each and that is twelve. " * 20, "repetitive"),
    (ResponseHygiene(), "It is 0." + "18" * 100, "repetitive"),
    (ResponseHygiene(), "wait " * 200, "repetitive"),
    (ResponseHygiene(), LONG_SUM + ". " + LONG_SUM, "repetitive"),
]
# This check looks at the text alone: it always knows.
UNJUDGED: list[tuple[ResponseHygiene, str]] = []

NOTHING = cast(Resources, None)


def candidate(response: str) -> Candidate:
    return Candidate("c", "c", Seed("s", "q", "t", "l"), "math/solve", (), {"response": response}, (), ())


async def test_clean_responses_pass() -> None:
    for check, response in ACCEPTS:
        verdict = await verify(check, candidate(response), NOTHING)
        assert (verdict.outcome, verdict.reason) == (Outcome.PASS, "clean"), response[:80]


async def test_faulty_responses_fail_with_their_reason() -> None:
    for check, response, reason in REJECTS:
        verdict = await verify(check, candidate(response), NOTHING)
        assert (verdict.outcome, verdict.reason) == (Outcome.FAIL, reason), response[:80]


def test_it_always_knows() -> None:
    assert UNJUDGED == []


@given(st.text(max_size=300))
def test_the_repeated_share_is_a_share(text: str) -> None:
    assert 0 <= repeated_share(text) <= 1


@given(st.lists(st.sampled_from(["one", "two", "three", "4", "5", "+", "="]), min_size=10, max_size=60))
def test_a_doubled_text_is_at_least_nearly_half_repeated(words: list[str]) -> None:
    text = " ".join(words)
    assert repeated_share(f"{text} {text}") >= 0.5 - 1e-9 >= repeated_share(" ".join(sorted(set(words))))


async def test_real_solutions_are_seldom_called_repetitive(shared_data: Path) -> None:
    rows = (shared_data / "math" / "gsm8k_train.jsonl").read_text(encoding="utf-8").splitlines()
    shares = [repeated_share(json.loads(line)["answer"]) for line in rows]
    assert sum(share > ResponseHygiene().max_repeated_share for share in shares) <= 0.01 * len(shares)
