"""Dynamic proof of code: it meets its tests in the sandbox, and the harness, not the program, says how (C7)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from records.types import Candidate, Check, Outcome, Verdict
from sandbox.types import Execution, Limits, Request, SandboxError, Status, TestSource, ToolchainMissing
from verifiers.base import Resources
from verifiers.code_rows import Row as Row
from verifiers.code_rows import prove_row as prove_row
from verifiers.execution_evidence import broke_off, failure_reason, pass_rate, stored_evidence


@dataclass(frozen=True)
class CodeTests(Check):
    """The solution passes the tests: all of them, or the share `min_pass_rate` (C10's policy; the verdict's evidence
    keeps every case either way).

    `entry_point` is for readers of the record; the tests call it by name. `memory_mb` is MiB.
    """

    kind: ClassVar[str] = "code_tests"
    language: str
    tests: str
    entry_point: str = ""
    min_pass_rate: float = 1.0
    cpu_s: float = 5.0
    memory_mb: int = 256
    part: str = "solution"


async def verify(check: CodeTests, candidate: Candidate, resources: Resources) -> Verdict:
    """Run the solution against the tests; UNJUDGED where the sandbox knows nothing."""
    source = candidate.parts.get(check.part, "")
    if not source.strip():
        return Verdict(check.kind, Outcome.FAIL, "no_code", {})
    limits = Limits(cpu_s=check.cpu_s, memory_bytes=check.memory_mb << 20)
    request = Request(check.language, source, tests=TestSource(check.tests), limits=limits)
    try:
        execution = await resources.sandbox.run(request)
    except ToolchainMissing as error:
        return Verdict(check.kind, Outcome.UNJUDGED, "toolchain_missing", {"error": str(error)})
    except SandboxError as error:
        return Verdict(check.kind, Outcome.UNJUDGED, "sandbox_error", {"error": f"{type(error).__name__}: {error}"})
    rate = pass_rate(execution.tests) if execution.tests is not None else 0.0
    evidence = {**stored_evidence(execution), "pass_rate": round(rate, 4), "min_pass_rate": check.min_pass_rate}
    if passes(execution, check.min_pass_rate):
        return Verdict(check.kind, Outcome.PASS, "tests_passed", evidence)
    return Verdict(check.kind, Outcome.FAIL, failure_reason(execution), evidence)


def passes(execution: Execution, min_pass_rate: float) -> bool:
    """Whether the tests accept a program. One that was killed or left during the tests never passes, whatever it had
    passed before.

    Below a rate of 1, a test that stopped at its first failure is no reason to refuse: what it did not reach counts
    as failed.
    """
    report = execution.tests
    if report is None or execution.status not in (Status.OK, Status.NONZERO):
        return False
    if min_pass_rate >= 1:
        return report.passed
    explained = report.complete or any(not case.passed for case in report.cases)
    return explained and not broke_off(report) and pass_rate(report) >= min_pass_rate
