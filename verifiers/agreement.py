"""Independent solutions meet the same tests: a solution-by-test matrix decides whether the tests can be trusted (C12).

Tests that copy a mistake of their solution accept it, and no look at the two alone can show that. A solution that was
written without sight of either can: it shares the task, not the mistake.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from records.types import JSON, Candidate, Check, Outcome, Verdict
from sandbox.types import Execution, Limits, Request, SandboxError, Status, TestSource, ToolchainMissing
from verifiers.base import Resources
from verifiers.code_tests import passes
from verifiers.execution_evidence import MAX_DETAIL_CHARS, counted_cases, stable_text

MAX_COLUMNS = 60
MAX_DISPUTED = 8
EASY, HARD = 2 / 3, 1 / 3  # KodCode (arXiv 2503.02951): easy above, hard below


@dataclass(frozen=True)
class Agreement(Check):
    """At least `min_votes` of `solutions` pass the tests, and those that pass, the candidate's own with them, outnumber
    those that fail. Solutions that meet nothing abstain.

    `keys` name the replies that wrote them, so that the evidence can say which ones the verdict rests on.
    `earlier_failures` counts solutions of the same problem that failed before; with them, the pass rate says how
    difficult it is.
    """

    kind: ClassVar[str] = "agreement"
    language: str
    tests: str
    solutions: tuple[str, ...]
    keys: tuple[str, ...] = ()
    earlier_failures: int = 0
    min_votes: int = 1
    min_pass_rate: float = 1.0
    cpu_s: float = 2.0
    memory_mb: int = 256
    part: str = "solution"


def difficulty_of(pass_rate: float) -> str:
    """KodCode's label: "easy", "medium" or "hard"; a rate on a bound is "medium"."""
    if pass_rate > EASY:
        return "easy"
    return "hard" if pass_rate < HARD else "medium"


async def verify(check: Agreement, candidate: Candidate, resources: Resources) -> Verdict:
    """Stands after `code_tests`, which has found that the candidate's own solution passes."""
    try:
        runs = await asyncio.gather(*(_run(check, solution, resources) for solution in check.solutions))
    except ToolchainMissing as error:
        return _verdict(Outcome.UNJUDGED, "toolchain_missing", {"error": str(error)})
    except SandboxError as error:
        return _verdict(Outcome.UNJUDGED, "sandbox_error", {"error": f"{type(error).__name__}: {error}"})
    votes = [_vote(run, check.min_pass_rate) for run in runs]
    refusal = _refusal(votes, check.min_votes)
    evidence = {**_rates(check, votes), **_matrix(runs)}
    if refusal:
        return _verdict(Outcome.FAIL, refusal, {**evidence, "rests_on": sorted(check.keys), "set_aside": {}})
    return _verdict(Outcome.PASS, "independent_solutions_agree", {**evidence, **_sides(check, votes)})


def _refusal(votes: Sequence[str], min_votes: int) -> str:
    passing, failing = votes.count("pass"), votes.count("fail")
    if failing > passing:
        return "outvoted" if failing > passing + 1 else "no_agreement"
    return "" if passing >= min_votes else "no_independent_solution"


async def _run(check: Agreement, solution: str, resources: Resources) -> Execution | None:
    if not solution.strip():
        return None
    limits = Limits(cpu_s=check.cpu_s, memory_bytes=check.memory_mb << 20)
    return await resources.sandbox.run(Request(check.language, solution, tests=TestSource(check.tests), limits=limits))


def _vote(run: Execution | None, min_pass_rate: float) -> str:
    """A program that never ended, or meets nothing at all, is no opinion about what the task asks: none of AceCoder's
    pairs rests on a pass rate of 0 either, which shows a program that does not fit, not one that is mistaken."""
    if run is None or run.tests is None or run.status not in (Status.OK, Status.NONZERO):
        return "abstain"
    if passes(run, min_pass_rate):
        return "pass"
    return "fail" if any(case.passed for case in counted_cases(run.tests)) else "abstain"


def _rates(check: Agreement, votes: Sequence[str]) -> dict[str, JSON]:
    tried = 1 + len(votes) + check.earlier_failures
    rate = (1 + votes.count("pass")) / tried
    return {"votes": list(votes), "pass_rate": round(rate, 4), "difficulty": difficulty_of(rate), "solutions": tried}


def _sides(check: Agreement, votes: Sequence[str]) -> dict[str, JSON]:
    """Which replies the verdict rests on, and which were outvoted or had no vote."""
    pairs = list(zip(check.keys, votes, strict=False))
    return {
        "rests_on": sorted(key for key, vote in pairs if vote == "pass"),
        "set_aside": {key: check.kind for key, vote in pairs if vote != "pass"},
    }


def _matrix(runs: Sequence[Execution | None]) -> dict[str, JSON]:
    """One row per solution, one column per assertion: 1 passed, 0 failed, - not there. Details of what they dispute."""
    rows = [_row(run) for run in runs]
    columns = list(dict.fromkeys(name for row in rows for name in row))[:MAX_COLUMNS]
    matrix = ["".join("-" if name not in row else str(int(row[name][0])) for name in columns) for row in rows]
    disputed = [
        {"assertion": name, "solution": number, "detail": row[name][1]}
        for number, row in enumerate(rows)
        for name in columns
        if name in row and not row[name][0]
    ]
    names: Any = [stable_text(name, MAX_DETAIL_CHARS) for name in columns]
    return {"assertions": names, "matrix": matrix, "disputed": disputed[:MAX_DISPUTED]}


def _row(run: Execution | None) -> Mapping[str, tuple[bool, str]]:
    assertions = counted_cases(run.tests) if run is not None and run.tests is not None else ()
    return {case.name: (case.passed, stable_text(case.detail, MAX_DETAIL_CHARS)) for case in assertions}


def _verdict(outcome: Outcome, reason: str, evidence: Mapping[str, JSON]) -> Verdict:
    return Verdict(Agreement.kind, outcome, reason, evidence)
