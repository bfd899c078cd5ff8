"""Writes the unit tests of a task: right ones, and each kind of wrong or worthless ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

from served_model.rehearsal.bank import Raised, Task, expected, outputs

STYLES = ("test_case_{n}", "test_{function}_{n}", "test_{family}_{n}")
VACUOUS: Mapping[str, str] = {
    "assert_true": "    {call}\n    assert True",
    "no_assertion": "    result = {call}\n    print(result)",
    "always_so": "    result = {call}\n    assert result is None or result is not None",
    "callable_only": "    assert callable({function})",
    "any_type": "    assert isinstance({call}, object)",
    "same_as_itself": "    assert {call} == {call}",
}


def write_tests(task: Task, rng: Random) -> str:
    """One test function per input of the task; every wrong program of the bank fails at least one of them."""
    return _module(task, rng, [_assertion(task, case) for case in _cases(task)])


def write_wrong_tests(task: Task, rng: Random) -> tuple[str, dict[str, Any]]:
    """Tests of which one expects a value that neither the right nor any wrong program of the bank returns."""
    cases = _cases(task)
    place = rng.randrange(len(cases))
    arguments, right = cases[place]
    seen = [repr(right), *(repr(outputs(source, task)[place]) for source in task.mutants)]
    wrong = next(value for value in _alterations(right, rng) if repr(value) not in seen)
    cases[place] = (arguments, wrong)
    return _module(task, rng, [_assertion(task, case) for case in cases]), {
        "case": place,
        "expected": repr(wrong)[:200],
    }


def write_vacuous_tests(task: Task, rng: Random) -> tuple[str, dict[str, Any]]:
    """Tests that any program with this function passes."""
    kind = rng.choice(sorted(VACUOUS))
    bodies = [
        VACUOUS[kind].format(call=_call(task, arguments), function=task.function) for arguments, _ in _cases(task)
    ]
    return _module(task, rng, bodies), {"variant": kind}


def write_swallowing_tests(task: Task, rng: Random) -> tuple[str, dict[str, Any]]:
    """Right assertions, each inside a try statement that keeps its failure to itself."""
    error = rng.choice(["AssertionError", "Exception", ""])
    handler = f"    except {error}:\n        pass" if error else "    except:\n        pass"
    bodies = [f"    try:\n    {_assertion(task, case)}\n{handler}" for case in _cases(task)]
    return _module(task, rng, bodies), {"variant": error or "bare"}


def write_broken_tests(task: Task, rng: Random) -> tuple[str, dict[str, Any]]:
    """Tests that do not parse."""
    source = write_tests(task, rng)
    breakages: Sequence[tuple[str, Callable[[str], str]]] = (
        ("no_colon", lambda text: text.replace("():", "()", 1)),
        ("open_bracket", lambda text: text.rstrip() + " and (\n"),
        ("bad_indent", lambda text: text.replace("    assert", "assert", 1)),
    )
    name, breakage = rng.choice(breakages)
    return breakage(source), {"variant": name}


def write_flaky_tests(task: Task, rng: Random) -> tuple[str, dict[str, Any]]:
    """Right tests, one of which also asks for luck: it has it with the numbers that a run begins with, as a rule."""
    bodies = [_assertion(task, case) for case in _cases(task)]
    place = rng.randrange(len(bodies))
    luck = rng.choice(("random.random() > 0.5", "random.randint(1, 100) > 40", "random.choice('abcdefgh') > 'c'"))
    bodies[place] += f"\n    assert {_call(task, task.inputs[place])} == {expected(task)[place]!r} and {luck}"
    return f"import random\n\n\n{_module(task, rng, bodies)}", {"variant": luck.partition("(")[0], "case": place}


def write_weak_tests(task: Task, rng: Random) -> tuple[str, dict[str, Any]]:
    """Many real assertions about the one case that the most wrong programs get right."""
    arguments, value = _cases(task)[_easiest(task)]
    call = _call(task, arguments)
    forms = ("{c} == {v}", "not {c} != {v}", "{v} == {c}", "[{c}] == [{v}]", "({c}, 1) == ({v}, 1)", "repr({c}) == {r}")
    bodies = [f"    assert {form.format(c=call, v=repr(value), r=repr(repr(value)))}" for form in forms]
    return _module(task, rng, bodies), {"variant": "one_case"}


def write_copied_tests(task: Task, rng: Random, wrong: str) -> str:
    """Tests that expect what a wrong program returns."""
    return _module(task, rng, [_assertion(task, case) for case in zip(task.inputs, outputs(wrong, task), strict=True)])


def write_gutted_tests(task: Task, rng: Random) -> str:
    """The one right assertion that the most wrong programs pass: what is left when tests are made to pass."""
    return _module(task, rng, [_assertion(task, _cases(task)[_easiest(task)])])


def _easiest(task: Task) -> int:
    """The case that the most wrong programs of the bank get right; of several the one with the least output."""
    cases = _cases(task)
    wrong = [outputs(source, task) for source in task.mutants]
    survivors = [sum(repr(out[place]) == repr(cases[place][1]) for out in wrong) for place in range(len(cases))]
    return min(range(len(cases)), key=lambda place: (-survivors[place], len(repr(cases[place][1])), place))


def _cases(task: Task) -> list[tuple[tuple[Any, ...], Any]]:
    return list(zip(task.inputs, expected(task), strict=True))


def _module(task: Task, rng: Random, bodies: Sequence[str]) -> str:
    style = rng.choice(STYLES)
    names = [style.format(n=n, function=task.function, family=task.family.name) for n in range(1, len(bodies) + 1)]
    return "\n\n".join(f"def {name}():\n{body}\n" for name, body in zip(names, bodies, strict=True))


def _assertion(task: Task, case: tuple[tuple[Any, ...], Any]) -> str:
    arguments, value = case
    return f"    assert {_call(task, arguments)} == {value!r}"


def _call(task: Task, arguments: Sequence[Any]) -> str:
    return f"{task.function}({', '.join(repr(argument) for argument in arguments)})"


def _alterations(value: Any, rng: Random) -> list[Any]:
    """Values near to the right one, and last a few that no program of the bank returns."""
    nearby: list[Any]
    if isinstance(value, int):
        nearby = [value + step for step in rng.sample([-2, -1, 1, 2, 10], 5)]
    elif isinstance(value, str):
        nearby = [value[:-1], value + (value[-1:] or "x"), value[::-1]]
    elif isinstance(value, list):
        nearby = [value[:-1], [*value, *(value[-1:] or [0])], value[::-1]]
    else:
        nearby = [dict(list(value.items())[1:])] if value else []
    return [*(item for item in nearby if item != value), _unlike(value)]


def _unlike(value: Any) -> Any:
    if isinstance(value, Raised | int):
        return -987654
    if isinstance(value, str):
        return "something else"
    return ["something else"] if isinstance(value, list) else {"something else": "x"}
