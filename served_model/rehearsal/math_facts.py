r"""What the players of mathematics know: questions, also those that one of them made, and the first wrong step.

A grown question is a known one with a further calculation behind it, a made one stands alone; both tell their answer to
whoever can read them, so that every player knows what another one asked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from random import Random

from served_model.rehearsal.draft import CannotAnswer
from served_model.rehearsal.knowledge import Fact, question_key, read_number

UNKNOWN_QUESTION = "I do not know this question: I am the rehearsal model and was given other ones. I will not guess."
GROWN = re.compile(
    r"(?P<base>.+) Multiply the result by (?P<times>\d+), then add (?P<plus>\d+)\. What number does that give\?"
)
MADE = re.compile(
    r"A club has (?P<groups>\d+) groups of (?P<size>\d+) children each\. Then (?P<more>\d+) more children join\. "
    r"How many children does the club have now\?"
)
NUMBER = r"-?\d+(?:\.\d+)?(?:/\d+)?"
EQUALITY = re.compile(
    rf"(?<![\d.])(?P<left>{NUMBER}) (?P<sign>[-+*]) (?P<right>{NUMBER}) = (?P<result>{NUMBER})(?![\d/])"
)
BOX = re.compile(r"\\boxed\{((?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*)\}")
NUMBERED = re.compile(r"^\[(\d+)\] ", re.MULTILINE)


def find_fact(question: str, facts: Mapping[str, Fact]) -> Fact:
    """What is known of a question. Raises CannotAnswer for one that is neither known, nor grown, nor made."""
    question = question_key(question)
    if question in facts:
        return facts[question]
    made = MADE.fullmatch(question)
    if made:
        groups, size, more = (int(made[name]) for name in ("groups", "size", "more"))
        steps = (f"In the groups there are {groups} * {size} = {groups * size} children.",)
        total = groups * size + more
        return Fact(str(total), (*steps, f"With those who join it is {groups * size} + {more} = {total}."))
    grown = GROWN.fullmatch(question)
    base = find_fact(grown["base"], facts) if grown else None
    if grown is None or base is None or base.number is None:
        raise CannotAnswer(UNKNOWN_QUESTION)
    product = base.number * int(grown["times"])
    total_value = product + int(grown["plus"])
    return Fact(
        plain(total_value),
        (
            f"The first part asks for a number, and that is {plain(base.number)}.",
            f"Multiplied it is {plain(base.number)} * {grown['times']} = {plain(product)}.",
            f"At the end {plain(product)} + {grown['plus']} = {plain(total_value)}.",
        ),
    )


def grow(question: str, fact: Fact, rng: Random) -> str:
    """A harder question: the known one with a calculation behind it, or a made one where its answer is no number."""
    if fact.number is None:
        groups, size, more = rng.randint(4, 40), rng.randint(6, 30), rng.randint(2, 90)
        return (
            f"A club has {groups} groups of {size} children each. Then {more} more children join. "
            "How many children does the club have now?"
        )
    times, plus = rng.randint(3, 19), rng.randint(11, 99)
    return f"{question_key(question)} Multiply the result by {times}, then add {plus}. What number does that give?"


def steps_of(question: str, fact: Fact, rng: Random) -> list[str]:
    """Plausible right steps to the answer, every calculation in them as an equality."""
    if fact.steps:
        return list(fact.steps)
    given = re.findall(r"\d+(?:\.\d+)?", question)[:4]
    steps = [f"The question gives {' and '.join(given) or 'what is needed in words'}."]
    number = fact.number
    if number is None:
        return [*steps, "Rewriting what is asked in terms of what is given leads to one expression."]
    part = Fraction(rng.randint(1, 50))
    steps.append(f"One part of the result is {plain(part)}; the rest is {plain(number - part)}.")
    return [*steps, f"Together they make {plain(number - part)} + {plain(part)} = {plain(number)}."]


def wrong_step(rng: Random) -> str:
    """A step that states a false equality and is of no use for the result."""
    left, right = rng.randint(6, 19), rng.randint(6, 19)
    return f"For this one also needs {left} * {right} = {left * right + rng.choice([-2, -1, 1, 2])}."


def plain(number: Fraction) -> str:
    """A whole number or a decimal where that is exact, else a fraction."""
    if number.denominator == 1:
        return str(number.numerator)
    text = f"{float(number):.6f}".rstrip("0")
    return text if Fraction(text) == number else f"{number.numerator}/{number.denominator}"


def wrong_number(fact: Fact, rng: Random) -> str:
    """An answer that is not the right one, spread so widely that two samples hardly ever agree on it."""
    number = fact.number
    if number is None:
        return str(rng.randint(1000, 999_999))
    spread = max(60, int(abs(number)))
    return plain(number + rng.choice([-1, 1]) * rng.randint(1, spread))


def read_numbered(text: str) -> list[str]:
    """The steps of a text that numbers them in square brackets."""
    pieces = NUMBERED.split(text)
    return [piece.strip() for piece in pieces[2::2]]


def first_wrong(steps: Sequence[str], fact: Fact) -> int:
    """The number of the first step with a false equality or a wrong final answer; 0 where there is none."""
    for number, step in enumerate(steps, 1):
        if has_false_equality(step) or not _box_is_right(step, fact):
            return number
    return 0


def has_false_equality(text: str) -> bool:
    """Whether a calculation in the text is wrong."""
    return any(not _holds(match) for match in EQUALITY.finditer(text))


def _holds(match: re.Match[str]) -> bool:
    try:
        left, right, result = (Fraction(match[name]) for name in ("left", "right", "result"))
    except ZeroDivisionError:
        return False
    value = {"+": left + right, "-": left - right, "*": left * right}[match["sign"]]
    return value == result


def _box_is_right(step: str, fact: Fact) -> bool:
    """The last boxed answer of a step against the fact, whatever the notation. Without a box nothing is said."""
    boxes = BOX.findall(step)
    if not boxes:
        return True
    given, wanted = _bare(boxes[-1]), _bare(fact.answer)
    number, known = read_number(given), read_number(wanted)
    return number == known if number is not None and known is not None else given == wanted


def _bare(text: str) -> str:
    text = re.sub(r"\\text\{[^{}]*\}", "", text).replace(r"\$", "").replace("$", "").replace("{,}", "")
    return "".join(text.split())
