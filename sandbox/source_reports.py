"""What a test driver told of a test source: lines of JSON, of which nothing is believed that does not fit the form."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Literal

from sandbox.types import Case, TestReport

_MAX_CASES = 2000
_TEXT = 600
_REASONS = {
    "broken": "",
    "lost": "the program's process ended during the tests",
    "idle": "a test that asserted nothing:",
}


@dataclass(slots=True)
class _Facts:
    """The driver's lines, gathered."""

    sites: list[tuple[int, str, int | None, bool]] = field(default_factory=list)
    entered: set[int] = field(default_factory=set)
    reached: set[int] = field(default_factory=set)
    left: set[int] = field(default_factory=set)
    held: set[int] = field(default_factory=set)
    failed: dict[int, str] = field(default_factory=dict)
    errors: list[Case] = field(default_factory=list)
    ended: bool = False
    touched: bool = False
    decided: bool = False

    def take(self, fact: Any) -> None:
        """One line. Raises ValueError, TypeError, IndexError, KeyError or AttributeError where it has another form."""
        kind = fact[0]
        if kind == "sites":
            self.sites = [_site(entry) for entry in fact[1]]
        elif kind in ("enter", "reach", "held", "left"):
            marks = {"enter": self.entered, "reach": self.reached, "held": self.held, "left": self.left}
            marks[kind].add(int(fact[1]))
        elif kind == "failed":
            self.failed.setdefault(int(fact[1]), _text(fact[2]))
        elif kind == "error":
            self.errors.append(Case(_text(fact[1]), False, _text(fact[2])))
        elif kind in _REASONS:
            self.errors.append(Case("tests", False, f"{_REASONS[kind]} {_text(fact[1])}".strip()))
        elif kind == "end":
            self.ended, self.touched, self.decided = True, bool(fact[1]["touched"]), bool(fact[1]["decided"])


def _site(entry: Any) -> tuple[int, str, int | None, bool]:
    line, text, function, required = entry
    return int(line), _text(text), None if function is None else int(function), bool(required)


def _text(value: Any) -> str:
    text = str(value).encode("utf-8", "replace").decode()
    return text if len(text) <= _TEXT else text[:_TEXT] + "..."


def source_report(report: bytes, ended: bool) -> TestReport:
    """One case per assertion reached, and one per test that ended by an exception.

    Complete: the driver came to its end, the program was called, something was asserted, and each required assertion
    (see `harness.instrument`) was reached in every function that was entered.
    """
    facts = _Facts()
    readable = True
    for line in report.split(b"\n")[:-1]:
        try:
            facts.take(json.loads(line))
        except (ValueError, TypeError, IndexError, KeyError, AttributeError, RecursionError):
            readable = False
    missing = _missing(facts)
    cases = [case for number, site in enumerate(facts.sites[:_MAX_CASES]) if (case := _case(facts, number, site))]
    cases += [*facts.errors, *missing]
    if not cases and facts.ended and not facts.touched:
        cases.append(Case("tests", False, "the tests never called the program"))
    trust: Literal["outside", "in_process"] = "in_process" if facts.decided else "outside"
    proved = facts.ended and facts.touched and bool(facts.held)
    return TestReport(tuple(cases), trust, complete=ended and readable and proved and not missing)


def _case(facts: _Facts, number: int, site: tuple[int, str, int | None, bool]) -> Case | None:
    line, text, _, required = site
    name = f"line {line}: {text}"
    if number in facts.failed:
        return Case(name, False, facts.failed[number])
    if number in facts.held and not (required and number in facts.left):
        return Case(name, True)
    if number in facts.reached and required:
        return Case(name, False, "an exception came before it could hold")
    return None


def _missing(facts: _Facts) -> list[Case]:
    """The required assertions that were never reached, though their function was entered."""
    return [
        Case(f"line {line}: {text}", False, "never reached")
        for number, (line, text, function, required) in enumerate(facts.sites)
        if required and (function is None or function in facts.entered) and number not in facts.reached
    ]
