"""Independent solutions vote on tests: who outnumbers whom, who abstains, and how difficult the problem is."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from records.types import Candidate, Outcome, Seed, Verdict
from sandbox import open_sandbox
from sandbox.types import SandboxError, ToolchainMissing
from verifiers.agreement import Agreement, difficulty_of, verify
from verifiers.base import Resources
from verifiers.workers import ProcessPool

pytestmark = pytest.mark.asyncio(loop_scope="module")

TESTS = "\n".join(f"def test_{n}():\n    assert double({n}) == {2 * n}\n" for n in (0, 1, 5))
GOOD = "def double(n):\n    return n + n\n"
BAD = "def double(n):\n    return n * n\n"
BROKEN = "def double(n)\n    return n\n"
LEAVES = "import os\n\n\ndef double(n):\n    os._exit(0)\n"
NAMELESS = "def twice(n):\n    return n + n\n"
ENDLESS = "def double(n):\n    while True:\n        pass\n"

ACCEPTS = {
    "one that passes": ([GOOD], ["pass"]),
    "most pass": ([BAD, GOOD], ["fail", "pass"]),
    "others abstain": ([BROKEN, "", GOOD], ["abstain", "abstain", "pass"]),
    "an even vote with its own solution on top": ([BAD, BAD, GOOD, GOOD], ["fail", "fail", "pass", "pass"]),
}
REJECTS = {
    "no_agreement": [[BAD], [BAD, BAD, GOOD], [BAD, NAMELESS]],
    "no_independent_solution": [[BROKEN], [], [""], [ENDLESS], [LEAVES], [NAMELESS, BROKEN]],
    "outvoted": [[BAD, BAD], [BAD, BAD, BAD, GOOD]],
}
REJECTED = [(reason, solutions) for reason, cases in REJECTS.items() for solutions in cases]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def resources() -> AsyncIterator[Resources]:
    sandbox, workers = open_sandbox(), ProcessPool(1)
    yield Resources(sandbox, workers)
    await workers.aclose()
    await sandbox.aclose()


async def vote(solutions: list[str], resources: Any, **fields: Any) -> Verdict:
    check = Agreement("python", TESTS, tuple(solutions), tuple(f"key-{n}" for n in range(len(solutions))), **fields)
    candidate = Candidate("c", "c", Seed("s", "x", "test", "unknown"), "t", (), {"solution": GOOD}, (), ())
    verdict = await verify(check, candidate, resources)
    json.dumps(verdict.evidence)
    return verdict


@pytest.mark.parametrize(("solutions", "votes"), ACCEPTS.values(), ids=ACCEPTS)
async def test_accepts(solutions: list[str], votes: list[str], resources: Resources) -> None:
    verdict = await vote(solutions, resources)
    assert (verdict.outcome, verdict.evidence["votes"]) == (Outcome.PASS, votes)
    assert verdict.evidence["rests_on"] == [f"key-{n}" for n, vote in enumerate(votes) if vote == "pass"]
    assert verdict.evidence["set_aside"] == {f"key-{n}": "agreement" for n, vote in enumerate(votes) if vote != "pass"}


@pytest.mark.parametrize(("reason", "solutions"), REJECTED)
async def test_rejects(reason: str, solutions: list[str], resources: Resources) -> None:
    verdict = await vote(solutions, resources, cpu_s=2.0)
    assert (verdict.outcome, verdict.reason) == (Outcome.FAIL, reason)
    assert len(verdict.evidence["rests_on"]) == len(solutions)  # a refusal rests on every vote


async def test_the_matrix_shows_who_passed_what(resources: Resources) -> None:
    verdict = await vote([GOOD, BAD, BROKEN], resources)
    assert verdict.evidence["matrix"] == ["111", "100", "---"]
    disputed = verdict.evidence["disputed"]
    assert [(one["solution"], one["assertion"]) for one in disputed] == [
        (1, "line 5: assert double(1) == 2"),
        (1, "line 8: assert double(5) == 10"),
    ]
    assert disputed[1]["detail"] == "left: 25, right: 10"


async def test_pass_rate_counts_every_solution(resources: Resources) -> None:
    verdict = await vote([GOOD, BROKEN], resources, earlier_failures=3)
    assert (verdict.evidence["pass_rate"], verdict.evidence["difficulty"]) == (round(2 / 6, 4), "medium")
    assert verdict.evidence["solutions"] == 6


@pytest.mark.parametrize("error", [SandboxError("gone"), ToolchainMissing("none")])
async def test_a_broken_sandbox_says_nothing(error: Exception, resources: Resources) -> None:
    class Broken:
        async def run(self, *_: Any) -> Any:
            raise error

    broken: Any = Broken()
    verdict = await vote([GOOD], Resources(broken, resources.workers))
    assert verdict.outcome is Outcome.UNJUDGED


@pytest.mark.parametrize(
    ("rate", "label"),
    [(1.0, "easy"), (0.67, "easy"), (2 / 3, "medium"), (0.5, "medium"), (1 / 3, "medium"), (0.33, "hard"), (0, "hard")],
)
async def test_difficulty_bounds(rate: float, label: str) -> None:
    assert difficulty_of(rate) == label


@given(st.floats(0, 1), st.floats(0, 1))
async def test_a_higher_rate_is_never_harder(one: float, other: float) -> None:
    order = ("hard", "medium", "easy")
    low, high = sorted((one, other))
    assert order.index(difficulty_of(low)) <= order.index(difficulty_of(high))
