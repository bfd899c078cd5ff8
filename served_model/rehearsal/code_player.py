"""Plays the writer of code: problems from snippets, solutions, and unit tests, with the faults that are planted."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from served_model.rehearsal.attacks import fill_attack, load_attacks
from served_model.rehearsal.bank import Task, draw_task, killed_mutants, recognise
from served_model.rehearsal.draft import CannotAnswer, Draft, fence
from served_model.rehearsal.material import Material
from served_model.rehearsal.poor_style import poor_python
from served_model.rehearsal.tests_writer import (
    write_broken_tests,
    write_flaky_tests,
    write_swallowing_tests,
    write_tests,
    write_vacuous_tests,
    write_weak_tests,
    write_wrong_tests,
)

Tags = Mapping[str, str]
UNKNOWN_PROBLEM = (
    "I cannot solve this. I am the rehearsal model and know only the problems that I posed myself; this one is not "
    "among them, so anything I wrote would be a guess."
)
OPENINGS = (
    "The following task comes up in programs that deal with `{word}`.",
    "Code that deals with `{word}` often needs this step.",
    "This is a small part of a larger program about `{word}`.",
    "Here is a task from the world of `{word}`.",
)
CLOSINGS = (
    "Return the result and print nothing.",
    "Use the standard library only.",
    "The function must not change its arguments.",
    "Inputs are always of the types given in the signature.",
)
AFTERWORDS = (
    "Each step looks at every element a bounded number of times, so this stays fast for long inputs.",
    "The example in the problem gives the expected result when followed by hand.",
)


def known_task(tags: Tags) -> Task:
    """The task that the prompt is about. Raises CannotAnswer for one that is not in the bank."""
    task = recognise(tags.get("problem", ""), tags.get("signature", ""))
    if task is None:
        raise CannotAnswer(UNKNOWN_PROBLEM)
    return task


def play_problem(tags: Tags, rng: Random, fault: str | None) -> Draft:
    """A problem inspired by the snippet, as the sections Problem and Signature; it never mentions the snippet."""
    snippet = tags.get("snippet", "")
    task = draw_task(snippet, rng)
    detail = {"family": task.family.name}
    return draft_problem((snippet, task.problem, fence(f"{task.signature} ...")), detail, rng, fault)


def draft_problem(posed: tuple[str, str, str], detail: dict[str, Any], rng: Random, fault: str | None) -> Draft:
    """The sections of a problem in any language; `posed` is the snippet, what is asked, and the fenced signature."""
    snippet, asked, header = posed
    opening = rng.choice(OPENINGS).format(word=Material.of(snippet).word(rng))
    problem = f"## Problem\n\n{opening} {asked} {rng.choice(CLOSINGS)}"
    signature = f"## Signature\n\n{header}"
    if fault == "missing_section":
        return Draft(rng.choice([problem, signature]), detail=detail)
    if fault == "sections_out_of_order":
        return Draft(f"{signature}\n\n{problem}", detail=detail)
    if fault == "truncated":
        return Draft(problem[: rng.randint(20, len(problem) - 20)], "length", detail=detail)
    return Draft(f"{problem}\n\n{signature}", detail=detail)


def play_solution(tags: Tags, rng: Random, fault: str | None) -> Draft:
    """Reasoning in prose and one code block with the function."""
    task = known_task(tags)
    reasoning = f"{task.family.idea} The inputs that deserve care are empty ones and those on a boundary."
    program, detail = solution_program(task, rng, fault)
    detail = {"family": task.family.name, **detail}
    if fault == "no_code_block":
        return Draft(f"{reasoning}\n\nWith this plan the function is easy to write down.", detail=detail)
    text = f"{reasoning}\n\n{fence(program)}"
    if fault == "truncated":
        start = text.index("```python") + len("```python")
        return Draft(text[: start + rng.randint(10, (len(text) - start) // 2)], "length", detail=detail)
    if fault is None and rng.random() < 0.25:
        return Draft(f"{text}\n\n{rng.choice(AFTERWORDS)}", benign="prose_after_code", detail=detail)
    return Draft(text, detail=detail)


def solution_program(task: Task, rng: Random, fault: str | None) -> tuple[str, dict[str, Any]]:
    """A program for the task with a fault of the kind, or the right one; and what to note about it."""
    maker = PROGRAM_FAULTS.get(fault or "")
    if maker is not None:
        return maker(task, rng)
    attacks = [attack for attack in load_attacks() if attack.kind == fault]
    if attacks:
        attack = rng.choice(attacks)
        return fill_attack(attack, task), {"variant": attack.variant}
    return explained(task, rng), {}


def explained(task: Task, rng: Random) -> str:
    """The right program with its idea as a comment or docstring, or plain."""
    head = f"{task.signature}\n"
    comment = textwrap.fill(task.family.idea, 100, initial_indent="    # ", subsequent_indent="    # ")
    notes = ("", f"{comment}\n", f'    """{task.family.idea.split(":")[0].rstrip(".")}."""\n')
    return task.solution.replace(head, head + rng.choice(notes), 1)


def wrong_program(task: Task, rng: Random, other_than: Callable[[str], bool] = lambda source: False) -> tuple[str, int]:
    """A wrong program that the task's own tests find, and its number; `other_than` names those that will not do."""
    mutants = [source for source in killed_mutants(task) if not other_than(source)]
    source = rng.choice(mutants)
    return source, task.mutants.index(source)


def play_tests(tags: Tags, rng: Random, fault: str | None) -> Draft:
    """One code block of test functions."""
    task = known_task(tags)
    opening = "These tests cover the example, empty and small inputs, and the boundaries of the rule."
    if fault == "no_code_block":
        return Draft(f"{opening} Each one calls `{task.function}` and compares the result with the expected value.")
    writer = TEST_FAULTS.get(fault or "")
    source, detail = writer(task, rng) if writer else (write_tests(task, rng), {})
    return Draft(f"{opening}\n\n{fence(source)}", detail={"family": task.family.name, **detail})


def _mutant(task: Task, rng: Random) -> tuple[str, dict[str, Any]]:
    source, number = wrong_program(task, rng)
    return source, {"mutant": number}


def _syntax_error(task: Task, rng: Random) -> tuple[str, dict[str, Any]]:
    source = task.solution
    broken = {
        "no_colon": source.replace(f"{task.signature}\n", f"{task.signature[:-1]}\n"),
        "open_bracket": source.rstrip() + "\n    return (\n",
        "bad_indent": source.rstrip() + "\n  return None\n",
        "prose": source.rstrip() + "\n\nThis function does what was asked.\n",
    }
    variant = rng.choice(sorted(name for name, text in broken.items() if not _parses(text)))
    return broken[variant], {"variant": variant}


def _undefined_name(task: Task, rng: Random) -> tuple[str, dict[str, Any]]:
    first = task.parameters[0]
    return _with_first_line(task, f"{first} = {rng.choice(['normalise', 'checked', 'prepare'])}_{first}({first})"), {}


def _missing_import(task: Task, rng: Random) -> tuple[str, dict[str, Any]]:
    if task.family.imports:
        return task.solution.replace(task.family.imports, "", 1).lstrip(), {"variant": "left_out"}
    line = rng.choice(["numbers = itertools.count()", "bound = math.inf", "memory = defaultdict(list)"])
    return _with_first_line(task, line), {"variant": "never_there"}


def _with_first_line(task: Task, line: str) -> str:
    return task.solution.replace(f"{task.signature}\n", f"{task.signature}\n    {line}\n", 1)


def _parses(source: str) -> bool:
    try:
        ast.parse(source)
    except SyntaxError:
        return False
    return True


def _poor_style(task: Task, _: Random) -> tuple[str, dict[str, Any]]:
    program = poor_python(task.solution)
    return program, {"harm": program.strip()}


PROGRAM_FAULTS: Mapping[str, Callable[[Task, Random], tuple[str, dict[str, Any]]]] = {
    "wrong_solution": _mutant,
    "syntax_error": _syntax_error,
    "undefined_name": _undefined_name,
    "missing_import": _missing_import,
    "poor_style": _poor_style,
}
TEST_FAULTS: Mapping[str, Callable[[Task, Random], tuple[str, dict[str, Any]]]] = {
    "wrong_tests": write_wrong_tests,
    "vacuous_tests": write_vacuous_tests,
    "tests_swallow_failures": write_swallowing_tests,
    "syntax_error_in_tests": write_broken_tests,
    "flaky_tests": write_flaky_tests,
    "weak_tests": write_weak_tests,
}
