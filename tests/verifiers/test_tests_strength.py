"""Tests on trial against the solution that they accepted: flaky, blind and gutted ones are refused."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from records.types import Candidate, Outcome, Seed, Verdict
from sandbox import open_sandbox
from sandbox.types import SandboxError, ToolchainMissing
from verifiers.base import Resources
from verifiers.tests_strength import TestsStrength, verify
from verifiers.workers import ProcessPool, WorkerDied

pytestmark = pytest.mark.asyncio(loop_scope="module")

CLAMP = """from __future__ import annotations


def clamp(value: int, low: int, high: int) -> int:
    \"\"\"Bring a value into bounds.\"\"\"
    if low > high:
        raise ValueError("low is above high")
    if value < low:
        return low
    return high if value > high else value
"""
STRONG = """
def test_inside():
    assert clamp(5, 1, 9) == 5
def test_below():
    assert clamp(0, 1, 9) == 1
def test_above():
    assert clamp(10, 1, 9) == 9
def test_edges():
    assert clamp(1, 1, 9) == 1
    assert clamp(9, 1, 9) == 9
def test_equal_bounds():
    assert clamp(3, 4, 4) == 4
def test_bad_bounds():
    try:
        clamp(3, 5, 4)
        assert False
    except ValueError:
        pass
"""
ONE_SIDED = "\n".join(f"def test_{n}():\n    assert clamp({n}, 0, 9) == {n}\n" for n in (1, 2, 3, 4, 5))
# Every branch is taken and nearly nothing is asserted about what came of it.
BLIND = """
def test_all():
    seen = [clamp(5, 1, 9), clamp(0, 1, 9), clamp(10, 1, 9)]
    try:
        clamp(3, 5, 4)
        assert False
    except ValueError:
        pass
    assert len(seen) == 3
    assert all(isinstance(value, int) for value in seen)
"""
COIN = "import random\n" + STRONG.replace("assert clamp(5, 1, 9) == 5", "assert clamp(5, 1, 9) == 5 or random.random()")
FLAKY = "import random\n" + STRONG + "def test_luck():\n    assert clamp(random.randint(0, 9), 4, 9) > 4\n"
DEAD_HELPER = CLAMP + "\n\ndef unused(value: int) -> int:\n    return value + 1\n"
LONG = (
    "def count(n):\n    total = 0\n    for step in range(4_000_000):\n        total += step & n\n    return total & 7\n"
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def resources() -> AsyncIterator[Resources]:
    sandbox, workers = open_sandbox(), ProcessPool(1)
    yield Resources(sandbox, workers)
    await workers.aclose()
    await sandbox.aclose()


async def strength(program: str, tests: str, resources: Any, **fields: Any) -> Verdict:
    check = TestsStrength(**{"language": "python", "tests": tests, **fields})
    candidate = Candidate("c", "c", Seed("s", "x", "test", "unknown"), "t", (), {"solution": program}, (), ())
    verdict = await verify(check, candidate, resources)
    json.dumps(verdict.evidence)
    return verdict


ACCEPTS = {
    "strong": (CLAMP, STRONG),
    "a coin that decides nothing": (CLAMP, COIN),
    "nothing to mutate": ("def give(x):\n    return x\n", "def test_x():\n    assert give(3) == 3\n"),
    "slow program": (LONG, "def test_x():\n    assert count(3) == 0\n    assert count(1) == 0\n"),
}
REJECTS = {
    "flaky_tests": (CLAMP, FLAKY),
    "surviving_mutants": (CLAMP, BLIND),
    "low_branch_coverage": (DEAD_HELPER, STRONG),
    "no_tests": (CLAMP, "  "),
    "no_code": ("\n", STRONG),
}


@pytest.mark.parametrize(("program", "tests"), ACCEPTS.values(), ids=ACCEPTS)
async def test_accepts(program: str, tests: str, resources: Resources) -> None:
    verdict = await strength(program, tests, resources, max_mutants=4 if program is LONG else 20, min_mutation_score=0)
    assert (verdict.outcome, verdict.reason) == (Outcome.PASS, "tests_are_strong")


@pytest.mark.parametrize("reason", REJECTS)
async def test_rejects(reason: str, resources: Resources) -> None:
    program, tests = REJECTS[reason]
    verdict = await strength(program, tests, resources, max_mutants=20)
    assert (verdict.outcome, verdict.reason) == (Outcome.FAIL, reason)


async def test_says_what_the_tests_did_not_notice(resources: Resources) -> None:
    verdict = await strength(CLAMP, ONE_SIDED, resources, max_mutants=40)
    assert verdict.reason == "low_branch_coverage"
    edits = {(survivor["before"], survivor["after"]) for survivor in verdict.evidence["survivors"]}
    assert ("low", "None") not in edits
    assert verdict.evidence["killed"] + 1 <= verdict.evidence["mutants"]
    missed = {(branch["line"], branch["what"]) for branch in verdict.evidence["missed"]}
    assert missed == {(6, "if true"), (8, "if true"), (10, "if true")}
    assert verdict.evidence["branch_coverage"] == round(4 / 7, 4)


async def test_strong_tests_notice_nearly_everything(resources: Resources) -> None:
    verdict = await strength(CLAMP, STRONG, resources, max_mutants=60)
    left = {(survivor["before"], survivor["after"]) for survivor in verdict.evidence["survivors"]}
    assert verdict.evidence["mutation_score"] >= 0.8
    assert left <= {("low > high", "low >= high"), ("value < low", "value <= low"), ("value > high", "value >= high")}


async def test_a_revision_may_not_be_weaker(resources: Resources) -> None:
    thresholds = {"min_mutation_score": 0.0, "min_branch_coverage": 0.0}
    weaker = await strength(CLAMP, ONE_SIDED, resources, previous=STRONG, **thresholds)
    assert (weaker.outcome, weaker.reason) == (Outcome.FAIL, "tests_weakened")
    assert weaker.evidence["earlier"]["branch_coverage"] == 1.0
    stronger = await strength(CLAMP, STRONG, resources, previous=ONE_SIDED, **thresholds)
    assert stronger.outcome is Outcome.PASS
    after_flaky = await strength(CLAMP, ONE_SIDED, resources, previous=FLAKY, **thresholds)
    assert after_flaky.outcome is Outcome.PASS  # flaky tests are no standard


async def test_an_endless_mutant_counts_as_noticed(resources: Resources) -> None:
    program = "def down(n):\n    steps = 0\n    while n > 0:\n        n = n - 2\n        steps += 1\n    return steps\n"
    tests = "\n".join(f"def test_{n}():\n    assert down({n}) == {(n + 1) // 2}\n" for n in (0, 1, 2, 5, 8))
    verdict = await strength(program, tests, resources, max_mutants=30)
    assert verdict.outcome is Outcome.PASS
    assert verdict.evidence["killed_by_timeout"] >= 1


async def test_a_program_cannot_claim_coverage(resources: Resources) -> None:
    """A program that answers every name that it is asked for has not run its branches by that."""
    boastful = CLAMP + "\n\ndef __getattr__(name):\n    return lambda *given: True\n"
    verdict = await strength(boastful, ONE_SIDED, resources, min_mutation_score=0)
    assert verdict.reason == "low_branch_coverage"


class Broken:
    """A part of the resources that fails as it may fail."""

    backend = "broken"

    def __init__(self, error: Exception) -> None:
        self.error = error

    async def run(self, *_: Any, **__: Any) -> Any:
        raise self.error


UNJUDGED = {
    "sandbox_error": SandboxError("gone"),
    "toolchain_missing": ToolchainMissing("no python"),
    "analysis_failed": WorkerDied("killed"),
}


@pytest.mark.parametrize("reason", UNJUDGED)
async def test_broken_tools_say_nothing_about_the_tests(reason: str, resources: Resources) -> None:
    broken: Any = Broken(UNJUDGED[reason])
    workers = reason == "analysis_failed"
    mixed = Resources(resources.sandbox if workers else broken, broken if workers else resources.workers)
    verdict = await strength(CLAMP, STRONG, mixed)
    assert (verdict.outcome, verdict.reason) == (Outcome.UNJUDGED, reason)


async def test_other_languages_are_unjudged(resources: Resources) -> None:
    verdict = await strength("x", "y", resources, language="cobol")
    assert (verdict.outcome, verdict.reason) == (Outcome.UNJUDGED, "language_not_supported")
