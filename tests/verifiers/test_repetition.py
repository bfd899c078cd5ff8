"""Repetition: each of Gopher's limits refuses its planted text; ordinary prose and code pass."""

from __future__ import annotations

import inspect
import json.decoder
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifiers import repetition
from verifiers.repetition import LEAST_WORDS, Repetition, find_repetition


def fresh(count: int, start: int = 0) -> list[str]:
    """Different words of five letters."""
    return [f"w{number:04}" for number in range(start, start + count)]


def scattered(repeated: list[str], times: int, between: int) -> str:
    """The repeated words, `times` times, with fresh words before each: one line, one paragraph."""
    parts = [" ".join([*fresh(between, 100 * time), *repeated]) for time in range(times)]
    return " ".join(parts)


def lines(different: int, repeated: int, short: bool = False) -> str:
    own = [" ".join(fresh(10, 10 * number)) for number in range(different)]
    return "\n".join([*own, *["end" if short else own[0]] * repeated])


REFUSED = [
    (lines(10, 6, short=True), "duplicate_lines"),  # 5 of 16 lines stood before, few characters
    (lines(10, 4), "duplicate_line_characters"),  # 4 of 14 lines, but 4 of 14 of the characters
    ("\n\n".join([*(" \n ".join(fresh(30, 30 * n)) for n in range(4)), "a", "a", "a", "a"]), "duplicate_paragraphs"),
    (scattered(["xxxxx", "yyyyy"], 20, 6), "top_2_gram"),  # 2 of every 8 words
    (scattered(["xxxxx", "yyyyy", "zzzzz"], 20, 13), "top_3_gram"),  # 3 of 16: 18.75 %; the 2-gram has 12.5 %
    (scattered(["a1111", "b1111", "c1111", "d1111"], 20, 20), "top_4_gram"),  # 4 of 24: 16.7 %
    (" ".join([*fresh(100), *fresh(5, 0), *fresh(1, 900), *fresh(5, 10), *fresh(1, 901), *fresh(5, 20), "x",
               *fresh(5, 30), "y", *fresh(5, 40)]), "duplicate_5_grams"),
    (" ".join([*fresh(100), *fresh(10, 20), "x"]), None),  # 10 of 111 words: below the limit of every n
    (" ".join([*fresh(100), *fresh(12, 20), "x"]), "duplicate_10_grams"),  # 12 of 113: 10.6 %
]  # fmt: skip


@pytest.mark.parametrize(("text", "reason"), REFUSED)
def test_each_limit_refuses(text: str, reason: str | None) -> None:
    found = find_repetition(text)
    assert (found.reason if found else None) == reason
    assert found is None or found.limit < found.share <= 1


def test_every_limit_is_the_published_one() -> None:
    assert repetition.TOP == {2: 0.20, 3: 0.18, 4: 0.16}
    assert repetition.DUPLICATE == {5: 0.15, 6: 0.14, 7: 0.13, 8: 0.12, 9: 0.11, 10: 0.10}
    assert (repetition.LINES, repetition.PARAGRAPHS) == (0.30, 0.30)
    assert (repetition.LINE_CHARACTERS, repetition.PARAGRAPH_CHARACTERS) == (0.20, 0.20)


def test_short_texts_are_not_judged() -> None:
    assert find_repetition("again " * (LEAST_WORDS - 1)) is None
    assert find_repetition("again " * LEAST_WORDS) == Repetition("top_2_gram", 1.0, 0.20)
    assert find_repetition("") is None
    assert find_repetition("\n \n\t") is None


def test_real_prose_and_code_pass() -> None:
    prose = "\n".join(line for line in (inspect.getdoc(random.Random) or "").splitlines())
    assert find_repetition(prose * 1) is None
    assert find_repetition(inspect.getsource(json.decoder.JSONDecoder.raw_decode) + prose) is None
    assert find_repetition(inspect.getsource(find_repetition) + inspect.getsource(scattered)) is None


@given(st.text(alphabet="ab \n", max_size=400))
def test_any_text_has_an_answer(text: str) -> None:
    found = find_repetition(text)
    assert found is None or 0 < found.limit < found.share <= 1
