"""Proof by behaviour: a program does what a Python program does, on inputs that both of them run (C13, C14).

What the original returns is observed in the sandbox, never believed from a text. Where the other program is Python, it
is observed in the same way, exceptions with it; in other languages it meets tests that are written from what was
observed (`verifiers.foreign_tests`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from records.types import JSON, Candidate, Check, Outcome, Verdict, canonical_json
from sandbox.types import Calls, Execution, Limits, Request, SandboxError, Status, TestSource, ToolchainMissing
from verifiers.base import Resources
from verifiers.execution_evidence import failure_reason, stored_evidence
from verifiers.foreign_shaped import LANGUAGES as SHAPED
from verifiers.foreign_shaped import write_shaped_tests
from verifiers.foreign_tests import LANGUAGES as TYPED
from verifiers.foreign_tests import write_tests
from verifiers.observing import Observation, Observed, observe, same_value
from verifiers.workers import WorkerError

CALLED = frozenset({"javascript", "typescript", "php"})  # languages whose functions the sandbox calls from outside
LANGUAGES = frozenset({"python"}) | CALLED | TYPED | SHAPED
ANALYSIS_CPU_S = 10.0
MAX_LISTED = 6
MAX_SHOWN = 300


@dataclass(frozen=True)
class SameBehaviour(Check):
    """The part, a program in `language`, does what the Python program `original` does, on the share `min_agreement` of
    `inputs` (argument lists, JSON values). At least `min_inputs` of them must be comparable.

    Beyond Python only inputs are compared for which the original returns a value that the other language has, and all
    of them must agree. `cpu_s` and `memory_mb` hold for each of the two programs and all inputs together.
    """

    kind: ClassVar[str] = "same_behaviour"
    language: str
    entry_point: str
    original: str
    original_entry_point: str
    inputs: tuple[Any, ...]
    min_agreement: float = 1.0
    min_inputs: int = 5
    cpu_s: float = 5.0
    memory_mb: int = 256
    part: str = "solution"
    shape: str = ""

    def __post_init__(self) -> None:
        """Keys in the order in which they are stored: a program may see it, so the stored check must be this one."""
        object.__setattr__(self, "inputs", tuple(json.loads(canonical_json(list(self.inputs)))))

    def limits(self) -> Limits:
        """What each of the two programs may use."""
        return Limits(cpu_s=self.cpu_s, wall_s=5 * self.cpu_s + 10, memory_bytes=self.memory_mb << 20, pids=256)


async def verify(check: SameBehaviour, candidate: Candidate, resources: Resources) -> Verdict:
    """UNJUDGED where the original itself gives too little to compare with."""
    program = candidate.parts.get(check.part, "")
    if check.language not in LANGUAGES:
        return _verdict(Outcome.UNJUDGED, "language_not_supported", {"language": check.language})
    if not program.strip():
        return _verdict(Outcome.FAIL, "no_code", {})
    inputs = _thawed(check.inputs)
    try:
        known = await observe(check.original, check.original_entry_point, inputs, resources.sandbox, check.limits())
        values = sum(outcome.has_value for outcome in known.outcomes)
        if len(known.outcomes) < len(inputs) or values < check.min_inputs:
            evidence: dict[str, JSON] = {
                "status": known.execution.status.value,
                "values": values,
                "inputs": len(inputs),
            }
            return _verdict(Outcome.UNJUDGED, "original_gives_too_little", evidence)
        if check.language == "python":
            return await _compare(check, program, known, resources)
        return await _compare_foreign(check, program, known, resources)
    except WorkerError as error:
        return _verdict(Outcome.UNJUDGED, "analysis_failed", {"error": f"{type(error).__name__}: {error}"})
    except ToolchainMissing as error:
        return _verdict(Outcome.UNJUDGED, "toolchain_missing", {"error": str(error)})
    except SandboxError as error:
        return _verdict(Outcome.UNJUDGED, "sandbox_error", {"error": f"{type(error).__name__}: {error}"})


async def _compare(check: SameBehaviour, program: str, known: Observation, resources: Resources) -> Verdict:
    inputs = _thawed(check.inputs)
    seen = await observe(program, check.entry_point, inputs, resources.sandbox, check.limits())
    if len(seen.outcomes) < len(inputs):
        return _verdict(Outcome.FAIL, _ended(seen), {**stored_evidence(seen.execution), "reached": len(seen.outcomes)})
    pairs = [pair for pair in zip(inputs, known.outcomes, seen.outcomes, strict=True) if not pair[1].odd]
    differing = [_difference(*pair) for pair in pairs if not _agree(pair[1], pair[2])]
    return _judge(check, len(pairs), differing)


async def _compare_foreign(check: SameBehaviour, program: str, known: Observation, resources: Resources) -> Verdict:
    """Tests in the other language's own form, written from what the original returned."""
    cases = [
        (arguments, outcome.value)
        for arguments, outcome in zip(_thawed(check.inputs), known.outcomes, strict=True)
        if outcome.has_value
    ]
    tests, compared = await _tests_for(check, program, cases, resources)
    if compared < check.min_inputs:
        evidence = {"comparable": compared, "inputs": len(check.inputs)}
        return _verdict(Outcome.UNJUDGED, "not_comparable", evidence)
    execution = await resources.sandbox.run(Request(check.language, program, tests=tests, limits=check.limits()))
    return _judge_foreign(execution, compared)


async def _tests_for(
    check: SameBehaviour, program: str, cases: list[tuple[Any, Any]], resources: Resources
) -> tuple[Calls | TestSource, int]:
    """The tests, and how many of the cases they hold. Raises WorkerError."""
    if check.language in CALLED:
        return Calls(check.entry_point, tuple((tuple(arguments), result) for arguments, result in cases)), len(cases)
    if check.language in SHAPED:
        written = write_shaped_tests(check.language, check.entry_point, check.shape, cases)
    else:
        told = (check.language, program, check.entry_point, cases)
        written = await resources.workers.run(write_tests, *told, deadline_s=ANALYSIS_CPU_S)
    return TestSource(written.tests), len(written.cases)


def _thawed(value: Any) -> Any:
    """JSON values, which have lists where a stored check has tuples."""
    return [_thawed(item) for item in value] if isinstance(value, tuple | list) else value


def _judge_foreign(execution: Execution, compared: int) -> Verdict:
    evidence = {**stored_evidence(execution), "compared": compared}
    report = execution.tests
    if report is not None and report.passed and execution.status is Status.OK:
        return _verdict(Outcome.PASS, "same_behaviour", evidence)
    reason = failure_reason(execution)
    differs = execution.status in (Status.OK, Status.NONZERO, Status.SIGNAL)
    return _verdict(Outcome.FAIL, "behaviour_differs" if differs else reason, evidence)


def _judge(check: SameBehaviour, compared: int, differing: Sequence[Mapping[str, JSON]]) -> Verdict:
    rate = 1 - len(differing) / compared
    evidence = {
        "compared": compared,
        "agreement": round(rate, 4),
        "min_agreement": check.min_agreement,
        "differences": list(differing[:MAX_LISTED]),
    }
    if rate >= check.min_agreement:
        return _verdict(Outcome.PASS, "same_behaviour", evidence)
    return _verdict(Outcome.FAIL, "behaviour_differs", evidence)


def _agree(known: Observed, seen: Observed) -> bool:
    if not (known.has_value and seen.has_value):
        return known == seen
    return same_value(known.value, seen.value)


def _difference(arguments: Sequence[JSON], known: Observed, seen: Observed) -> dict[str, JSON]:
    shown = ", ".join(str(Observed(argument)) for argument in arguments)
    return {"input": shown[:MAX_SHOWN], "original": str(known)[:MAX_SHOWN], "got": str(seen)[:MAX_SHOWN]}


def _ended(seen: Observation) -> str:
    reason = failure_reason(seen.execution)
    return "runtime_error" if reason == "tests_incomplete" else reason


def _verdict(outcome: Outcome, reason: str, evidence: Mapping[str, JSON]) -> Verdict:
    return Verdict(SameBehaviour.kind, outcome, reason, evidence)
