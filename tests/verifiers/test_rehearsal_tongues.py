"""The rehearsal model's programs and tests in other languages: right where they should be, faulty where they are not.

Here and not beside the players, because the verifiers say so.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from random import Random

import pytest
import pytest_asyncio

from records.types import Candidate, Check, Outcome, Seed, Verdict
from sandbox import open_sandbox
from served_model.rehearsal.bank import Family, draw_values, recognise
from served_model.rehearsal.tongue_player import WRONG
from served_model.rehearsal.tongue_tests import WRITERS, cases_of, write_copied, write_gutted, write_right
from served_model.rehearsal.tongues import LANGUAGES, Tongue, families_in
from verifiers import verify
from verifiers.base import Resources
from verifiers.code_static import CodeStatic
from verifiers.code_tests import CodeTests
from verifiers.headers import read_header
from verifiers.tests_quality import TestsQuality
from verifiers.tests_strength import TestsStrength
from verifiers.workers import ProcessPool

pytestmark = pytest.mark.asyncio(loop_scope="module")
SNIPPET = "for harbor in lumen[3:5]:\n    total = 7\n"
PAIRS = [(language, family) for language in LANGUAGES for family in families_in(language)]
ALL = [
    pytest.param(language, family, id=f"{language}-{family.name}", marks=pytest.mark.heavy)
    for language, family in PAIRS
]
SOME = [
    pytest.param(language, family, id=f"{language}-{family.name}")
    for language, family in PAIRS
    if (language, family.name) == ("javascript", "longest_climb")
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def resources() -> AsyncIterator[Resources]:
    sandbox, workers = open_sandbox(), ProcessPool(2)
    yield Resources(sandbox, workers)
    await workers.aclose()
    await sandbox.aclose()


async def judge(check: Check, resources: Resources, tongue: Tongue, program: str, tests: str) -> Verdict:
    parts = {"solution": program, "tests": tests, "signature": tongue.signature}
    verdict = await verify(check, Candidate("c", "c", Seed("s", "x", "t", "u"), "t", (), parts, (), ()), resources)
    if verdict.reason == "toolchain_missing":
        pytest.skip(str(verdict.evidence["error"]))
    return verdict


async def trial(resources: Resources, tongue: Tongue, program: str, tests: str) -> Verdict:
    """The recipe's own checks up to the first that does not pass."""
    language, name = tongue.language, tongue.task.function
    checks: list[Check] = [
        CodeStatic(language, name),
        TestsQuality(language, name),
        CodeTests(language, tests, name, cpu_s=5.0, memory_mb=1024),
        TestsStrength(language, tests, reruns=1, cpu_s=5.0, memory_mb=1024),
    ]
    for check in checks:
        verdict = await judge(check, resources, tongue, program, tests)
        if verdict.outcome is not Outcome.PASS:
            break
    return verdict


def drawn(language: str, family: Family, seed: int) -> Tongue:
    return Tongue(language, draw_values(family, SNIPPET, Random(seed)))


@pytest.mark.parametrize(("language", "family"), [*SOME, *ALL])
async def test_right_work_is_accepted_and_wrong_work_is_not(
    language: str, family: Family, resources: Resources
) -> None:
    tongue = drawn(language, family, 0)
    right, tests = tongue.program(), write_right(tongue, cases_of(tongue))
    good = await trial(resources, tongue, right, tests)
    assert (good.check, good.outcome) == ("tests_strength", Outcome.PASS), good
    poor = await trial(resources, tongue, tongue.poor(), tests)  # what execution cannot refuse
    assert (poor.check, poor.outcome) == ("tests_strength", Outcome.PASS), poor
    told = [kind for kind in WRONG if tongue.outputs(kind) != tongue.outputs()]
    assert told
    for kind in told:
        wrong = tongue.program(kind)
        assert (await trial(resources, tongue, wrong, tests)).outcome is Outcome.FAIL
        copied = CodeTests(language, write_copied(tongue, kind), cpu_s=5.0, memory_mb=1024)
        assert (await judge(copied, resources, tongue, wrong, copied.tests)).outcome is Outcome.PASS
    rng = Random(0)
    for name, writer in WRITERS.items():
        source, detail = writer(tongue, rng)
        assert (await trial(resources, tongue, right, source)).outcome is Outcome.FAIL, (name, detail, source)
    assert (await trial(resources, tongue, right, write_gutted(tongue))).outcome is Outcome.FAIL


@pytest.mark.parametrize(("language", "family"), PAIRS, ids=[f"{one}-{two.name}" for one, two in PAIRS])
async def test_tasks_are_recognised_and_their_headers_are_read(language: str, family: Family) -> None:
    await asyncio.sleep(0)
    for seed in range(4):
        tongue = drawn(language, family, seed)
        assert recognise(f"Words before. {tongue.task.problem} And after.", tongue.signature) == tongue.task
        header = read_header(language, tongue.signature)
        assert header is not None and header.name == tongue.task.function
        assert tongue.outputs("always") != tongue.outputs()
