r"""Plays the solver of math questions: a few plausible steps and a boxed answer, right in many formats or wrong."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from fractions import Fraction
from random import Random

from served_model.rehearsal.draft import Draft
from served_model.rehearsal.knowledge import Fact, question_key
from served_model.rehearsal.math_facts import find_fact, plain, steps_of, wrong_number, wrong_step

Tags = Mapping[str, str]
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
    fact = find_fact(question, facts)
    maker = FAULTY.get(fault or "", _right)
    return maker(question, fact, rng)


def _right(question: str, fact: Fact, rng: Random) -> Draft:
    formats = _odd_formats(fact)
    benign = rng.choice(sorted(formats)) if rng.random() < BENIGN_SHARE else None
    box = formats[benign] if benign else _box(fact.answer)
    return Draft(_solution(steps_of(question, fact, rng), box, rng), benign=benign)


def _wrong_final_answer(question: str, fact: Fact, rng: Random) -> Draft:
    wrong = wrong_number(fact, rng)
    return Draft(_solution(steps_of(question, fact, rng), _box(wrong), rng), detail={"boxed": wrong})


def _arithmetic_slip(question: str, fact: Fact, rng: Random) -> Draft:
    wrong = wrong_number(fact, rng)
    number = fact.number
    step = f"The last step changes the value to {wrong}."
    if number is not None:
        part = Fraction(rng.randint(1, 50))
        step = f"Adding the last two parts: {plain(number - part)} + {plain(part)} = {wrong}."
    return Draft(_solution([*steps_of(question, fact, rng)[:-1], step], _box(wrong), rng), detail={"boxed": wrong})


def _hostile_answer(question: str, fact: Fact, rng: Random) -> Draft:
    variant = rng.choice(sorted(HOSTILE))
    return Draft(_solution(steps_of(question, fact, rng), _box(HOSTILE[variant]), rng), detail={"variant": variant})


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


def right_solution(question: str, fact: Fact, rng: Random) -> str:
    """A whole right solution."""
    return _solution(steps_of(question, fact, rng), _box(fact.answer), rng)


def _solution(steps: list[str], box: str, rng: Random) -> str:
    lines = "\n".join(f"{number}. {step}" for number, step in enumerate(steps, 1))
    return f"{rng.choice(OPENINGS)}\n\n{lines}\n\n{rng.choice(CLOSINGS).format(box=box)}"


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


def _wrong_step_right_answer(question: str, fact: Fact, rng: Random) -> Draft:
    """The right answer, with a false calculation on the way: only who reads the steps can tell."""
    steps = steps_of(question, fact, rng)
    steps.insert(rng.randint(1, len(steps)), wrong_step(rng))
    return Draft(_solution(steps, _box(fact.answer), rng))


FAULTY: Mapping[str, Callable[[str, Fact, Random], Draft]] = {
    "wrong_final_answer": _wrong_final_answer,
    "arithmetic_slip": _arithmetic_slip,
    "wrong_step_right_answer": _wrong_step_right_answer,
    "hostile_answer": _hostile_answer,
    "no_final_answer": _no_final_answer,
    "truncated": _truncated,
    "repetitive": _repetitive,
}
