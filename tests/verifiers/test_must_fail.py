"""A program that must be wrong is run against tests: what passes them is refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from records.types import Candidate, Outcome, Seed
from sandbox import open_sandbox
from sandbox.types import SandboxError, ToolchainMissing
from verifiers.base import Resources
from verifiers.must_fail import MustFail, verify
from verifiers.workers import ProcessPool

pytestmark = pytest.mark.asyncio(loop_scope="module")

TESTS = "def test_a():\n    assert twice(3) == 6\n\n\ndef test_b():\n    assert twice(0) == 0\n"
ACCEPTS = {
    "wrong result": ("def twice(n):\n    return n * n\n", "", "failed_assertion"),
    "exception": ("def twice(n):\n    raise KeyError(n)\n", "", "runtime_error"),
    "no such function": ("def double(n):\n    return n + n\n", "", "runtime_error"),
    "syntax": ("def twice(n)\n    return n\n", "", "compile_error"),
    "leaves": ("import os\nos._exit(0)\n", "", "tests_incomplete"),
}
REJECTS = {
    "right": ("def twice(n):\n    return n + n\n", "", "passes_all_the_same"),
    "right under another name": ("def double(n):\n    return n + n\n", "\n\ntwice = double\n", "passes_all_the_same"),
    "nothing": ("  \n", "", "no_code"),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def resources() -> AsyncIterator[Resources]:
    sandbox, workers = open_sandbox(), ProcessPool(1)
    yield Resources(sandbox, workers)
    await workers.aclose()
    await sandbox.aclose()


def candidate(program: str) -> Candidate:
    return Candidate("c", "c", Seed("s", "x", "test", "unknown"), "t", (), {"faulty": program}, (), ())


@pytest.mark.parametrize(("program", "append", "failure"), ACCEPTS.values(), ids=ACCEPTS)
async def test_accepts(program: str, append: str, failure: str, resources: Resources) -> None:
    verdict = await verify(MustFail("python", TESTS, "faulty", append), candidate(program), resources)
    assert (verdict.outcome, verdict.evidence["failure"]) == (Outcome.PASS, failure)


@pytest.mark.parametrize(("program", "append", "reason"), REJECTS.values(), ids=REJECTS)
async def test_rejects(program: str, append: str, reason: str, resources: Resources) -> None:
    verdict = await verify(MustFail("python", TESTS, "faulty", append), candidate(program), resources)
    assert (verdict.outcome, verdict.reason) == (Outcome.FAIL, reason)


async def test_without_tests_nothing_is_shown(resources: Resources) -> None:
    verdict = await verify(MustFail("python", " ", "faulty"), candidate("x = 1\n"), resources)
    assert (verdict.outcome, verdict.reason) == (Outcome.FAIL, "no_tests")


@pytest.mark.parametrize("error", [SandboxError("gone"), ToolchainMissing("none")])
async def test_a_broken_sandbox_proves_no_failure(error: Exception, resources: Resources) -> None:
    class Broken:
        async def run(self, *_: Any) -> Any:
            raise error

    broken: Any = Broken()
    mixed = Resources(broken, resources.workers)
    verdict = await verify(MustFail("python", TESTS, "faulty"), candidate("x = 1\n"), mixed)
    assert verdict.outcome is Outcome.UNJUDGED
