"""Plays the solver that calculates in Python: two blocks of code that build on each other, then the conclusion."""

from __future__ import annotations

import re
from fractions import Fraction
from random import Random

from served_model.rehearsal.draft import Draft, fence
from served_model.rehearsal.knowledge import Fact, question_key
from served_model.rehearsal.math_facts import find_fact, wrong_number
from served_model.rehearsal.role import Asked

OUTPUT = re.compile(r"^```output\n(.*?)\n?```$", re.MULTILINE | re.DOTALL)
WITH_CODE = ("invented_output", "wrong_code", "truncated")
AT_THE_END = ("ignores_output", "no_final_answer", "truncated")


def play_cell(asked: Asked, rng: Random, fault: str | None) -> Draft:
    """The next part of a trace, as far as it has come; behind an invented output everything is invented."""
    question = question_key(asked.tags.get("question", ""))
    fact = find_fact(question, asked.settings.facts)
    outputs = OUTPUT.findall(asked.tags.get("trace_so_far", ""))
    fitting = WITH_CODE if len(outputs) < 2 else AT_THE_END
    planted = fault if fault in fitting or fault is None else fitting[len(fault) % len(fitting)]
    if planted == "wrong_code" and fact.number is None:
        planted = "invented_output"  # what the code gives does not decide such an answer
    if len(outputs) < 2:
        return _code(question, fact, len(outputs), rng, planted)
    return _conclusion(fact, outputs[-1].strip(), rng, planted)


def _code(question: str, fact: Fact, stage: int, rng: Random, fault: str | None) -> Draft:
    words, code = _cell(question, fact, stage, 17 if fault == "wrong_code" else 0)
    text = f"{words}\n\n{fence(code)}"
    if fault == "truncated":
        return Draft(text[: text.index("```python") + 15], "length", fault=fault)
    if fault == "invented_output":
        number = wrong_number(fact, rng)
        invented = f"\n\n```output\n{number}\n```\n\nSo the final answer is \\boxed{{{number}}}."
        return Draft(text + invented, detail={"harm": invented.strip()}, fault=fault)
    return Draft(text, fault=fault)


def _cell(question: str, fact: Fact, stage: int, slip: int) -> tuple[str, str]:
    """Words and code of one block. The second builds on what the first has left in the interpreter."""
    number = fact.number
    if number is None:
        values = [str(len(question) + slip), "first * 2"]
    else:
        part = Fraction(Random(question).randint(2, 60))
        values = [_exact(part + slip), f"first + {_exact(number - part + (slip if stage else 0))}"]
    if stage == 0:
        return (
            "I begin with one part of the result.",
            f"from fractions import Fraction\n\nfirst = {values[0]}\nprint(first)",
        )
    return "With that part I can calculate the whole.", f"result = {values[1]}\nprint(result)"


def _exact(number: Fraction) -> str:
    return str(number.numerator) if number.denominator == 1 else f"Fraction({number.numerator}, {number.denominator})"


def _conclusion(fact: Fact, output: str, rng: Random, fault: str | None) -> Draft:
    answer = output if fact.number is not None else fact.answer
    if fault == "ignores_output":
        answer = wrong_number(fact, rng)
    if fault == "no_final_answer":
        return Draft("The interpreter has said what was asked for, so nothing is left to be done.", fault=fault)
    if fault == "truncated":
        return Draft("The interpreter has said what was asked for, so the fi", "length", fault=fault)
    return Draft(f"The calculation gives what was asked for.\n\nFinal answer: \\boxed{{{answer}}}", fault=fault)
