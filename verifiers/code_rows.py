"""`provender verify code`: proves programs that anybody wrote, in one of four ways that the row's fields choose."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, Field

from records.types import Outcome, Verdict
from sandbox.types import Calls, Execution, Limits, Request, SandboxError, Status, Stdio, TestSource, ToolchainMissing
from verifiers.base import Resources
from verifiers.code_blocks import language_of
from verifiers.execution_evidence import failure_reason, measured_evidence

KIND = "code"
MAX_SECONDS = 3_600.0

Seconds = Annotated[float, Field(gt=0, le=MAX_SECONDS)]
Amount = Annotated[float, Field(gt=0, le=1 << 20)]


class RowLimits(BaseModel):
    """Limits of one row; MB and KB are binary (2**20 and 2**10 bytes)."""

    cpu_s: Seconds | None = None
    wall_s: Seconds | None = None
    memory_mb: Amount | None = None
    pids: Annotated[int, Field(ge=1, le=4096)] | None = None
    disk_mb: Amount | None = None
    output_kb: Amount | None = None


class Row(BaseModel):
    """One line of input. Unknown fields are ignored."""

    id: str | int
    language: str
    program: str
    stdin: str | None = None
    expected_stdout: str | None = None
    tests: str | None = None
    entry_point: str | None = None
    io: list[tuple[list[Any], Any]] | None = None
    limits: RowLimits = RowLimits()
    time_limit_s: Seconds | None = None
    files: dict[str, str] = {}


class Incomplete(Exception):
    """A row names half of a way to be proved; the message is the verdict's reason."""


async def prove_row(row: Row, resources: Resources) -> Verdict:
    """PASS, FAIL, or UNJUDGED where nothing was found out about the program (incomplete row, sandbox trouble)."""
    try:
        execution = await resources.sandbox.run(_request(row))
    except Incomplete as error:
        return Verdict(KIND, Outcome.UNJUDGED, str(error), {})
    except ToolchainMissing as error:
        return Verdict(KIND, Outcome.UNJUDGED, "toolchain_missing", {"error": str(error)})
    except SandboxError as error:
        return Verdict(KIND, Outcome.UNJUDGED, "sandbox_error", {"error": f"{type(error).__name__}: {error}"})
    return _verdict(row, execution)


def _verdict(row: Row, execution: Execution) -> Verdict:
    evidence = measured_evidence(execution)
    if execution.status is Status.REJECTED:  # the request was refused, so the program never ran
        return Verdict(KIND, Outcome.UNJUDGED, "rejected", evidence)
    if _has_tests(row):
        passed = execution.tests is not None and execution.tests.passed and execution.status is Status.OK
        return Verdict(KIND, Outcome.PASS, "tests_passed", evidence) if passed else _failed(row, execution, evidence)
    if execution.status is Status.OK:
        return Verdict(KIND, Outcome.PASS, "exit_zero", evidence)
    return _failed(row, execution, evidence)


def _failed(row: Row, execution: Execution, evidence: dict[str, Any]) -> Verdict:
    reason = failure_reason(execution)
    report = execution.tests
    if report is not None and report.cases and execution.status in (Status.OK, Status.NONZERO) and row.tests is None:
        reason = "wrong_output" if row.expected_stdout is not None else "wrong_result"
    return Verdict(KIND, Outcome.FAIL, reason, evidence)


def _has_tests(row: Row) -> bool:
    return row.tests is not None or row.io is not None or row.expected_stdout is not None


def _request(row: Row) -> Request:
    return Request(
        language=language_of(row.language),
        source=row.program,
        stdin=(row.stdin or "").encode("utf-8", "replace"),
        files={name: text.encode("utf-8", "replace") for name, text in row.files.items()},
        tests=_tests(row),
        limits=_limits(row),
    )


def _tests(row: Row) -> Calls | TestSource | Stdio | None:
    """The one way to prove the row. Raises Incomplete for half a pair, since running it alone would prove less."""
    if row.tests is not None:
        return TestSource(row.tests)
    if row.io is not None:
        if not row.entry_point:
            raise Incomplete("missing_entry_point")
        if not row.io:
            raise Incomplete("empty_io")
        return Calls(row.entry_point, tuple((tuple(arguments), expected) for arguments, expected in row.io))
    if row.expected_stdout is not None:
        return Stdio(row.stdin or "", row.expected_stdout)
    if row.entry_point is not None:
        raise Incomplete("missing_io")
    return None


def _limits(row: Row) -> Limits:
    """The sandbox's defaults, where the row does not say otherwise; `limits.cpu_s` goes before `time_limit_s`."""
    asked = row.limits
    given = {
        "cpu_s": asked.cpu_s if asked.cpu_s is not None else row.time_limit_s,
        "wall_s": asked.wall_s,
        "memory_bytes": _bytes(asked.memory_mb, 20),
        "pids": asked.pids,
        "disk_bytes": _bytes(asked.disk_mb, 20),
        "output_bytes": _bytes(asked.output_kb, 10),
    }
    chosen: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    return Limits(**chosen)


def _bytes(amount: float | None, shift: int) -> int | None:
    return None if amount is None else max(1, int(amount * (1 << shift)))
