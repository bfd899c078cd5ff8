"""Units of measure: what the words after a number mean, as a factor and the powers of base units.

Conversions are exact by definition (international yard and pound of 1959, SI brochure, 9th edition); US customary
measures where a name has several meanings. A month is no number of days here, and temperatures are not converted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

Powers = tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Unit:
    """One unit times a factor: `km/h` is 1000/3600 of (("m", 1), ("s", -1))."""

    factor: Fraction
    powers: Powers

    def times(self, other: Unit, power: int = 1) -> Unit:
        """The product of this unit and a power of another."""
        powers = dict(self.powers)
        for base, exponent in other.powers:
            powers[base] = powers.get(base, 0) + exponent * power
        return Unit(self.factor * other.factor**power, tuple(sorted(item for item in powers.items() if item[1])))


NO_UNIT = Unit(Fraction(1), ())
INCH, POUND_MASS, LITRE = Fraction(254, 10_000), Fraction(45_359_237, 100_000_000), Fraction(1, 1000)
GALLON = 231 * INCH**3
TABLE: tuple[tuple[Fraction | int, Powers, str], ...] = (
    (1, (("m", 1),), "m meter metre"),
    (Fraction(1, 10**6), (("m", 1),), "um micrometer micrometre micron"),
    (Fraction(1, 1000), (("m", 1),), "mm millimeter millimetre"),
    (Fraction(1, 100), (("m", 1),), "cm centimeter centimetre"),
    (Fraction(1, 10), (("m", 1),), "dm decimeter decimetre"),
    (1000, (("m", 1),), "km kilometer kilometre"),
    (INCH, (("m", 1),), "in inch inches"),
    (12 * INCH, (("m", 1),), "ft foot feet"),
    (36 * INCH, (("m", 1),), "yd yard"),
    (63_360 * INCH, (("m", 1),), "mi mile"),
    (1, (("kg", 1),), "kg kilogram kilo"),
    (Fraction(1, 1000), (("kg", 1),), "g gram"),
    (Fraction(1, 10**6), (("kg", 1),), "mg milligram"),
    (1000, (("kg", 1),), "tonne"),
    (POUND_MASS, (("kg", 1),), "lb lbs pound"),
    (POUND_MASS / 16, (("kg", 1),), "oz ounce"),
    (2000 * POUND_MASS, (("kg", 1),), "ton"),
    (1, (("s", 1),), "s sec second"),
    (Fraction(1, 1000), (("s", 1),), "ms millisecond"),
    (60, (("s", 1),), "min minute"),
    (3600, (("s", 1),), "h hr hrs hour"),
    (86_400, (("s", 1),), "day"),
    (604_800, (("s", 1),), "week wk"),
    (1, (("month", 1),), "month"),
    (12, (("month", 1),), "year yr"),
    (120, (("month", 1),), "decade"),
    (1200, (("month", 1),), "century centuries"),
    (LITRE, (("m", 3),), "L l liter litre"),
    (LITRE / 1000, (("m", 3),), "mL ml milliliter millilitre cc"),
    (GALLON, (("m", 3),), "gal gallon"),
    (GALLON / 4, (("m", 3),), "qt quart"),
    (GALLON / 8, (("m", 3),), "pt pint"),
    (GALLON / 16, (("m", 3),), "cup"),
    (GALLON / 256, (("m", 3),), "tablespoon tbsp"),
    (GALLON / 768, (("m", 3),), "teaspoon tsp"),
    (10_000, (("m", 2),), "ha hectare"),
    (43_560 * (12 * INCH) ** 2, (("m", 2),), "acre"),
    (63_360 * INCH / 3600, (("m", 1), ("s", -1)), "mph"),
    (Fraction(1000, 3600), (("m", 1), ("s", -1)), "kph kmh kmph"),
    (1, (("s", -1),), "Hz hertz"),
    (1, (("kg", 1), ("m", 1), ("s", -2)), "N newton"),
    (1, (("kg", 1), ("m", 2), ("s", -2)), "J joule"),
    (1000, (("kg", 1), ("m", 2), ("s", -2)), "kJ kilojoule"),
    (3_600_000, (("kg", 1), ("m", 2), ("s", -2)), "kWh kilowatt-hour"),
    (1, (("kg", 1), ("m", 2), ("s", -3)), "W watt"),
    (1000, (("kg", 1), ("m", 2), ("s", -3)), "kW kilowatt"),
    (1, (("kg", 1), ("m", -1), ("s", -2)), "Pa pascal"),
    (1, (("V", 1),), "V volt"),
    (1, (("A", 1),), "amp ampere"),
    (1, (("ohm", 1),), "ohm"),
    (1, (("mol", 1),), "mol mole"),
    (1, (("degree", 1),), "deg degree"),
    (1, (("radian", 1),), "rad radian"),
    (1, (("celsius", 1),), "celsius"),
    (1, (("fahrenheit", 1),), "fahrenheit"),
    (1, (("kelvin", 1),), "K kelvin"),
    (1, (("byte", 1),), "byte"),
    (10**3, (("byte", 1),), "KB kilobyte"),
    (10**6, (("byte", 1),), "MB megabyte"),
    (10**9, (("byte", 1),), "GB gigabyte"),
    (1, (("bit", 1),), "bit"),
    (1, (("usd", 1),), "$ usd dollar buck"),
    (Fraction(1, 100), (("usd", 1),), "¢ cent penny pennies"),
    (1, (("eur", 1),), "€ eur euro"),
    (1, (("gbp", 1),), "£ gbp"),
    (1, (("jpy", 1),), "¥ yen jpy"),
    (1, (("inr", 1),), "₹ rupee inr"),
    (1, (("unit", 1),), "unit"),
)
UNITS: Mapping[str, Unit] = {
    name: Unit(Fraction(factor), powers) for factor, powers, names in TABLE for name in names.split()
}
DEGREE_SCALES: Mapping[str, str] = {
    "C": "celsius",
    "F": "fahrenheit",
    "Celsius": "celsius",
    "Fahrenheit": "fahrenheit",
}
TOKEN = re.compile(
    r"\s*(?:(?P<power>\^\s*\{?\s*-?\d\s*\}?)|(?P<word>[A-Za-z$€£¥₹¢'-]+)\.?|(?P<over>/)|(?P<dot>\*|\\cdot))"
)
PREFIX_POWERS: Mapping[str, int] = {"square": 2, "sq": 2, "cubic": 3, "cu": 3}
SUFFIX_POWERS: Mapping[str, int] = {"squared": 2, "cubed": 3}


def known_unit(word: str) -> Unit | None:
    """The unit that a word names: symbols as they are written, names in any case and in the plural."""
    lowered = word.lower()
    names = (word, lowered, lowered.removesuffix("s")) if len(word) > 2 else (word,)
    return next((UNITS[name] for name in names if name in UNITS), None)


def read_unit(text: str) -> Unit | None:
    """The unit that stands at the beginning of the words after a number; NO_UNIT for other words ("18 eggs").

    What follows a known unit is left alone ("18 dollars every day"). None for text that is not words.
    """
    unit, last, sign, power = NO_UNIT, NO_UNIT, 1, 1
    position = 0
    while token := TOKEN.match(text, position):
        word = token["word"] or ""
        exponent = _exponent(token)
        if exponent is not None:
            if last == NO_UNIT:
                return None  # "5^2", not a unit's power
            unit = unit.times(last, sign * (exponent - 1))
        elif token["over"] or word == "per":
            sign = -1
        elif word in PREFIX_POWERS:
            power = PREFIX_POWERS[word]
        elif word:
            found = _scale(word) if last == UNITS["degree"] else known_unit(word)
            if found is None:
                break
            unit, last, power = unit.times(found, sign * power), found, 1
        position = token.end()
    return unit if re.fullmatch(r"[A-Za-z\s,.'’/()-]*", text[position:]) else None


def _exponent(token: re.Match[str]) -> int | None:
    """2 for "^2", "^{2}" and "squared"."""
    if token["power"]:
        return int(re.sub(r"[^\d-]", "", token["power"]))
    return SUFFIX_POWERS.get(token["word"] or "")


def _scale(word: str) -> Unit | None:
    """What turns the unit "degree" into the temperature scale that the next word names."""
    scale = DEGREE_SCALES.get(word)
    return UNITS[scale].times(UNITS["degree"], -1) if scale else None
