"""Texts that give code away are found, however the code is laid out in them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from records.types import Candidate, Outcome, Seed
from verifiers.no_leak import LEAK_TOKENS, NoLeak, leak, verify

CODE = (
    "def area(w: int, h: int) -> int:\n    total = 0\n    for row in range(h):\n        total += w\n    return total\n"
)
SIGNATURE = "def area(w: int, h: int) -> int:"
PROSE = "Adds the width once for every row of the height, from nothing, and returns what that makes in total."
ACCEPTS = {
    "prose": PROSE,
    "a name and a number": "`area(2, 3)` returns 6; `total` starts at 0.",
    "the signature": f"{SIGNATURE} {PROSE}",
}
REJECTS = {
    "verbatim": f"Here: {CODE}",
    "on one line": "total = 0 for row in range(h): total += w",
    "squeezed": "total=0 for row in range(h):total+=w",
    "spread": "total\n=\n0\nfor   row\tin range ( h ) :",
}


async def judge(text: str, code: str = CODE) -> Any:
    candidate = Candidate("c", "c", Seed("s", "x", "t", "u"), "t", (), {"code": code, "text": text}, (), ())
    resources: Any = None
    return await verify(NoLeak("code", ("text",), SIGNATURE), candidate, resources)


@pytest.mark.asyncio
@pytest.mark.parametrize("text", ACCEPTS.values(), ids=ACCEPTS)
async def test_accepts(text: str) -> None:
    assert (await judge(text)).outcome is Outcome.PASS


@pytest.mark.asyncio
@pytest.mark.parametrize("text", REJECTS.values(), ids=REJECTS)
async def test_rejects(text: str) -> None:
    verdict = await judge(text)
    assert (verdict.outcome, verdict.reason) == (Outcome.FAIL, "code_in_text")
    assert verdict.evidence["part"] == "text"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("text", "code", "reason"),
    [("", CODE, "nothing_to_compare"), (PROSE, "", "nothing_to_compare"), ("x" * 500_000, CODE, "too_long")],
)
async def test_what_cannot_be_compared_is_refused(text: str, code: str, reason: str) -> None:
    verdict = await judge(text, code)
    assert (verdict.outcome, verdict.reason) == (Outcome.FAIL, reason)


def test_short_code_leaks_as_a_whole() -> None:
    assert leak("x = 1", "so x=1 it is") and not leak("x = 1", "so x is 1")
    assert not leak("", "anything")


WORDS = st.lists(st.sampled_from(["a", "b", "(", ")", "+", "x1", "="]), min_size=LEAK_TOKENS, max_size=40)


@given(WORDS, st.text(max_size=50), st.text(max_size=50), st.sampled_from([" ", "\n", "\t  "]))
def test_code_inside_any_text_is_found(tokens: list[str], before: str, after: str, space: str) -> None:
    assert leak(" ".join(tokens), f"{before} {space.join(tokens)} {after}")
