"""What the harness saw of the tests, from data that hostile processes may have written: nothing in it is believed
beyond being a value."""

from __future__ import annotations

import json
import math
from typing import Any

from sandbox.types import Calls, Case, Stdio, TestReport

_SHOWN = 300


def stdio_report(tests: Stdio, stdout: bytes, ended_well: bool) -> TestReport:
    """Compares the whole output; only space at line ends and at the end of the text is ignored."""
    got, expected = _lines(stdout.decode("utf-8", "replace")), _lines(tests.expected_stdout)
    same = got == expected
    detail = (
        "" if same else f"expected {_short(tests.expected_stdout)}, got {_short(stdout.decode('utf-8', 'replace'))}"
    )
    if same and not ended_well:
        detail = "the output is right, but the program did not end normally"
    return TestReport((Case("stdout", same and ended_well, detail),), "outside", complete=True)


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.rstrip().splitlines()]


def calls_report(tests: Calls, report: bytes) -> TestReport:
    """Compares each returned value with the expected one; a call without an answer makes the report incomplete."""
    lines = report.split(b"\n")
    cases = []
    for number, (arguments, expected) in enumerate(tests.io):
        answer = _parsed(lines[number]) if number < len(lines) - 1 else None
        if answer is None:
            break
        name = _short(f"{tests.entry_point}({', '.join(repr(argument) for argument in arguments)})")
        cases.append(_call_case(name, answer, expected))
    return TestReport(tuple(cases), "outside", complete=len(cases) == len(tests.io))


def _parsed(line: bytes) -> list[Any] | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if type(value) is list and value else None


def _call_case(name: str, answer: list[Any], expected: Any) -> Case:
    if answer[0] == "value" and len(answer) == 2:
        try:
            if same(answer[1], expected):
                return Case(name, True)
        except RecursionError:
            return Case(name, False, "the value is nested too deep")
        return Case(name, False, f"expected {_short(repr(expected))}, got {_short(shown(answer[1]))}")
    said = ": ".join(str(part) for part in answer[1:3])
    return Case(name, False, _short(f"raised {said}" if answer[0] == "raised" else f"returned {said}"))


def same(coded: Any, expected: Any) -> bool:
    """Whether a returned value (coded by `values.Encoder`) is the expected JSON value.

    Compared as JSON would store it: a tuple is a list, number and text keys are text keys; integers and floats are
    numbers, compared exactly or, where one is a float, to a relative 1e-9; truth values are no numbers.
    """
    if type(expected) is dict:
        return _same_object(coded, expected)
    if type(expected) in (list, tuple):
        fits = type(coded) is list and coded[:1] in (["l"], ["t"]) and len(coded) == len(expected) + 1
        return fits and all(same(one, other) for one, other in zip(coded[1:], expected, strict=True))
    got = _scalar(coded)
    if type(expected) in (int, float) and type(got) in (int, float):
        if float in (type(expected), type(got)):
            return _close(got, expected)
        return bool(got == expected)
    return type(got) is type(expected) and bool(got == expected)


def _close(one: float, other: float) -> bool:
    try:
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12) or (math.isnan(one) and math.isnan(other))
    except OverflowError:  # an integer beyond every float
        return False


def _same_object(coded: Any, expected: dict[str, Any]) -> bool:
    if type(coded) is not list or coded[:1] != ["d"] or len(coded) != 2 * len(expected) + 1:
        return False
    found = {_key(key): value for key, value in zip(coded[1::2], coded[2::2], strict=True)}
    return found.keys() == expected.keys() and all(same(found[key], value) for key, value in expected.items())


def _key(coded: Any) -> str:
    """A dictionary key as JSON writes it."""
    value = _scalar(coded)
    return value if type(value) is str else json.dumps(value) if not isinstance(value, list) else repr(value)


def _scalar(coded: Any) -> Any:
    if type(coded) is list and coded[:1] == ["i"] and len(coded) == 2 and type(coded[1]) is str:
        try:
            return int(coded[1], 16)
        except ValueError:
            return coded
    return coded


def shown(coded: Any, depth: int = 0) -> str:
    """A coded value as Python would print it, roughly; never more than a few levels."""
    if type(coded) is not list or not coded:
        return repr(coded)
    brackets = {"l": "[]", "t": "()", "s": "{}", "z": "{}", "d": "{}"}.get(str(coded[0]))
    if brackets is None or depth > 5:
        return f"<{str(coded[0])[:20]} {str(coded[1:])[:100]}>"
    members = [shown(item, depth + 1) for item in coded[1:60]]
    if coded[0] == "d":
        members = [f"{key}: {value}" for key, value in zip(members[::2], members[1::2], strict=False)]
    return brackets[0] + ", ".join(members) + brackets[1]


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."
