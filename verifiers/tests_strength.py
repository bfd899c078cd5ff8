"""Model-written tests on trial against the solution that they accepted: do they always say the same, do they reach its
branches, and do they notice when it is changed (C9, C17)?

Stands after `code_tests`: what is asked here of the tests makes sense only for a solution that met them. Python
programs are instrumented, and run again with other random numbers; the other languages' are run again as they are, and
a branch is covered where the tests notice that the program ends there (`verifiers.tree_branches`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from records.types import JSON, Candidate, Check, Outcome, Verdict
from sandbox.types import Limits, SandboxError, ToolchainMissing
from verifiers.base import Resources
from verifiers.python_coverage import Branch, Instrumented, instrument, with_random_seed
from verifiers.python_mutants import Mutant, make_mutants
from verifiers.tests_trial import INVALID, LINE, Cases, Strength, Trial, cases_of
from verifiers.tree_branches import Trapped, trap_branches
from verifiers.tree_mutants import make_tree_mutants
from verifiers.tree_static import GRAMMARS
from verifiers.workers import WorkerError

ANALYSIS_CPU_S = 20.0  # of a worker; a usual program and its tests need 0.05
LANGUAGES = frozenset({"python", *GRAMMARS})


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


class _Unmeasurable(Exception):
    """The instrumented or reseeded texts do not behave like the original ones; the message says which."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """All texts of one trial, made in a worker. `instrumented` is for Python, `trapped` for the other languages."""

    reseeded: tuple[tuple[str, str, int], ...]  # program, tests, line before which the tests got one more
    mutants: tuple[Mutant, ...]
    instrumented: Instrumented | None = None
    trapped: tuple[Trapped, ...] = ()


def plan_trial(program: str, tests: str, reruns: int, max_mutants: int) -> _Plan:
    """Texts to run. Called in a worker process: it parses what a model wrote."""
    reseeded = [(with_random_seed(program, seed)[0], *with_random_seed(tests, seed)) for seed in range(1, reruns + 1)]
    return _Plan(tuple(reseeded), tuple(make_mutants(program, max_mutants)), instrument(program, tests))


def plan_tree_trial(language: str, program: str, tests: str, reruns: int, max_mutants: int) -> _Plan:
    """The same for the other languages, whose random numbers differ from run to run by themselves."""
    mutants = tuple(make_tree_mutants(program, language, max_mutants))
    return _Plan(((program, tests, 0),) * reruns, mutants, trapped=tuple(trap_branches(program, language)))


async def verify(check: TestsStrength, candidate: Candidate, resources: Resources) -> Verdict:
    """PASS where the tests are steady and strong; UNJUDGED where a worker or the sandbox fails."""
    if check.language not in LANGUAGES:
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
    told = (program, tests, check.reruns, check.max_mutants)
    plan: _Plan
    if check.language == "python":
        plan = await resources.workers.run(plan_trial, *told, deadline_s=ANALYSIS_CPU_S)
    else:
        plan = await resources.workers.run(plan_tree_trial, check.language, *told, deadline_s=ANALYSIS_CPU_S)
    trial = Trial(check.language, check.cpu_s, check.memory_mb, resources.sandbox)
    original, limits = await trial.original(program, tests)
    flaky = await _flaky(trial, plan.reseeded, original)
    if flaky:
        return Strength(flaky)
    branches, missed, unmeasured = await _branches(trial, plan, tests, (original, limits))
    ends = await asyncio.gather(*(trial.notices(mutant.source, tests, original, limits) for mutant in plan.mutants))
    survivors = tuple(mutant for mutant, end in zip(plan.mutants, ends, strict=True) if not end)
    invalid = ends.count(INVALID)
    valid = len(plan.mutants) - invalid
    return Strength((), branches, missed, valid, survivors, ends.count("timeout"), invalid, unmeasured)


async def _flaky(trial: Trial, again: Sequence[tuple[str, str, int]], original: Cases) -> tuple[str, ...]:
    """Assertions that ended otherwise on another run, by their text."""
    changed: set[str] = set()
    for program, tests, line in again:
        found = cases_of(await trial.run(program, tests), line)
        names = original.keys() | found.keys()
        changed |= {name for name in names if original.get(name) is not found.get(name)}
    return tuple(sorted(changed))


async def _branches(
    trial: Trial, plan: _Plan, tests: str, known: tuple[Cases, Limits]
) -> tuple[int, tuple[Branch, ...], int]:
    """How many branches there are, which of them were never taken, and how many could not be looked at."""
    original, limits = known
    if trial.language == "python":
        missed = await _missed(trial, plan.instrumented, limits)
        return len(plan.instrumented.branches) if plan.instrumented else 0, missed, 0
    ends = await asyncio.gather(*(trial.notices(one.program, tests, original, limits) for one in plan.trapped))
    measured = [(one.branch, end) for one, end in zip(plan.trapped, ends, strict=True) if end != INVALID]
    return len(measured), tuple(branch for branch, end in measured if not end), len(ends) - len(measured)


async def _missed(trial: Trial, texts: Instrumented | None, limits: Limits) -> tuple[Branch, ...]:
    if texts is None:
        raise _Unmeasurable("the program cannot be instrumented")
    execution = await trial.run(texts.program, texts.tests, limits)
    found = {LINE.sub("", name): passed for name, passed in cases_of(execution).items()}
    asked = {number: found.get(texts.question(number)) for number in range(len(texts.branches))}
    if any(answer is None for answer in asked.values()):
        raise _Unmeasurable(f"the instrumented program ended with status {execution.status.value}")
    return tuple(branch for number, branch in enumerate(texts.branches) if not asked[number])


def _verdict(outcome: Outcome, reason: str, evidence: Mapping[str, Any]) -> Verdict:
    values: Mapping[str, JSON] = evidence
    return Verdict(TestsStrength.kind, outcome, reason, values)
