"""Artefacts of extraction: what must be found, and what only looks like it."""

from __future__ import annotations

import calendar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifiers.text_artefacts import find_artefact

PROSE = "The committee met in the old hall. It had been built by a merchant who traded in salt and grain."
CODE = ["import os", "", "def main(path):", "    for name in os.listdir(path):", "        print(name)", "",
        "    return 0", "", "if __name__ == '__main__':", "    main('.')", "# the end", "x = 1"]  # fmt: skip


def numbers(first: int, last: int, between: str) -> str:
    return between.join(map(str, range(first, last + 1)))


def listing(form: str, first: int = 1) -> str:
    return "\n".join(form.format(number, line) for number, line in enumerate(CODE, first))


LINE_NUMBERS = {
    "one line": numbers(1, 34, " "),
    "a short page": numbers(1, 8, " "),
    "from the middle of a file": numbers(118, 171, " "),
    "wide gaps": numbers(1, 20, "   "),
    "tabs": numbers(1, 20, "\t"),
    "before the code in one line": numbers(1, 12, " ") + " import os def main(): pass",
    "after words": "example.py " + numbers(1, 16, " "),
    "column": numbers(1, 34, "\n"),
    "column with blank lines": numbers(1, 20, "\n\n"),
    "indented column": numbers(1, 20, "\n    "),
    "before each line": listing("{} {}"),
    "with a tab": listing("{}\t{}"),
    "with a bar": listing("{} | {}"),
    "with a colon": listing("{}: {}"),
    "right aligned": listing("{:>4}  {}", 95),
}
SOUND = {
    "dates": "\n".join(f"{day} March 2021: the ship passed the cape." for day in range(1, 20)),
    "iso dates": " ".join(f"2020-01-{day:02}" for day in range(1, 32)),
    "years in prose": "In 1990 1991 and 1992 the crop failed; by 1993 it was sold.",
    "calendar": calendar.TextCalendar().formatmonth(2024, 5),
    "whole year": calendar.TextCalendar().formatyear(2024),
    "numbered list": "\n".join(f"{number}. Take item {number} from the shelf." for number in range(1, 25)),
    "list with brackets": "\n".join(f"{number}) {word}" for number, word in enumerate(PROSE.split(), 1)),
    "list without marks": "\n".join(f"{number} {word} from the market" for number, word in enumerate(PROSE.split(), 1)),
    "table with row numbers": "\n".join(f"{row}  Town {row}  {row * 713}  {row * 3}.5" for row in range(1, 20)),
    "table with tabs": "\n".join(f"{row}\tx = {row}\t{row * row}" for row in range(1, 20)),
    "table with bars": "\n".join(f"| {row} | {row * row} | {row**3} |" for row in range(1, 20)),
    "head of a table": "Hole " + numbers(1, 18, " ") + "\nPar " + " ".join("4" for _ in range(18)),
    "months": numbers(1, 12, " ") + "\n" + " ".join(str(month * 3) for month in range(1, 13)),
    "commas": numbers(1, 30, ", "),
    "sum": numbers(1, 30, " + ") + " = 465",
    "sums in lines": "\n".join(f"{number} + {number} = {2 * number}" for number in range(1, 20)),
    "products": "\n".join(f"{number} * 7 = {7 * number}" for number in range(1, 20)),
    "a few": "Count with me: 1 2 3 4 5 6 7.",
    "steps of two": numbers(1, 1, " ") + " " + " ".join(str(2 * number) for number in range(1, 30)),
    "scores": "3 1 2 4 5 7 6 8 9 11 10 12 14 13 15",
    "verses": "\n".join(f"{number} And it came to pass that they went on." for number in range(1, 20)),
    "phone numbers": "\n".join(f"555 010{number} ask for extension {number}" for number in range(10)),
}


@pytest.mark.parametrize("name", LINE_NUMBERS)
@pytest.mark.parametrize("around", ["{}", PROSE + "\n\n{}\n\n" + PROSE])
def test_line_number_runs_are_found(name: str, around: str) -> None:
    found = find_artefact(around.format(LINE_NUMBERS[name]))
    assert found is not None and found.reason == "line_number_run"


@pytest.mark.parametrize("name", SOUND)
@pytest.mark.parametrize("around", ["{}", PROSE + "\n\n{}\n\n" + PROSE])
def test_what_only_looks_like_line_numbers_is_left_alone(name: str, around: str) -> None:
    found = find_artefact(around.format(SOUND[name]))
    assert found is None or found.reason != "line_number_run", found


@given(st.integers(0, 9000), st.integers(10, 200), st.sampled_from([" ", "  ", "\t", "\n", "\n\n", "\n   "]))
def test_any_long_run_is_found_wherever_it_starts(first: int, length: int, between: str) -> None:
    found = find_artefact(f"{PROSE}\n\n{numbers(first, first + length, between)}\n\n{PROSE}")
    assert found is not None and found.reason == "line_number_run"


@given(st.text(max_size=400))
def test_any_text_can_be_looked_at(text: str) -> None:
    find_artefact(text)


@pytest.mark.parametrize(
    "damaged", ["Donâ€™t ask.", "naÃ¯ve", "a\ufffdb", "bell \x07", "cafÃ© crÃ¨me", "\x00", "schÃ¶n und grÃ¼n"]
)
def test_damaged_encoding_is_found(damaged: str) -> None:
    found = find_artefact(f"{PROSE}\n{damaged}\n{PROSE}")
    assert found is not None and found.reason == "damaged_encoding"


@pytest.mark.parametrize(
    "sound", ["Don’t ask.", "naïve café", "schön und grün", "日本語の文章です。", "Привет, мир", "“a — b”", "x ≤ y"]
)
def test_sound_text_in_any_script_is_not_damaged(sound: str) -> None:
    assert find_artefact(f"{PROSE}\n{sound}\n{PROSE}") is None


BOILERPLATE = {
    "notices": "We use cookies to improve this site. Read our privacy policy.\n\n© 2021 Example. All rights reserved.",
    "shop": f"Sign in\n\nAdd to cart\n\nSubscribe to our newsletter\n\n{PROSE[:40]}",
    "menu": "\n".join(f"Section {letter}" for letter in "ABCDEFGHIJKLMNOP"),
}


@pytest.mark.parametrize("name", BOILERPLATE)
def test_boilerplate_is_found(name: str) -> None:
    found = find_artefact(BOILERPLATE[name])
    assert found is not None and found.reason == "boilerplate"


def test_a_page_about_cookies_or_with_a_footer_is_content() -> None:
    about = "\n\n".join([PROSE] * 6)
    assert find_artefact(f"{about}\n\nAll rights reserved. Privacy policy.") is None
    assert find_artefact(f"A cookie is a baked sweet. {PROSE}\n\n{about}") is None
