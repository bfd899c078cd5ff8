"""What of an execution is stored as evidence, and what a status and a test report mean for a program."""

from __future__ import annotations

import re
from collections.abc import Mapping

from records.types import JSON
from sandbox.types import Case, Execution, Status, TestReport

MAX_OUTPUT_CHARS = 4_000  # of each stream: half from the start, half from the end
MAX_DETAIL_CHARS = 400
MAX_CASES = 100

# Addresses differ from run to run: "<object at 0x7f31c2a4d0>".
ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,}\b")
EXCEPTION = re.compile(r"[\w.]+(?:Error|Exception|Exit|Interrupt|Iteration|Warning)\b")  # last line of a traceback

# How the sandbox's reports name cases: assertions as "line 3: assert ...", trouble with the whole run as "tests", and
# tests that ended by an exception by their own name, with "Type: message" as detail.
ASSERTION_CASE = re.compile(r"line \d+: ")
WHOLE_RUN = "tests"
FAILED_ASSERTION = re.compile(r"AssertionError\b|Failed: ")  # the second is pytest's

# A program that was killed had printed as much as it had time for: that is no fact about the program.
KILLED = frozenset({Status.TIMEOUT_CPU, Status.TIMEOUT_WALL, Status.MEMORY, Status.OUTPUT})


def stable_text(text: str, limit: int = MAX_OUTPUT_CHARS) -> str:
    """The text without memory addresses, cut in the middle to `limit` characters."""
    text = ADDRESS.sub("0x…", text)
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]}\n… {len(text) - 2 * half} characters left out …\n{text[-half:]}"


def stored_evidence(execution: Execution) -> dict[str, JSON]:
    """What a record keeps: nothing that depends on the clock. Output of killed programs is left out."""
    killed = execution.status in KILLED
    return {
        "status": execution.status.value,
        "exit_code": execution.exit_code,
        "stdout": "" if killed else stable_text(execution.stdout),
        "stderr": "" if killed else stable_text(execution.stderr),
        **report_evidence(execution.tests),
    }


def measured_evidence(execution: Execution) -> dict[str, JSON]:
    """What `provender verify code` prints: the whole output and what the execution cost. Never stored in a shard."""
    peak = execution.peak_bytes
    return {
        "status": execution.status.value,
        "exit_code": execution.exit_code,
        "signal": execution.signal,
        "stdout": execution.stdout,
        "stderr": execution.stderr,
        "wall_s": round(execution.wall_s, 6),
        "cpu_s": round(execution.cpu_s, 6),
        "peak_mb": None if peak is None else round(peak / (1 << 20), 3),
        "backend": execution.backend,
        **({"detail": execution.detail} if execution.detail else {}),
        **(report_evidence(execution.tests) if execution.tests is not None else {}),
    }


def report_evidence(report: TestReport | None) -> dict[str, JSON]:
    """Cases and trust of a test report; empty where the program could not be loaded."""
    if report is None:
        return {"cases": [], "passed": 0, "total": 0, "complete": False, "trust": None}
    cases = [_case(case) for case in report.cases[:MAX_CASES]]
    return {
        "cases": cases,
        "passed": sum(case.passed for case in report.cases),
        "total": len(report.cases),
        "complete": report.complete,
        "trust": report.trust,
    }


def _case(case: Case) -> Mapping[str, JSON]:
    name, detail = (stable_text(text, MAX_DETAIL_CHARS) for text in (case.name, case.detail))
    return {"name": name, "passed": case.passed, "detail": detail}


def is_assertion(name: str) -> bool:
    """Whether a case of a test report stands for one assertion, not for a test that ended by an exception."""
    return ASSERTION_CASE.match(name) is not None


def counted_cases(report: TestReport) -> tuple[Case, ...]:
    """The assertions or, where a language's harness tells none apart, its tests.

    Tests that ended by an exception are not counted beside assertions: theirs failed or were never reached.
    """
    assertions = tuple(case for case in report.cases if is_assertion(case.name))
    return assertions or tuple(case for case in report.cases if case.name != WHOLE_RUN)


def pass_rate(report: TestReport) -> float:
    """Share of the assertions that held; 0 where there are none."""
    counted = counted_cases(report) or report.cases
    return sum(case.passed for case in counted) / len(counted) if counted else 0.0


def broke_off(report: TestReport) -> bool:
    """Whether something happened to the run as a whole, so that a share of its assertions says nothing."""
    return any(case.name == WHOLE_RUN and not case.passed for case in report.cases)


def failure_reason(execution: Execution) -> str:
    """Why an execution did not pass: the status where that tells, else what the failing tests or stderr say."""
    if execution.status not in (Status.OK, Status.NONZERO):
        return execution.status.value
    report = execution.tests
    failed = [case for case in report.cases if not case.passed] if report else []
    ended = [case.detail for case in failed if not is_assertion(case.name) and case.name != WHOLE_RUN]
    if any(detail.startswith("MemoryError") for detail in ended):
        return Status.MEMORY.value
    last = execution.stderr.rstrip().rpartition("\n")[2]
    if any(FAILED_ASSERTION.match(detail) for detail in (*ended, last)):
        return "failed_assertion"
    if ended or report is None or EXCEPTION.match(last):
        return "runtime_error"
    # No test ended early: what failed was caught by the tests themselves, or the run was cut short.
    return "failed_assertion" if failed and not broke_off(report) else "tests_incomplete"
