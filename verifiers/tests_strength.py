"""Model-written tests on trial against the solution that they accepted: do they always say the same, do they reach its
branches, and do they notice when it is changed (C9, C17)?

Stands after `code_tests`: what is asked here of the tests makes sense only for a solution that met them.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from records.types import JSON, Candidate, Check, Outcome, Verdict
from sandbox.types import Execution, Limits, Request, SandboxError, Status, TestSource, ToolchainMissing
from verifiers.base import Resources
from verifiers.python_coverage import Branch, Instrumented, instrument, with_random_seed
from verifiers.python_mutants import Mutant, make_mutants
from verifiers.workers import WorkerError

ANALYSIS_CPU_S = 20.0  # of a worker; a usual program and its tests need 0.05
MAX_LISTED = 8
# Most mutants that loop for ever would each cost the whole CPU limit. Programs that need less than QUICK_CPU_S for all
# of their tests (nearly all do) have their mutants held to MUTANT_CPU_S.
QUICK_CPU_S, MUTANT_CPU_S = 0.1, 0.3
LINE = re.compile(r"line (\d+): ")

Cases = Mapping[str, bool]


@dataclass(frozen=True)
class TestsStrength(Check):
    """The tests say the same on `reruns` more runs, take the share `min_branch_coverage` of the solution's branches,
    and fail on the share `min_mutation_score` of at most `max_mutants` mutants of it.

    `previous` are earlier tests of the same solution that `tests` replace: they may not be stronger. Empty where there
    are none.
    """

    __test__ = False  # not a pytest class
    kind: ClassVar[str] = "tests_strength"
    language: str
    tests: str
    min_mutation_score: float = 0.6
    min_branch_coverage: float = 0.9
    max_mutants: int = 12
    reruns: int = 2
    previous: str = ""
    cpu_s: float = 5.0
    memory_mb: int = 256
    part: str = "solution"


@dataclass(frozen=True, slots=True)
class Strength:
    """What was measured of one set of tests. `flaky` are the assertions that did not always end in the same way."""

    flaky: tuple[str, ...]
    branches: int
    missed: tuple[Branch, ...]
    mutants: int
    survivors: tuple[Mutant, ...]
    timeouts: int

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
        }


class _Unmeasurable(Exception):
    """The instrumented or reseeded texts do not behave like the original ones; the message says which."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """All texts of one trial, made in a worker."""

    instrumented: Instrumented | None
    reseeded: tuple[tuple[str, str, int], ...]  # program, tests, line before which the tests got one more
    mutants: tuple[Mutant, ...]


def plan_trial(program: str, tests: str, reruns: int, max_mutants: int) -> _Plan:
    """Texts to run. Called in a worker process: it parses what a model wrote."""
    reseeded = [(with_random_seed(program, seed)[0], *with_random_seed(tests, seed)) for seed in range(1, reruns + 1)]
    return _Plan(instrument(program, tests), tuple(reseeded), tuple(make_mutants(program, max_mutants)))


async def verify(check: TestsStrength, candidate: Candidate, resources: Resources) -> Verdict:
    """PASS where the tests are steady and strong; UNJUDGED where a worker or the sandbox fails."""
    if check.language != "python":
        return _verdict(Outcome.UNJUDGED, "language_not_supported", {"language": check.language})
    program = candidate.parts.get(check.part, "")
    if not program.strip() or not check.tests.strip():
        return _verdict(Outcome.FAIL, "no_code" if check.tests.strip() else "no_tests", {})
    try:
        now = await _measure(check, program, check.tests, resources)
        before = await _measure(check, program, check.previous, resources) if check.previous.strip() else None
    except WorkerError as error:
        return _verdict(Outcome.UNJUDGED, "analysis_failed", {"error": f"{type(error).__name__}: {error}"})
    except _Unmeasurable as error:
        return _verdict(Outcome.UNJUDGED, "not_measurable", {"error": str(error)})
    except ToolchainMissing as error:
        return _verdict(Outcome.UNJUDGED, "toolchain_missing", {"error": str(error)})
    except SandboxError as error:
        return _verdict(Outcome.UNJUDGED, "sandbox_error", {"error": f"{type(error).__name__}: {error}"})
    return _judge(check, now, before)


def _judge(check: TestsStrength, now: Strength, before: Strength | None) -> Verdict:
    evidence = {
        **now.evidence(),
        "min_mutation_score": check.min_mutation_score,
        "min_branch_coverage": check.min_branch_coverage,
    }
    if now.flaky:
        return _verdict(Outcome.FAIL, "flaky_tests", evidence)
    if before is not None and not before.flaky and (now.score < before.score or now.coverage < before.coverage):
        earlier = {"mutation_score": round(before.score, 4), "branch_coverage": round(before.coverage, 4)}
        return _verdict(Outcome.FAIL, "tests_weakened", {**evidence, "earlier": earlier})
    if now.coverage < check.min_branch_coverage:
        return _verdict(Outcome.FAIL, "low_branch_coverage", evidence)
    if now.score < check.min_mutation_score:
        return _verdict(Outcome.FAIL, "surviving_mutants", evidence)
    return _verdict(Outcome.PASS, "tests_are_strong", evidence)


async def _measure(check: TestsStrength, program: str, tests: str, resources: Resources) -> Strength:
    """Raises _Unmeasurable, WorkerError, SandboxError."""
    arguments = (program, tests, check.reruns, check.max_mutants)
    plan: _Plan = await resources.workers.run(plan_trial, *arguments, deadline_s=ANALYSIS_CPU_S)
    trial = _Trial(check, resources)
    original, limits = await trial.original(program, tests)
    flaky = await trial.flaky(plan, original)
    if flaky:
        return Strength(flaky, 0, (), 0, (), 0)
    missed = await trial.missed(plan.instrumented, limits)
    ends = await asyncio.gather(*(trial.notices(mutant, tests, original, limits) for mutant in plan.mutants))
    survivors = tuple(mutant for mutant, end in zip(plan.mutants, ends, strict=True) if not end)
    branches = len(plan.instrumented.branches) if plan.instrumented else 0
    return Strength((), branches, missed, len(plan.mutants), survivors, ends.count("timeout"))


@dataclass(frozen=True, slots=True)
class _Trial:
    """Runs the texts of one trial."""

    check: TestsStrength
    resources: Resources

    async def run(self, program: str, tests: str, limits: Limits | None = None) -> Execution:
        limits = limits or self.limits(self.check.cpu_s)
        request = Request(self.check.language, program, tests=TestSource(tests), limits=limits)
        return await self.resources.sandbox.run(request)

    def limits(self, cpu_s: float) -> Limits:
        wall_s = 2 * self.check.cpu_s + 2  # of a waiting mutant; only CPU time is made short
        return Limits(cpu_s=min(cpu_s, self.check.cpu_s), wall_s=wall_s, memory_bytes=self.check.memory_mb << 20)

    async def original(self, program: str, tests: str) -> tuple[Cases, Limits]:
        """How each assertion ends on the solution itself, and the limits that its mutants are held to."""
        quick = await self.run(program, tests, self.limits(QUICK_CPU_S))
        if quick.status is not Status.TIMEOUT_CPU:
            return cases_of(quick), self.limits(MUTANT_CPU_S)
        return cases_of(await self.run(program, tests)), self.limits(self.check.cpu_s)

    async def flaky(self, plan: _Plan, original: Cases) -> tuple[str, ...]:
        """Assertions that ended otherwise on a run with other random numbers, by their text."""
        changed: set[str] = set()
        for program, tests, line in plan.reseeded:
            found = cases_of(await self.run(program, tests), line)
            names = original.keys() | found.keys()
            changed |= {name for name in names if original.get(name) is not found.get(name)}
        return tuple(sorted(changed))

    async def missed(self, texts: Instrumented | None, limits: Limits) -> tuple[Branch, ...]:
        if texts is None:
            raise _Unmeasurable("the program cannot be instrumented")
        execution = await self.run(texts.program, texts.tests, limits)
        found = {LINE.sub("", name): passed for name, passed in cases_of(execution).items()}
        asked = {number: found.get(texts.question(number)) for number in range(len(texts.branches))}
        if any(answer is None for answer in asked.values()):
            raise _Unmeasurable(f"the instrumented program ended with status {execution.status.value}")
        return tuple(branch for number, branch in enumerate(texts.branches) if not asked[number])

    async def notices(self, mutant: Mutant, tests: str, original: Cases, limits: Limits) -> str:
        """How the tests noticed the mutant; empty where each assertion ended as on the solution."""
        execution = await self.run(mutant.source, tests, limits)
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


def _verdict(outcome: Outcome, reason: str, evidence: Mapping[str, JSON]) -> Verdict:
    return Verdict(TestsStrength.kind, outcome, reason, evidence)
