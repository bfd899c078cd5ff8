"""Each player keeps its reply format, and each planted fault is the fault that its name says."""

from __future__ import annotations

import ast
import json
import random
import re

import pytest

from served_model.rehearsal.attacks import fill_attack, load_attacks
from served_model.rehearsal.bank import draw_task, expected, killed_mutants, load_families, outputs, same_program
from served_model.rehearsal.code_roles import PROBLEM, QUALITY, REVISE, SOLUTION, TESTS
from served_model.rehearsal.faults import FAULTS
from served_model.rehearsal.player import play, play_fault
from served_model.rehearsal.role import Settings
from served_model.rehearsal.tests_writer import write_tests
from verifiers.judge_probes import load_probes

SEEDS = range(40)
HONEST = Settings(seed=5)
FAILURES = (AssertionError, ArithmeticError, LookupError, TypeError, ValueError, NameError, AttributeError)
BLOCK = re.compile(r"```python\n(.*?)\n```", re.DOTALL)


def blocks(text: str) -> list[str]:
    return BLOCK.findall(text)


def parses(source: str) -> bool:
    try:
        ast.parse(source)
    except SyntaxError:
        return False
    return True


def run_tests(program: str, tests: str) -> int:
    """How many of the tests fail. Only for programs and tests of the bank."""
    space: dict = {}
    exec(program + "\n\n" + tests, space)
    failed = 0
    for name in [name for name in space if name.startswith("test_")]:
        try:
            space[name]()
        except FAILURES:
            failed += 1
    return failed


@pytest.fixture
def tasks(snippet):
    return [draw_task(snippet, random.Random(seed)) for seed in SEEDS]


def about(task) -> dict[str, str]:
    return {"problem": f"A task. {task.problem} Return it.", "signature": f"{task.signature} ..."}


def test_problems_have_both_sections_in_order_and_never_mention_the_snippet(make_ask, snippet):
    for seed in SEEDS:
        played = play(make_ask(PROBLEM, seed, snippet=snippet), HONEST)
        assert (played.fault, played.finish_reason) == (None, "stop")
        headings = re.findall(r"^## (.+)$", played.text, re.MULTILINE)
        assert headings == ["Problem", "Signature"]
        (signature,) = blocks(played.text)
        (function,) = ast.parse(signature).body
        assert isinstance(function, ast.FunctionDef) and function.returns is not None
        assert all(argument.annotation for argument in function.args.args)
        assert "snippet" not in played.text and signature in played.text.split("## Signature")[1]


def test_problem_faults(make_ask, snippet):
    for seed in SEEDS:
        ask = make_ask(PROBLEM, seed, snippet=snippet)
        assert len(re.findall(r"^## ", play_fault(ask, HONEST, "missing_section").text, re.MULTILINE)) == 1
        swapped = play_fault(ask, HONEST, "sections_out_of_order").text
        assert swapped.index("## Signature") < swapped.index("## Problem")
        cut = play_fault(ask, HONEST, "truncated")
        assert cut.finish_reason == "length" and "## Signature" not in cut.text


def test_solutions_reason_and_hold_one_right_program(make_ask, tasks):
    for task in tasks:
        played = play(make_ask(SOLUTION, **about(task)), HONEST)
        (program,) = blocks(played.text)
        assert same_program(program, task.solution)
        assert len(played.text.split("```")[0]) > 80
        assert played.fault is None and played.decidable_by is None


@pytest.mark.parametrize("kind", ["wrong_solution", "undefined_name", "missing_import"])
def test_programs_with_a_planted_bug_parse_and_are_wrong(kind, make_ask, tasks):
    for task in tasks:
        (program,) = blocks(play_fault(make_ask(SOLUTION, **about(task)), HONEST, kind).text)
        assert parses(program)
        assert repr(outputs(program, task)) != repr(expected(task))


def test_programs_in_poor_style_are_right_and_the_judge_of_quality_sees_the_difference(make_ask, tasks):
    for task in tasks:
        played = play_fault(make_ask(SOLUTION, **about(task)), HONEST, "poor_style")
        (program,) = blocks(played.text)
        assert outputs(program, task) == expected(task) and not same_program(program, task.solution)
        assert played.detail["harm"] in played.text and played.decidable_by == "judge"
        forms = {program: (1, 0), task.solution: (1, 1), killed_mutants(task)[0]: (0, 1)}
        for solution, points in forms.items():
            said = json.loads(play(make_ask(QUALITY, **about(task), solution=solution), HONEST).text)
            assert (said["correct"]["verdict"], said["style"]["verdict"]) == points


def test_the_judge_of_quality_is_right_about_its_known_answers(make_ask):
    for probe in load_probes(QUALITY):
        said = json.loads(play(make_ask(QUALITY, **probe.fields), HONEST).text)
        assert {name: said[name]["verdict"] for name in probe.expected} == probe.expected


def test_syntax_errors_do_not_parse(make_ask, tasks):
    for task in tasks:
        (program,) = blocks(play_fault(make_ask(SOLUTION, **about(task)), HONEST, "syntax_error").text)
        assert not parses(program)


def test_replies_without_a_whole_program(make_ask, tasks):
    for task in tasks:
        ask = make_ask(SOLUTION, **about(task))
        assert "def " not in play_fault(ask, HONEST, "no_code_block").text
        cut = play_fault(ask, HONEST, "truncated")
        assert cut.finish_reason == "length" and not blocks(cut.text)
        assert not same_program(cut.text.split("```python")[1], task.solution)


def test_hostile_programs_parse_define_the_function_and_come_in_every_variant(make_ask, tasks):
    seen = set()
    for task in tasks:
        for seed in range(12):
            for kind in ("endless_loop", "memory_bomb", "sandbox_attack", "verdict_spoof"):
                played = play_fault(make_ask(SOLUTION, seed, **about(task)), HONEST, kind)
                (program,) = blocks(played.text)
                names = {node.name for node in ast.walk(ast.parse(program)) if isinstance(node, ast.FunctionDef)}
                assert task.function in names
                assert not same_program(program, task.solution)
                seen.add((kind, played.detail["variant"]))
    assert seen == {(attack.kind, attack.variant) for attack in load_attacks()}
    assert {kind for kind, _ in seen} < set(FAULTS[SOLUTION])


def test_hostile_programs_reach_for_no_other_machine(make_task):
    task = make_task(load_families()[0], 1)
    for attack in load_attacks():
        program = fill_attack(attack, task)
        assert set(re.findall(r"\d+\.\d+\.\d+\.\d+", program)) <= {"127.0.0.1"}
        assert "http" not in program
        if "kill(" in program:  # only ever where it is alone
            assert "if _alone():" in program


def test_tests_are_right_and_enough(make_ask, tasks):
    for task in tasks:
        played = play(make_ask(TESTS, **about(task)), HONEST)
        (tests,) = blocks(played.text)
        functions = [node for node in ast.parse(tests).body if isinstance(node, ast.FunctionDef)]
        assert len(functions) >= 5 and all(node.name.startswith("test_") for node in functions)
        assert run_tests(task.solution, tests) == 0
        assert all(run_tests(mutant, tests) > 0 for mutant in task.mutants)


def test_wrong_tests_refuse_right_and_wrong_programs(make_ask, tasks):
    for task in tasks:
        (tests,) = blocks(play_fault(make_ask(TESTS, **about(task)), HONEST, "wrong_tests").text)
        assert run_tests(task.solution, tests) == 1
        assert all(run_tests(mutant, tests) > 0 for mutant in task.mutants)


@pytest.mark.parametrize("kind", ["vacuous_tests", "tests_swallow_failures"])
def test_worthless_tests_pass_everything(kind, make_ask, tasks):
    for task in tasks:
        (tests,) = blocks(play_fault(make_ask(TESTS, **about(task)), HONEST, kind).text)
        programs = [task.solution, f"def {task.function}(*values):\n    return None\n"]
        assert [run_tests(program, tests) for program in programs] == [0] * len(programs)


def test_broken_and_missing_tests(make_ask, tasks):
    for task in tasks:
        (tests,) = blocks(play_fault(make_ask(TESTS, **about(task)), HONEST, "syntax_error_in_tests").text)
        assert not parses(tests)
        assert "def " not in play_fault(make_ask(TESTS, **about(task)), HONEST, "no_code_block").text


def revise(make_ask, task, solution: str, fault: str | None, seed: int = 0):
    tests = write_tests(task, random.Random(1))
    ask = make_ask(REVISE, seed, **about(task), solution=solution, tests=tests, feedback="test_case_1 failed")
    return play_fault(ask, HONEST, fault), tests


def test_an_honest_revision_mends_the_part_that_is_wrong(make_ask, tasks):
    for task in tasks:
        for wrong in (*task.mutants, "", "def f(:", f"def {task.function}(*values):\n    return None"):
            answer = json.loads(revise(make_ask, task, wrong, None)[0].text)
            assert set(answer) == {"diagnosis", "explanation", "change", "code"} and answer["change"] == "solution"
            assert same_program(answer["code"], task.solution)
        answer = json.loads(revise(make_ask, task, f"# mine\n{task.solution}", None)[0].text)
        assert answer["change"] == "tests"
        assert run_tests(task.solution, answer["code"]) == 0
        assert all(run_tests(mutant, answer["code"]) for mutant in task.mutants)


def test_revision_faults(make_ask, tasks):
    for seed, task in enumerate(tasks):
        given = task.mutants[0]
        gutted, tests = revise(make_ask, task, given, "gutted_tests", seed)
        answer = json.loads(gutted.text)
        assert answer["change"] == "tests" and answer["code"].count("assert") < tests.count("assert") / 3
        assert run_tests(task.solution, answer["code"]) == 0
        answer = json.loads(revise(make_ask, task, given, "no_op", seed)[0].text)
        assert answer["change"] == "solution" and same_program(answer["code"], given)
        answer = json.loads(revise(make_ask, task, task.solution, "no_op", seed)[0].text)
        assert answer["change"] == "tests" and answer["code"] == tests.strip()
        answer = json.loads(revise(make_ask, task, given, "still_wrong", seed)[0].text)
        assert repr(outputs(answer["code"], task)) != repr(expected(task)) and not same_program(answer["code"], given)
        with pytest.raises(ValueError):
            json.loads(revise(make_ask, task, given, "malformed_json", seed)[0].text)


@pytest.mark.parametrize("prompt", [SOLUTION, TESTS, REVISE])
@pytest.mark.parametrize("kind", [None, "wrong_solution", "no_code_block", "gutted_tests"])
def test_a_foreign_problem_gets_an_honest_reply(prompt, kind, make_ask):
    ask = make_ask(
        prompt, problem="Sort the books.", signature="def sort_books(books: list) -> list: ...", feedback="x"
    )
    played = play_fault(ask, HONEST, kind)
    assert played.fault == "cannot_answer" and played.decidable_by == "format"
    assert "cannot solve this" in played.text and "def " not in played.text


def test_the_callers_limit_is_kept_and_noted(make_ask, snippet):
    whole = play(make_ask(PROBLEM, snippet=snippet), HONEST)
    cut = play(make_ask(PROBLEM, max_tokens=20, snippet=snippet), HONEST)
    assert len(cut.text) == 80 and cut.finish_reason == "length" and cut.fault == "max_tokens"
    assert whole.finish_reason == "stop"


@pytest.mark.parametrize("prompt", [PROBLEM, SOLUTION, TESTS])
def test_missing_tags_are_no_error(prompt, make_ask):
    assert play(make_ask(prompt), HONEST).text
