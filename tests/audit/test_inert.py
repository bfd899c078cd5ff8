"""What a terminal or a browser would act on is shown; what people read is left alone."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.inert import HIDDEN, KEPT, inert, inert_line

SHOWN = {
    "\x1b[31mred\x1b[0m": "␛[31mred␛[0m",
    "\x1b]8;;http://evil\x07link": "␛]8;;http://evil␇link",
    "a\rb": "a␍b",
    "a\r\nb": "a\nb",
    "\x00\x08\x7f": "␀␈␡",
    "\x9b31m": "\\u009b31m",
    "user\u202egnp.exe": "user\\u202egnp.exe",
    "\u2028\ufeff\u200b": "\\u2028\\ufeff\\u200b",
    "\U000e0041": "\\U000e0041",
    "\ud800": "\\ud800",
}

LEFT_ALONE = ["tab\tand\nline", "naïve 你好 مرحبا हिन्दी", "👩\u200d🔬 🇩🇪", "می\u200cخواهم", "\\u202e", "π ≠ 3"]


@pytest.mark.parametrize("text", SHOWN)
def test_what_acts_is_shown(text: str) -> None:
    assert inert(text) == SHOWN[text]


@pytest.mark.parametrize("text", LEFT_ALONE)
def test_what_people_read_is_left_alone(text: str) -> None:
    assert inert(text) == text


@given(st.text(st.characters()))
def test_nothing_hidden_is_left(text: str) -> None:
    assert not [one for one in inert(text) if one not in KEPT and unicodedata.category(one) in HIDDEN]
    assert not {"\n", "\t"} & set(inert_line(text))
    assert inert(inert(text)) == inert(text)
