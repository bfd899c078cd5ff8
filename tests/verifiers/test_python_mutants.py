"""Mutants: one edit each, always a program, never the program itself, the same every time."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verifiers.python_coverage import instrument, with_random_seed
from verifiers.python_mutants import make_mutants

# edit -> program and what must be among its mutants
OPERATORS = {
    "relational": ("def f(a, b):\n    return a < b\n", {("a < b", "a <= b"), ("a < b", "a >= b")}),
    "membership": ("def f(a, b):\n    return a in b\n", {("a in b", "a not in b")}),
    "arithmetic": ("def f(a, b):\n    return a // b\n", {("a // b", "a * b")}),
    "logical": ("def f(a, b):\n    return a and b\n", {("a and b", "a or b"), ("a and b", "a")}),
    "unary": ("def f(a):\n    return not a\n", {("not a", "a")}),
    "constant": ("def f(a):\n    return a + 7\n", {("7", "8"), ("7", "6")}),
    "text": ("def f(a):\n    return a + 'x'\n", {("'x'", "'x?'")}),
    "return": ("def f(a):\n    return a\n", {("return a", "return None")}),
    "twin": ("def f(a):\n    return max(a)\n", {("max(a)", "min(a)")}),
    "condition": ("def f(a):\n    return 1 if a else 2\n", {("a", "not a")}),
    "statement": (
        "def f(a):\n    a.append(1)\n    return a\n",
        {("a.append(1)", "pass"), ("a.append(1)", "a.clear()")},
    ),
    "loop": ("def f(a):\n    for x in a:\n        if x:\n            break\n    return x\n", {("break", "continue")}),
    "raise": (
        "def f(a):\n    if a:\n        raise ValueError('no')\n    return a\n",
        {("raise ValueError('no')", "pass")},
    ),
    "argument": ("def f(a):\n    return sorted(a, reverse=True)\n", {("sorted(a, reverse=True)", "sorted(a)")}),
}
PROGRAMS = [program for program, _ in OPERATORS.values()]


@pytest.mark.parametrize("name", OPERATORS)
def test_each_operator_makes_its_edits(name: str) -> None:
    program, wanted = OPERATORS[name]
    assert wanted <= {(mutant.before, mutant.after) for mutant in make_mutants(program, 100)}


def test_what_only_people_read_is_left_alone() -> None:
    program = (
        'def f(a: int = 3) -> "int":\n    """Text 5."""\n    if a > 1:\n'
        '        raise ValueError("more than 1")\n    return a\n'
    )
    texts = [mutant.source for mutant in make_mutants(program, 100)]
    assert all("Text 5." in text and "-> 'int'" in text for text in texts)
    assert all("more than 1'" in text or "raise" not in text for text in texts)


def test_edits_without_effect_are_no_mutants() -> None:
    program = "def f(a):\n    if True:\n        return a\n    return a\n"
    assert all("if False" in mutant.source or "None" in mutant.source for mutant in make_mutants(program, 100))


def test_text_that_is_no_program_has_none() -> None:
    assert make_mutants("def f(:\n", 10) == []
    assert instrument("def f(:\n", "") is None
    assert with_random_seed("def f(:\n", 1) == ("def f(:\n", 0)


@given(st.lists(st.sampled_from(PROGRAMS), min_size=1, max_size=4), st.integers(1, 30))
@settings(max_examples=60, deadline=None)
def test_mutants_are_distinct_programs_and_stable(programs: list[str], limit: int) -> None:
    source = "\n\n".join(program.replace("def f", f"def f{number}") for number, program in enumerate(programs))
    mutants = make_mutants(source, limit)
    assert mutants == make_mutants(source, limit)
    assert len(mutants) <= limit
    texts = [ast.dump(ast.parse(mutant.source)) for mutant in mutants]
    assert len({*texts, ast.dump(ast.parse(source))}) == len(texts) + 1


@given(st.lists(st.sampled_from(PROGRAMS), min_size=1, max_size=4))
@settings(max_examples=40, deadline=None)
def test_instrumented_programs_do_the_same(programs: list[str]) -> None:
    source = "from __future__ import annotations\n" + "\n\n".join(programs)
    texts = instrument(source, "def test_x():\n    assert f([2, 1])\n")
    assert texts is not None
    plain: dict[str, object] = {}
    marked: dict[str, object] = {}
    exec(source, plain)
    exec(texts.program, marked)
    calls: list[list[object]] = [[[3, 1, 2]], [[]], [0], [4, 2], [[1], 1]]
    for arguments in calls:
        assert _outcome(plain["f"], arguments) == _outcome(marked["f"], arguments)


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("x = 1\n", 1),
        ('"""Doc."""\n\nx = 1\n', 3),
        ("from __future__ import annotations\nx = 1\n", 2),
        ("import a\n\n@a.b\ndef f():\n    pass\n", 1),
        ("@a.b\ndef f():\n    pass\n", 1),
    ],
)
def test_the_seed_goes_where_a_statement_may_stand(source: str, line: int) -> None:
    text, place = with_random_seed(source, 5)
    ast.parse(text)
    assert place == line
    assert text.splitlines()[line - 1] == "__import__('random').seed(5)"


def _outcome(function: object, arguments: list[object]) -> object:
    try:
        return function(*[list(one) if isinstance(one, list) else one for one in arguments])  # type: ignore[operator]
    except Exception as error:  # noqa: BLE001 - compared
        return type(error).__name__
