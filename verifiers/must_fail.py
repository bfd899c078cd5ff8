"""Proof that a program is wrong: it fails tests which another program passes (debugging dialogues, harder variants)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from records.types import Candidate, Check, Outcome, Verdict
from sandbox.types import Limits, Request, SandboxError, TestSource, ToolchainMissing
from verifiers.base import Resources
from verifiers.code_tests import passes
from verifiers.execution_evidence import failure_reason, stored_evidence


@dataclass(frozen=True)
class MustFail(Check):
    """The part does not pass the tests. `append` is put behind it first, e.g. another name for its function."""

    kind: ClassVar[str] = "must_fail"
    language: str
    tests: str
    part: str
    append: str = ""
    cpu_s: float = 5.0
    memory_mb: int = 256


async def verify(check: MustFail, candidate: Candidate, resources: Resources) -> Verdict:
    """FAIL where the program passes, or is missing: then nothing shows what the example claims about it."""
    source = candidate.parts.get(check.part, "")
    if not source.strip() or not check.tests.strip():
        return Verdict(check.kind, Outcome.FAIL, "no_code" if check.tests.strip() else "no_tests", {})
    limits = Limits(cpu_s=check.cpu_s, memory_bytes=check.memory_mb << 20)
    request = Request(check.language, source + check.append, tests=TestSource(check.tests), limits=limits)
    try:
        execution = await resources.sandbox.run(request)
    except ToolchainMissing as error:
        return Verdict(check.kind, Outcome.UNJUDGED, "toolchain_missing", {"error": str(error)})
    except SandboxError as error:
        return Verdict(check.kind, Outcome.UNJUDGED, "sandbox_error", {"error": f"{type(error).__name__}: {error}"})
    evidence: dict[str, Any] = stored_evidence(execution)
    if passes(execution, 1.0):
        return Verdict(check.kind, Outcome.FAIL, "passes_all_the_same", evidence)
    return Verdict(check.kind, Outcome.PASS, "fails_as_it_must", {**evidence, "failure": failure_reason(execution)})
