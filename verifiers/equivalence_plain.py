"""Compares what needs no algebra: quantities, multiple choice, words."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from verifiers.answer_shapes import read_shape
from verifiers.quantities import Quantity, read_glued, read_quantity, same_number
from verifiers.units import NO_UNIT, UNITS

CHOICE = re.compile(
    r"(?:(?:[Tt]he\s+)?(?:[Cc]orrect\s+)?(?:[Oo]ption|[Cc]hoice|[Aa]nswer)\s*(?:is|:)?\s+)?"
    r"(?:\(([A-Ja-j])\)|([A-J])[.):]|([a-j])\)|([A-J])$)(?:\s.*)?"
)
LONE_CHOICE = re.compile(r"\(([A-Ja-j])\)|([A-J])\)?")
WORDS = re.compile(r"[A-Za-z][A-Za-z'\" -]*")
POUNDS = {UNITS["£"], UNITS["pound"]}
YES_NO = {"yes": "yes", "true": "true", "no": "no", "false": "false"}
NOTHING = frozenset({"none", "no solution", "no real solution", "empty set", "\\emptyset"})
SAME_WORDS = {
    "no solutions": "no solution",
    "no real solutions": "no real solution",
    "dne": "does not exist",
    "infinitely many solutions": "infinitely many",
}
ARTICLES = re.compile(r"\b(?:the|a|an)\s+")


@dataclass(frozen=True, slots=True)
class Conventions:
    """What a user may decide about answers. The defaults are lenient where graders of word problems are."""

    percent_sign_optional: bool = True  # 50 for "50%" (numbers from 1 on only: 0.5 is never "0.5%")
    units_optional: bool = True  # 5 for "5 cm"
    lists_ordered: bool = False  # "1, 2" is not "2, 1"


DEFAULT = Conventions()


def decided(expected: str, answer: str, conventions: Conventions) -> bool | None:
    """The verdict on quantities, choices and words; None for anything else."""
    first, second = read_quantity(expected), read_quantity(answer)
    if first is None and second is not None:
        first = read_glued(expected, second)
    elif second is None and first is not None:
        second = read_glued(answer, first)
    if first is not None and second is not None:
        return same_quantity(first, second, conventions)
    choice = _same_choice(expected, answer)
    return _same_words(expected, answer) if choice is None else choice


def same_quantity(expected: Quantity, answer: Quantity, conventions: Conventions) -> bool:
    """Compare two quantities: value, percent and unit."""
    if expected.percent != answer.percent:
        percent, bare = (expected, answer) if expected.percent else (answer, expected)
        proportion = replace(percent, value=percent.value / 100, decimals=(percent.decimals or 0) + 2)
        as_written = conventions.percent_sign_optional and abs(bare.value) >= 1 and same_number(percent, bare)
        return bare.unit == NO_UNIT and (as_written or same_number(proportion, bare))
    if expected.unit == answer.unit:
        return same_number(expected, answer)
    if NO_UNIT in (expected.unit, answer.unit):
        return conventions.units_optional and same_number(expected, answer)
    if {expected.unit, answer.unit} == POUNDS:
        return same_number(expected, answer)  # a pound is money, too
    if expected.unit.powers != answer.unit.powers:
        return False
    return expected.value * expected.unit.factor == answer.value * answer.unit.factor


def _same_choice(expected: str, answer: str) -> bool | None:
    """Multiple choice: "B", "(b)", "B) 15" name the same option. None where the expected answer is no lone option."""
    wanted = LONE_CHOICE.fullmatch(expected)
    given = CHOICE.fullmatch(answer)
    if wanted is None or given is None:
        return None
    return _letter(wanted) == _letter(given)


def _letter(match: re.Match[str]) -> str:
    return next(letter for letter in match.groups() if letter).upper()


def _same_words(expected: str, answer: str) -> bool | None:
    """Text answers. None where one of the two may be mathematics."""
    first, second = (ARTICLES.sub("", text.strip("\"' ").casefold()) for text in (expected, answer))
    first, second = SAME_WORDS.get(first, first), SAME_WORDS.get(second, second)
    if first in NOTHING and second in NOTHING:
        return True
    if first in YES_NO and second[:1].isalpha():
        return first == (re.match(r"[a-z]+", second) or [""])[0]
    if not (WORDS.fullmatch(expected) and WORDS.fullmatch(answer)):
        return None
    if len(expected) == len(answer) == 1:
        return expected == answer  # variables and points are told apart by case
    if first == second:
        return True
    if read_shape(expected) and read_shape(answer):
        return None  # "red and blue" is a list
    # Short runs of letters may be products of variables: "ab" is "ba".
    long_enough = [" " in text or len(text) > 3 for text in (first, second)]
    return False if any(long_enough) else None
