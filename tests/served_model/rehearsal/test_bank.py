"""Every family of the bank proves its right solution and refutes its wrong ones, whatever the parameters."""

from __future__ import annotations

import json
import random
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from served_model.rehearsal.bank import (
    Raised,
    draw_task,
    expected,
    killed_mutants,
    load_families,
    outputs,
    recognise,
    same_program,
)
from served_model.rehearsal.tests_writer import write_tests

FAMILIES = {family.name: family for family in load_families()}
DRAWS = range(24)
STUBS = {
    "none": "def {name}(*values):\n    return None\n",
    "identity": "def {name}(*values):\n    return values[0]\n",
    "true": "def {name}(*values):\n    return True\n",
    "false": "def {name}(*values):\n    return False\n",
    "zero": "def {name}(*values):\n    return 0\n",
    "empty_text": "def {name}(*values):\n    return ''\n",
    "empty_list": "def {name}(*values):\n    return []\n",
    "empty_dict": "def {name}(*values):\n    return {{}}\n",
}
# Runs pairs of program and tests, each in its own namespace, and says which pass. Only code of the bank comes here.
RUNNER = """
import json, sys
for program, tests in json.load(sys.stdin):
    space = {}
    exec(program + "\\n\\n" + tests, space)
    failed = 0
    for name in [name for name in space if name.startswith("test_")]:
        try:
            space[name]()
        except Exception:
            failed += 1
    print(failed)
"""


def failures(pairs: list[tuple[str, str]]) -> list[int]:
    """For each program and its tests: how many of the tests fail."""
    done = subprocess.run([sys.executable, "-c", RUNNER], input=json.dumps(pairs), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [int(line) for line in done.stdout.split()]


def test_the_bank_is_large_and_its_edits_apply():
    assert len(FAMILIES) >= 20
    for family in FAMILIES.values():
        assert len(family.mutants) >= 3, family.name
        for old, new in family.mutants:
            assert old in family.body and old != new, (family.name, old)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_task_is_recognised_from_its_text_alone(name, make_task):
    for seed in DRAWS:
        task = make_task(FAMILIES[name], seed)
        text = f"Some words before. {task.problem} And some after."
        assert recognise(text, f"{task.signature} ...") == task
        assert recognise(text.replace(" ", "\n  "), task.signature) == task  # rewrapped on the way


@pytest.mark.parametrize("name", FAMILIES)
def test_the_inputs_tell_right_from_wrong(name, make_task):
    for seed in DRAWS:
        task = make_task(FAMILIES[name], seed)
        right = expected(task)
        assert len(right) >= 6
        assert not [value for value in right if isinstance(value, Raised)]
        assert len({repr(value) for value in right}) >= 3, "a constant would come too far"
        assert killed_mutants(task) == task.mutants
        assert json.loads(json.dumps(right)) == list(right), "values must survive JSON"


@pytest.mark.parametrize("name", FAMILIES)
def test_written_tests_pass_the_solution_and_fail_everything_else(name, make_task):
    for seed in (1, 2):
        task = make_task(FAMILIES[name], seed)
        tests = write_tests(task, random.Random(seed))
        assert tests.count("def test_") >= 5
        stubs = [stub.format(name=task.function) for stub in STUBS.values()]
        found = failures([(program, tests) for program in (task.solution, *task.mutants, *stubs)])
        assert found[0] == 0
        assert all(found[1:]), found


def test_programs_compile_and_do_not_change_their_arguments(make_task):
    for family in FAMILIES.values():
        task = make_task(family, 1)
        before = repr(task.inputs)
        first, second = outputs(task.solution, task), outputs(task.solution, task)
        assert repr(first) == repr(second) and repr(task.inputs) == before


@pytest.mark.parametrize(
    ("problem", "signature"),
    [
        ("", ""),
        ("Write a function that adds two numbers.", "def add(a: int, b: int) -> int:"),
        ("Write a function `write_x` that writes a whole number in the number system with base 7.", "no function"),
    ],
)
def test_foreign_problems_are_not_recognised(problem, signature):
    assert recognise(problem, signature) is None


def test_known_problems_with_foreign_parts_are_not_recognised(make_task):
    task = make_task(FAMILIES["write_in_base"], 1)
    base = dict(task.values)["base"]
    assert recognise(task.problem, task.signature) is not None
    for other in ("0", "1", "10", "999"):  # a program with base 1 would never end
        assert recognise(task.problem.replace(f"base {base}", f"base {other}"), task.signature) is None
    for function in ("print", "write_a(); import os; f", "sum_header", "Write_Header"):
        assert recognise(task.problem, f"def {function}(number: int) -> str:") is None


def test_every_family_is_drawn_and_follows_its_snippet(snippet):
    drawn = [draw_task(snippet, random.Random(seed)) for seed in range(400)]
    assert {task.family.name for task in drawn} == set(FAMILIES)
    words = {task.function.split("_", 1)[1] for task in drawn}
    assert words <= {"read", "header", "stream", "version", "attempt", "check", "limit"}
    assert words & {"header"} and words & {"version"}


@given(snippet=st.text(max_size=300), seed=st.integers(0, 2**32))
def test_any_snippet_gives_a_task_that_is_recognised(snippet, seed):
    task = draw_task(snippet, random.Random(seed))
    assert recognise(task.problem, task.signature) == task


def test_programs_are_compared_without_comments_and_layout():
    plain = "def f(x):\n    return x + 1\n"
    assert same_program(plain, "# words\ndef f(x):\n    '''Adds.'''\n    # one\n    return (x + 1)")
    assert not same_program(plain, "def f(x):\n    return x + 2\n")
    assert not same_program(plain, "")
    assert not same_program("def f(:", "def f(:")
    assert not same_program(plain, "\0")
