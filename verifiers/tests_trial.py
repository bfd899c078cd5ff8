"""Runs changed copies of a program against its tests, and says which of the changes the tests noticed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from records.types import JSON
from sandbox.types import Execution, Limits, Request, Sandbox, Status, TestSource
from verifiers.python_coverage import Branch
from verifiers.python_mutants import Mutant

MAX_LISTED = 8
# Most mutants that loop for ever would each cost the whole CPU limit. Programs that need less than `quick` seconds for
# all of their tests (nearly all do) have their mutants held to `short` seconds.
QUICK: Mapping[str, tuple[float, float]] = {"python": (0.1, 0.3), "java": (1.0, 2.0)}
QUICK_OTHERS = (0.4, 0.8)  # a runtime's start is part of it
LINE = re.compile(r"line (\d+): ")
INVALID = "does not compile"

Cases = Mapping[str, bool]


@dataclass(frozen=True, slots=True)
class Strength:
    """What was measured of one set of tests. `flaky` are the assertions that did not always end in the same way;
    `invalid` counts mutants that are no programs, and `unmeasured` branches whose copy is none."""

    flaky: tuple[str, ...] = ()
    branches: int = 0
    missed: tuple[Branch, ...] = ()
    mutants: int = 0
    survivors: tuple[Mutant, ...] = ()
    timeouts: int = 0
    invalid: int = 0
    unmeasured: int = 0

    @property
    def coverage(self) -> float:
        """Share of the branches that were taken; 1 where there are none."""
        return 1 - len(self.missed) / self.branches if self.branches else 1.0

    @property
    def score(self) -> float:
        """Share of the mutants that were noticed; 1 where there are none."""
        return 1 - len(self.survivors) / self.mutants if self.mutants else 1.0

    def evidence(self) -> dict[str, JSON]:
        """Everything that a reader or a reviser needs to know."""
        unusual = {"invalid_mutants": self.invalid, "unmeasured_branches": self.unmeasured}
        return {
            "mutation_score": round(self.score, 4),
            "mutants": self.mutants,
            "killed": self.mutants - len(self.survivors),
            "killed_by_timeout": self.timeouts,
            "survivors": [_survivor(mutant) for mutant in self.survivors[:MAX_LISTED]],
            "branch_coverage": round(self.coverage, 4),
            "branches": self.branches,
            "missed": [asdict(branch) for branch in self.missed[:MAX_LISTED]],
            "flaky": list(self.flaky[:MAX_LISTED]),
            **{name: count for name, count in unusual.items() if count},
        }


@dataclass(frozen=True, slots=True)
class Trial:
    """One program's language and what each run may use. Methods raise SandboxError."""

    language: str
    cpu_s: float
    memory_mb: int
    sandbox: Sandbox

    async def run(self, program: str, tests: str, limits: Limits | None = None) -> Execution:
        """The program, or a copy of it, with tests."""
        limits = limits or self.limits(self.cpu_s)
        return await self.sandbox.run(Request(self.language, program, tests=TestSource(tests), limits=limits))

    def limits(self, cpu_s: float) -> Limits:
        """Only CPU time is made short, not the time that a mutant may wait."""
        wall_s = 2 * self.cpu_s + 2
        return Limits(cpu_s=min(cpu_s, self.cpu_s), wall_s=wall_s, memory_bytes=self.memory_mb << 20)

    async def original(self, program: str, tests: str) -> tuple[Cases, Limits]:
        """How each assertion ends on the solution itself, and the limits that its mutants are held to."""
        quick, short = QUICK.get(self.language, QUICK_OTHERS)
        first = await self.run(program, tests, self.limits(quick))
        if first.status is not Status.TIMEOUT_CPU:
            return cases_of(first), self.limits(short)
        return cases_of(await self.run(program, tests)), self.limits(self.cpu_s)

    async def notices(self, changed: str, tests: str, original: Cases, limits: Limits) -> str:
        """How the tests noticed the change; empty where each assertion ended as on the solution."""
        execution = await self.run(changed, tests, limits)
        if execution.status is Status.COMPILE_ERROR:
            return INVALID
        if execution.status in (Status.TIMEOUT_CPU, Status.TIMEOUT_WALL):
            return "timeout"
        if execution.tests is None or execution.status not in (Status.OK, Status.NONZERO):
            return "broken"
        found = cases_of(execution)
        return "failed" if any(passed and not found.get(name, False) for name, passed in original.items()) else ""


def cases_of(execution: Execution, inserted: int = 0) -> Cases:
    """Name of each case with whether it passed. `inserted` is the line before which the tests got one more."""
    if execution.tests is None:
        return {}
    return {_as_before(case.name, inserted): case.passed for case in execution.tests.cases}


def _as_before(name: str, inserted: int) -> str:
    found = LINE.match(name)
    if not inserted or not found or int(found[1]) <= inserted:
        return name
    return f"line {int(found[1]) - 1}: {name[found.end() :]}"


def _survivor(mutant: Mutant) -> dict[str, Any]:
    return {"line": mutant.line, "before": mutant.before, "after": mutant.after}
