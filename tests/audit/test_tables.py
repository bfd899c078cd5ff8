"""Tables for terminals and for Markdown."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.tables import markdown_table, percent, text_table

HEADERS = ("name", "count", "share")


def test_text_is_aligned_with_numbers_to_the_right() -> None:
    assert text_table(HEADERS, [("a", 1, "0.1%"), ("longer", 1200, "99.9%"), ("", None, "-")]) == (
        "name    count  share\n------  -----  -----\na           1   0.1%\nlonger   1200  99.9%\n                   -\n"
    )


def test_wide_and_combining_characters_are_counted_as_terminals_do() -> None:
    lines = text_table(("name", "n"), [("你好", 1), ("e\u0301a", 22)]).split("\n")
    assert lines[2] == "你好   1"
    assert lines[3] == "e\u0301a    22"


def test_a_table_too_wide_is_wrapped_and_loses_nothing() -> None:
    words = " ".join(f"word{number}" for number in range(40))
    text = text_table(("reason", "count"), [(words, 7), ("x" * 200, 8)], 40)
    assert max(map(len, text.split("\n"))) <= 40
    assert text.count("x") == 200
    assert re.findall(r"word\d+", text.replace("\n", " ")) == words.split()


def test_where_nothing_fits_a_row_becomes_lines() -> None:
    rows = [("math/solve", "", "", ""), ("  corpus", 6, 6, "100.0%"), ("  propose", 12345, 6, "")]
    text = text_table(("stage", "in", "accepted", "yield"), rows, 22, stack=True)
    assert text.splitlines() == [
        "math/solve",
        "  corpus",
        "    in 6, accepted 6,",
        "    yield 100.0%",
        "  propose",
        "    in 12345, accepted",
        "    6",
    ]


def test_headers_and_numbers_are_never_broken() -> None:
    text = text_table(("a_long_header", "n"), [("x" * 50, 123456789012)], 10)
    assert text.startswith("a_long_header             n\n")
    assert "123456789012" in text


def test_a_cell_cannot_act_on_the_terminal_or_break_the_row() -> None:
    text = text_table(("a", "b"), [("\x1b[2J\nnext", "c\td")])
    assert "␛[2J⏎next  c⇥d" in text
    assert text.count("\n") == 3


@pytest.mark.parametrize("headers", [("a",), HEADERS])
def test_a_table_without_rows_has_its_head(headers: tuple[str, ...]) -> None:
    assert text_table(headers, []).split() == [*headers, *("-" * len(name) for name in headers)]
    assert markdown_table(headers, []).count("\n") == 2


HOSTILE = {
    "a|b": r"a\|b",
    "a\nb": "a⏎b",
    "`code`": r"\`code\`",
    "<script>x</script>": r"\<script\>x\</script\>",
    "&lt;b&gt;": r"\&lt;b\&gt;",
    "![x](http://h/p.png)": r"!\[x\](http\://h/p.png)",
    "*b* _i_ ~s~": r"\*b\* \_i\_ \~s\~",
    "www.h.example": r"www\.h.example",
    "me@h.example @team": r"me\@h.example \@team",
    "\\|": r"\\\|",
    "snake_case: fine (really)": "snake_case: fine (really)",
}


@pytest.mark.parametrize("cell", HOSTILE)
def test_markdown_cells_are_plain_text(cell: str) -> None:
    assert markdown_table(("a",), [(cell,)]) == f"| a |\n| --- |\n| {HOSTILE[cell]} |\n"


def test_markdown_numbers_stand_to_the_right() -> None:
    assert markdown_table(HEADERS, [("a", 1, "0.1%")]).split("\n")[1] == "| --- | ---: | ---: |"


@given(st.lists(st.tuples(st.text(), st.integers(), st.text()), max_size=4), st.integers(20, 100))
def test_any_text_makes_a_table_of_the_right_shape(rows: list[tuple[str, int, str]], width: int) -> None:
    lines = markdown_table(HEADERS, rows).split("\n")
    assert len(lines) == len(rows) + 3
    assert {len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) for line in lines[:-1]} == {4}
    assert text_table(HEADERS, rows, width).count("\n") >= len(rows) + 2


def test_percent_of_nothing_is_not_a_number() -> None:
    assert (percent(1, 3), percent(3, 3), percent(0, 0)) == ("33.3%", "100.0%", "-")
