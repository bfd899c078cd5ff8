"""Noisy tests are dropped: what the solution and independent ones fail alike is the tests' mistake (C12).

AceCoder (arXiv 2502.01718) drops the tests that a stronger coder's program fails, and questions with fewer than 5 left.
Here several solutions, written without sight of each other, have to fail the very same assertions and pass all others.
"""

from __future__ import annotations

import ast
import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence

from generators.code.attempt import next_attempt
from generators.code.proving import CodeSettings, independent, limits_of, without_tests
from generators.recipe import Resources
from records.types import JSON, Candidate, Record
from sandbox.types import Limits, Request, Status, TestSource
from verifiers.code_tests import CodeTests
from verifiers.execution_evidence import counted_cases

LINE = re.compile(r"line (\d+): ")
LANGUAGE = "python"  # whose harness tells every assertion's line


async def without_noise(attempts: Sequence[Record], resources: Resources) -> Candidate | None:
    """The last attempt without its noisy tests; None where nothing shows that they are, or too few would be left.

    For attempts whose tests a check has parsed. Raises SandboxError.
    """
    settings: CodeSettings = resources.settings
    last, former = attempts[-1], attempts[-1].candidate
    failed = last.deciding.check == CodeTests.kind and last.deciding.reason == "failed_assertion"
    others = independent(former.parts)
    if not failed or former.metadata["language"] != LANGUAGE or not 0 < settings.noise_votes <= len(others):
        return None
    wrong = _lines((case["name"], case["passed"]) for case in last.deciding.evidence["cases"])
    votes = await asyncio.gather(*(_failing(former, program, resources) for program in others))
    told = [vote for vote in votes if vote is not None]
    if not wrong or len(told) < settings.noise_votes or any(vote != wrong for vote in told):
        return None
    tests = former.parts["tests"]
    functions = [node for node in ast.parse(tests).body if isinstance(node, ast.FunctionDef)]
    asserting = [function for function in functions if function.name.startswith("test")]
    noisy = [one.name for one in asserting if not wrong.isdisjoint(range(one.lineno, (one.end_lineno or 0) + 1))]
    if not noisy or len(asserting) - len(noisy) < settings.min_tests:
        return None
    kept = former.metadata.get("dropped_tests", [])
    dropped: JSON = [*kept, *noisy] if isinstance(kept, list) else noisy
    notes: Mapping[str, JSON] = {
        "self_corrected": former.metadata["self_corrected"],
        "change": "tests",
        "dropped_tests": dropped,
    }
    parts = {**former.parts, "tests": without_tests(tests, noisy)}
    return next_attempt(attempts, parts, former.calls, notes, resources)


def _lines(cases: Iterable[tuple[str, bool]]) -> frozenset[int]:
    """The lines of the assertions that failed."""
    matches = [LINE.match(name) for name, passed in cases if not passed]
    return frozenset(int(match[1]) for match in matches if match)


async def _failing(former: Candidate, program: str, resources: Resources) -> frozenset[int] | None:
    """What an independent solution fails; None where it says nothing about the tests, as in `verifiers.agreement`."""
    assert resources.sandbox is not None, "every run has a sandbox"
    if not program.strip():
        return None
    settings: CodeSettings = resources.settings
    cpu_s, memory_mb = limits_of(LANGUAGE, settings.cpu_s, settings.memory_mb)
    limits = Limits(cpu_s=cpu_s, memory_bytes=memory_mb << 20)
    run = await resources.sandbox.run(
        Request(LANGUAGE, program, tests=TestSource(former.parts["tests"]), limits=limits)
    )
    if run.tests is None or run.status not in (Status.OK, Status.NONZERO):
        return None
    cases = counted_cases(run.tests)
    return _lines((case.name, case.passed) for case in cases) if any(case.passed for case in cases) else None
