r"""Reads plain quantities exactly, without a symbolic library: numbers, fractions, percent, money, measures.

Everything is a `Fraction`; no float is involved. Text that is more than a quantity (`2\sqrt{3}`, `x + 1`, `(1, 2)`)
is not read at all: that is for `verifiers.equivalence`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from fractions import Fraction

from verifiers.units import NO_UNIT, UNITS, Unit, read_unit

MAX_DIGITS = 400  # of one number; an exact comparison of longer ones is no use to anybody
MAX_EXPONENT = 300  # of scientific notation
APPROXIMATE_DECIMALS = 6  # decimals from which a decimal may stand for the number it rounds (math-verify's default)
APPROXIMATE_DIGITS = 4  # and its significant digits, so that 0.000001 does not stand for 0.0000012
NOISE_DECIMALS, NOISE = 10, Fraction(1, 10**9)  # decimals, relative difference: traces of binary floats (0.30000000004)

DECIMAL = r"(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d{1,3}(?:[ ]\d{3})+(?:\.\d+)?(?!\d)|\d+(?:\.\d*)?|\.\d+)"
NUMBER = re.compile(
    rf"""
      (?P<whole>\d+)\s*(?:and\s+|-(?=\d+/))?\s*\\frac\{{\s*(?P<mixed_top>\d+)\s*\}}\{{\s*(?P<mixed_bottom>\d+)\s*\}}
    | (?P<whole2>\d+)(?:\s+and\s+|\s+|-)(?P<mixed_top2>\d+)\s*/\s*(?P<mixed_bottom2>\d+)
    | \\frac\{{\s*(?P<top>-?\s*{DECIMAL})\s*\}}\{{\s*(?P<bottom>-?\s*{DECIMAL})\s*\}}
    | (?P<top2>{DECIMAL})\s*/\s*(?P<bottom2>{DECIMAL})
    | (?P<start>\d*)\.(?P<fixed>\d*)(?:\\overline|\\bar)\s*\{{(?P<repeated>\d+)\}}
    | (?P<mantissa>{DECIMAL})\s*(?:\\times|\\cdot|\*|x)\s*10\s*\^\s*\{{?\s*(?P<exponent>[-+]?\d+)\s*\}}?
    | 10\s*\^\s*\{{?\s*(?P<power_of_ten>[-+]?\d+)\s*\}}?
    | (?P<mantissa2>{DECIMAL})[eE](?P<exponent2>[-+]?\d+)
    | (?P<decimal>{DECIMAL})
    """,
    re.VERBOSE,
)
START = re.compile(
    r"(?:US(?=\s*\$))?(?P<code>(?:USD|EUR|GBP|JPY|INR)(?=[\s\d$€£¥₹]))?\s*"
    r"(?P<sign>[-+]?)\s*(?P<currency>[$€£¥₹]?)\s*(?P<sign2>[-+]?)\s*"
)
CODE = re.compile(r"(?:USD|EUR|GBP|JPY|INR)\s")
APPROXIMATELY = re.compile(
    r"^(?:(?:about|approximately|approx|roughly|exactly|only|just|around|(?:a )?total of|\\approx|~)\.?\s*)+",
    re.IGNORECASE,
)
MULTIPLIERS = {"hundred": 10**2, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12, "dozen": 12}
MULTIPLIER = re.compile(r"\s*(hundred|thousand|million|billion|trillion|dozen)s?(?![a-z])", re.IGNORECASE)
PERCENT = re.compile(r"\s*(?:%|per\s?cent(?:age)?(?![a-z]))", re.IGNORECASE)
# A word of one letter that does not name a unit is a variable, and these words are mathematics, not nouns.
NOT_NOUNS = re.compile(
    r"(?<![A-Za-z])(?:[a-zA-Z]|sin|cos|tan|cot|sec|csc|log|ln|exp|mod|or|and|to|not|if|for|where|plus|minus|times|over)"
    r"(?![A-Za-z])"
)
SMALL_WORDS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty"
)
TENS_WORDS = "ten twenty thirty forty fifty sixty seventy eighty ninety"
NUMBER_WORDS = {word: value for value, word in enumerate(SMALL_WORDS.split())} | {
    word: 10 * value for value, word in enumerate(TENS_WORDS.split(), start=1)
}
PART_WORDS = {
    "half": 2,
    "halve": 2,
    "third": 3,
    "quarter": 4,
    "fourth": 4,
    "fifth": 5,
    "sixth": 6,
    "eighth": 8,
    "tenth": 10,
}
PART_COUNTS = {"a": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "seven": 7, "nine": 9}
GLUED = re.compile(r"[A-Za-z](?![A-Za-z])")  # one letter right behind a number
GLUED_UNIT = re.compile(rf"(?P<number>[-+]?{DECIMAL})(?P<unit>[A-Za-z](?:\^\{{?[23]\}}?)?)")
LIKELY_UNITS = frozenset({"m", "g", "L", "l", "s", "h", "m^2", "m^3", "m^{2}", "m^{3}"})  # other letters: variables
COMPOUND = re.compile(r"(?<=[A-Za-z])(?<!and),?\s+(?:and\s+)?(?=\d)")  # between the parts of "1 hour and 30 minutes"


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number and what it counts. `decimals` is how many a decimal was written with; None for an exact form."""

    value: Fraction  # as written: 50 for "50%"
    decimals: int | None = None
    digits: int = 0  # significant ones of a decimal
    percent: bool = False
    unit: Unit = NO_UNIT


def read_quantity(text: str) -> Quantity | None:
    """The quantity that a canonical text is, whole; None for anything else."""
    text = APPROXIMATELY.sub("", text)
    words = re.split(r"[ -]", text.lower())
    if len(words) == 2 and words[0] in PART_COUNTS and words[1].removesuffix("s") in PART_WORDS:
        return Quantity(Fraction(PART_COUNTS[words[0]], PART_WORDS[words[1].removesuffix("s")]))
    if len(words) <= 2 and all(word in NUMBER_WORDS for word in words):
        return _in_words([NUMBER_WORDS[word] for word in words])
    parts = COMPOUND.split(text) if "\\" not in text and not CODE.match(text) else [text]
    if len(parts) == 1:
        return _read_one(text)
    return _sum([_read_one(part) for part in parts])


def read_glued(text: str, other: Quantity) -> Quantity | None:
    """ "5m" as five metres, where the other answer is a quantity that this could be; None where it is algebra."""
    match = GLUED_UNIT.fullmatch(text)
    if match is None:
        return None
    unit = read_unit(f" {match['unit']}")
    same = unit is not None and unit != NO_UNIT and unit.powers == other.unit.powers
    if unit is None or not (same or (other.unit == NO_UNIT and match["unit"] in LIKELY_UNITS)):
        return None
    number = _read_one(match["number"])
    return replace(number, unit=unit) if number is not None else None


def _in_words(values: list[int]) -> Quantity | None:
    """ "twelve", "forty-two"; not "two three"."""
    tens_and_units = len(values) == 2 and values[0] >= 20 and 1 <= values[1] <= 9
    return Quantity(Fraction(sum(values))) if len(values) == 1 or tens_and_units else None


def _sum(parts: list[Quantity | None]) -> Quantity | None:
    """ "1 hour 30 minutes" as one quantity in the first part's unit."""
    first = parts[0]
    if first is None or first.unit == NO_UNIT:
        return None
    total = Fraction(0)
    for part in parts:
        if part is None or part.unit.powers != first.unit.powers:
            return None
        total += part.value * part.unit.factor / first.unit.factor
    return Quantity(total, unit=first.unit)


def _read_one(text: str) -> Quantity | None:
    start = START.match(text)
    number = NUMBER.match(text, start.end()) if start else None
    if start is None or number is None:
        return None
    quantity = _number(number)
    if quantity is None or (start["sign"] and start["sign2"]):
        return None
    if "-" in (start["sign"], start["sign2"]):
        quantity = replace(quantity, value=-quantity.value)
    rest = text[number.end() :]
    multiplier = MULTIPLIER.match(rest)
    if multiplier:
        quantity = Quantity(quantity.value * MULTIPLIERS[multiplier[1].lower()])
        rest = rest[multiplier.end() :]
    return _with_unit(quantity, rest, start["currency"] or (start["code"] or "").lower())


def _with_unit(quantity: Quantity, rest: str, currency: str) -> Quantity | None:
    percent = PERCENT.match(rest)
    if percent:
        rest = rest[percent.end() :]
        quantity = replace(quantity, percent=True)
    if not rest.strip():
        return replace(quantity, unit=UNITS[currency] if currency else NO_UNIT)
    if GLUED.match(rest):
        return None  # "5m" may be five metres or five times m
    unit = read_unit(rest)
    if unit is None or (unit == NO_UNIT and (NOT_NOUNS.search(rest) or rest.lstrip()[0] in ",.")):
        return None
    return replace(quantity, unit=UNITS[currency].times(unit) if currency and unit != UNITS[currency] else unit)


def _number(match: re.Match[str]) -> Quantity | None:
    if len(match.group()) > MAX_DIGITS:
        return None
    groups = {name.rstrip("2"): text for name, text in match.groupdict().items() if text is not None}
    if "whole" in groups:
        fraction = _ratio(groups["mixed_top"], groups["mixed_bottom"])
        return Quantity(int(groups["whole"]) + fraction) if fraction is not None else None
    if "top" in groups:
        ratio = _ratio(groups["top"], groups["bottom"])
        return Quantity(ratio) if ratio is not None else None
    if "repeated" in groups:
        return Quantity(_repeating(groups["start"], groups["fixed"], groups["repeated"]))
    exponent = int(groups.get("exponent") or groups.get("power_of_ten") or 0)
    if abs(exponent) > MAX_EXPONENT:
        return None
    if "decimal" in groups:
        return _decimal(groups["decimal"])
    return Quantity(_fraction(groups.get("mantissa", "1")) * Fraction(10) ** exponent)


def _decimal(text: str) -> Quantity:
    plain = text.replace(",", "").replace(" ", "")
    _, point, decimals = plain.partition(".")
    if not point or not decimals:
        return Quantity(_fraction(plain), decimals=0, digits=len(plain.strip(".").lstrip("0")))
    return Quantity(_fraction(plain), len(decimals), len(plain.replace(".", "").lstrip("0")))


def _fraction(text: str) -> Fraction:
    return Fraction(text.replace(",", "").replace(" ", "").rstrip(".") or "0")


def _ratio(top: str, bottom: str) -> Fraction | None:
    divisor = _fraction(bottom)
    return _fraction(top) / divisor if divisor else None


def _repeating(start: str, fixed: str, repeated: str) -> Fraction:
    """0.1(6) is (16 - 1) / 90."""
    nines = (10 ** len(repeated) - 1) * 10 ** len(fixed)
    return Fraction(int(start + fixed + repeated) - int((start + fixed) or "0"), nines)


def same_number(first: Quantity, second: Quantity) -> bool:
    """Equal values, or one is a decimal of at least six places that correctly rounds the other."""
    if first.value == second.value:
        return True
    difference = abs(first.value - second.value)
    for decimal in (first, second):
        places = decimal.decimals or 0
        precise = places >= APPROXIMATE_DECIMALS and decimal.digits >= APPROXIMATE_DIGITS
        if precise and 2 * difference * 10**places <= 1:
            return True
    places = max(first.decimals or 0, second.decimals or 0)
    return places >= NOISE_DECIMALS and difference <= NOISE * min(abs(first.value), abs(second.value))
