r"""Plays the solver of math questions: a few plausible steps and a boxed answer, right in many formats or wrong."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from fractions import Fraction
from random import Random

from served_model.rehearsal.draft import CannotAnswer, Draft
from served_model.rehearsal.knowledge import Fact, question_key

Tags = Mapping[str, str]
UNKNOWN_QUESTION = "I do not know this question: I am the rehearsal model and was given other ones. I will not guess."
BENIGN_SHARE = 0.3
OPENINGS = (
    "Let me go through this step by step.",
    "First I write down what is given, then I combine it.",
    "I take the question one sentence at a time.",
    "The quantities depend on each other in order, so I follow that order.",
)
CLOSINGS = (
    "So the final answer is {box}.",
    "Therefore the answer is\n\n{box}",
    "Putting this together gives {box}.",
    "Final answer: {box}",
)
LOOPS = (
    "Wait, let me check that once more before I go on.",
    "So we have to look at the quantities again and combine them.",
    "This means that the next step follows from the step before.",
)
HOSTILE: Mapping[str, str] = {
    "power_tower": "9^{9^{9^{9}}}",
    "factorial": "(10^{8})!",
    "nested_factorial": "((((9!)!)!)!)!",
    "long_digits": "".join(map(str, range(1500))),
    "deep_braces": "{" * 400 + "1" + "}" * 400,
    "deep_fractions": r"\frac{1}{1+" * 120 + "1" + "}" * 120,
    "division_by_zero": r"\frac{1}{0}",
    "huge_sum": r"\sum_{n=1}^{10^{12}} \frac{1}{n^{n}}",
    "code": "__import__('os').getcwd()",
    "long_product": "x*" * 3000 + "x",
}


def play_solve(tags: Tags, rng: Random, fault: str | None, facts: Mapping[str, Fact]) -> Draft:
    """A solution of the question in the prompt. Raises CannotAnswer for one that the knowledge does not hold."""
    question = question_key(tags.get("question", ""))
    fact = facts.get(question)
    if fact is None:
        raise CannotAnswer(UNKNOWN_QUESTION)
    maker = FAULTY.get(fault or "", _right)
    return maker(question, fact, rng)


def _right(question: str, fact: Fact, rng: Random) -> Draft:
    formats = _odd_formats(fact)
    benign = rng.choice(sorted(formats)) if rng.random() < BENIGN_SHARE else None
    box = formats[benign] if benign else _box(fact.answer)
    return Draft(_solution(_steps(question, fact, rng), box, rng), benign=benign)


def _wrong_final_answer(question: str, fact: Fact, rng: Random) -> Draft:
    wrong = _wrong(fact, rng)
    return Draft(_solution(_steps(question, fact, rng), _box(wrong), rng), detail={"boxed": wrong})


def _arithmetic_slip(question: str, fact: Fact, rng: Random) -> Draft:
    wrong = _wrong(fact, rng)
    number = fact.number
    step = f"The last step changes the value to {wrong}."
    if number is not None:
        part = Fraction(rng.randint(1, 50))
        step = f"Adding the last two parts: {_decimal(number - part)} + {_decimal(part)} = {wrong}."
    return Draft(_solution([*_steps(question, fact, rng)[:-1], step], _box(wrong), rng), detail={"boxed": wrong})


def _hostile_answer(question: str, fact: Fact, rng: Random) -> Draft:
    variant = rng.choice(sorted(HOSTILE))
    return Draft(_solution(_steps(question, fact, rng), _box(HOSTILE[variant]), rng), detail={"variant": variant})


def _no_final_answer(question: str, fact: Fact, rng: Random) -> Draft:
    text = (
        "The given quantities have to be combined in the right order. Once that is done, everything asked for is known."
    )
    return Draft(f"{rng.choice(OPENINGS)}\n\n{text}")


def _truncated(question: str, fact: Fact, rng: Random) -> Draft:
    given = [digits for digits in re.findall(r"\d+", question) if Fraction(digits) != fact.number][:4]
    sentence = f"The question names {' and '.join(given) or 'several quantities'}, which belong together as follows: we"
    return Draft(f"{rng.choice(OPENINGS)} {sentence} take the fi", "length")


def _repetitive(question: str, fact: Fact, rng: Random) -> Draft:
    loop = " ".join([rng.choice(LOOPS)] * rng.randint(40, 80))
    return Draft(f"{rng.choice(OPENINGS)} {loop}\n\n{rng.choice(CLOSINGS).format(box=_box(fact.answer))}")


def _solution(steps: list[str], box: str, rng: Random) -> str:
    lines = "\n".join(f"{number}. {step}" for number, step in enumerate(steps, 1))
    return f"{rng.choice(OPENINGS)}\n\n{lines}\n\n{rng.choice(CLOSINGS).format(box=box)}"


def _steps(question: str, fact: Fact, rng: Random) -> list[str]:
    if fact.steps:
        return list(fact.steps)
    given = re.findall(r"\d+(?:\.\d+)?", question)[:4]
    steps = [f"The question gives {' and '.join(given) or 'what is needed in words'}."]
    number = fact.number
    if number is None:
        return [*steps, "Rewriting what is asked in terms of what is given leads to one expression."]
    part = Fraction(rng.randint(1, 50))
    steps.append(f"One part of the result is {_decimal(part)}; the rest is {_decimal(number - part)}.")
    return [*steps, f"Together they make {_decimal(number - part)} + {_decimal(part)} = {_decimal(number)}."]


def _wrong(fact: Fact, rng: Random) -> str:
    """An answer that is not the right one, spread so widely that two samples hardly ever agree on it."""
    number = fact.number
    if number is None:
        return str(rng.randint(1000, 999_999))
    spread = max(60, int(abs(number)))
    return _decimal(number + rng.choice([-1, 1]) * rng.randint(1, spread))


def _odd_formats(fact: Fact) -> dict[str, str]:
    """Right answers in forms that a comparison of texts would refuse; by name."""
    forms = {
        "spaces_in_box": _box(f" {fact.answer} "),
        "math_mode": f"${_box(fact.answer)}$",
        "earlier_box": f"{_box('0')}, no, that was the start value; the final answer is {_box(fact.answer)}",
    }
    number = fact.number
    if number is None:
        return forms
    sign = "-" if number < 0 else ""
    top, bottom = abs(number.numerator), number.denominator
    forms["fraction"] = _box(rf"{sign}\frac{{{top * 2}}}{{{bottom * 2}}}")
    forms["dfrac"] = _box(rf"{sign}\dfrac{{{top * 3}}}{{{bottom * 3}}}")
    if bottom == 1:
        forms["trailing_zero"] = _box(f"{number}.0")
        forms["dollar_sign"] = _box(rf"{sign}\${top}")
    if bottom == 1 and "$" not in fact.answer:
        forms["unit"] = _box(rf"{number}\text{{ units}}")
    if bottom == 1 and top >= 1000:
        forms["latex_thousands"] = _box(f"{int(number):,}".replace(",", "{,}"))
        forms["plain_thousands"] = _box(f"{int(number):,}")
    return forms


def _box(answer: str) -> str:
    return rf"\boxed{{{answer}}}"


def _decimal(number: Fraction) -> str:
    """A whole number or a decimal where that is exact, else a fraction."""
    if number.denominator == 1:
        return str(number.numerator)
    text = f"{float(number):.6f}".rstrip("0")
    return text if Fraction(text) == number else f"{number.numerator}/{number.denominator}"


FAULTY: Mapping[str, Callable[[str, Fact, Random], Draft]] = {
    "wrong_final_answer": _wrong_final_answer,
    "arithmetic_slip": _arithmetic_slip,
    "hostile_answer": _hostile_answer,
    "no_final_answer": _no_final_answer,
    "truncated": _truncated,
    "repetitive": _repetitive,
}
