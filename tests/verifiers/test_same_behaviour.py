"""Two programs are compared by what they do: equal ones pass, near misses do not, and a broken original is no fail."""

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
from sandbox.types import SandboxError
from verifiers.base import Resources
from verifiers.observing import same_value
from verifiers.same_behaviour import SameBehaviour, verify
from verifiers.workers import ProcessPool

pytestmark = pytest.mark.asyncio(loop_scope="module")

GUARD = "def halve(n):\n    if n < 0:\n        raise ValueError\n"
ORIGINAL = (
    "def halve(n: int) -> int:\n    print('halving')\n    if n < 0:\n        raise ValueError(n)\n    return n // 2\n"
)
INPUTS = ([0], [1], [2], [7], [100], [-3])
ACCEPTS = {
    "itself": ORIGINAL,
    "another way": "def halve(n):\n    if n < 0:\n        raise ValueError('negative')\n    return n >> 1\n",
    "a whole float": "def halve(n):\n    if n < 0:\n        raise ValueError\n    return float(n // 2)\n",
    "noise": "print('x')\ndef halve(n):\n    print(n)\n    if n < 0:\n        raise ValueError\n    return n // 2\n",
}
REJECTS = {
    "rounds": (
        "behaviour_differs",
        f"{GUARD}    return round(n / 2)\n",
    ),
    "agrees on easy inputs": (
        "behaviour_differs",
        f"{GUARD}    return 50 if n == 100 else n / 2\n",
    ),
    "other exception": (
        "behaviour_differs",
        f"{GUARD.replace('Value', 'Type')}    return n // 2\n",
    ),
    "no exception": ("behaviour_differs", "def halve(n):\n    return n // 2\n"),
    "truth value": ("behaviour_differs", ORIGINAL.replace("n // 2", "n // 2 if n > 3 else bool(n // 2)")),
    "missing": ("behaviour_differs", "def half(n):\n    return n // 2\n"),
    "broken": ("compile_error", "def halve(n)\n    return n // 2\n"),
    "endless": ("timeout_cpu", "def halve(n):\n    while n == 7:\n        pass\n    return n // 2\n"),
    "leaves": ("runtime_error", "import os\n\n\ndef halve(n):\n    os._exit(0)\n"),
    "nothing": ("no_code", "  "),
    "odd values": ("behaviour_differs", "def halve(n):\n    return {n}\n"),
    "claims": (
        "behaviour_differs",
        "import json\n\njson.dumps = lambda *a, **k: '[\"value\", 0]'\n\n\ndef halve(n):\n    return 0\n",
    ),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def resources() -> AsyncIterator[Resources]:
    sandbox, workers = open_sandbox(), ProcessPool(1)
    yield Resources(sandbox, workers)
    await workers.aclose()
    await sandbox.aclose()


async def compare(program: str, resources: Any, **fields: Any) -> Verdict:
    given: dict[str, Any] = {"original": ORIGINAL, "inputs": INPUTS, "cpu_s": 2.0, **fields}
    check = SameBehaviour("python", "halve", original_entry_point="halve", **given)
    candidate = Candidate("c", "c", Seed("s", "x", "test", "unknown"), "t", (), {"solution": program}, (), ())
    verdict = await verify(check, candidate, resources)
    json.dumps(verdict.evidence)
    return verdict


@pytest.mark.parametrize("program", ACCEPTS.values(), ids=ACCEPTS)
async def test_accepts(program: str, resources: Resources) -> None:
    verdict = await compare(program, resources)
    assert (verdict.outcome, verdict.evidence["compared"]) == (Outcome.PASS, len(INPUTS))


@pytest.mark.parametrize(("reason", "program"), REJECTS.values(), ids=REJECTS)
async def test_rejects(reason: str, program: str, resources: Resources) -> None:
    verdict = await compare(program, resources)
    assert (verdict.outcome, verdict.reason) == (Outcome.FAIL, reason)


async def test_says_where_they_differ(resources: Resources) -> None:
    verdict = await compare(REJECTS["rounds"][1], resources)
    assert verdict.evidence["differences"] == [{"input": "7", "original": "3", "got": "4"}]
    assert verdict.evidence["agreement"] == round(5 / 6, 4)
    assert (await compare(REJECTS["rounds"][1], resources, min_agreement=0.8)).outcome is Outcome.PASS


UNUSABLE = {
    "raises always": "def halve(n):\n    raise ValueError\n",
    "returns no data": "def halve(n):\n    return {n}\n",
    "ends": "def halve(n):\n    raise SystemExit\n",
    "missing": "x = 1\n",
}


@pytest.mark.parametrize("original", UNUSABLE.values(), ids=UNUSABLE)
async def test_an_original_that_tells_nothing_decides_nothing(original: str, resources: Resources) -> None:
    verdict = await compare(original, resources, original=original)
    assert (verdict.outcome, verdict.reason) == (Outcome.UNJUDGED, "original_gives_too_little")


async def test_a_broken_sandbox_says_nothing(resources: Resources) -> None:
    class Broken:
        async def run(self, *_: Any) -> Any:
            raise SandboxError("gone")

    broken: Any = Broken()
    assert (await compare(ORIGINAL, Resources(broken, resources.workers))).reason == "sandbox_error"


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(JSON_VALUES, JSON_VALUES)
async def test_equality_is_reflexive_and_symmetric(one: Any, other: Any) -> None:
    assert same_value(one, one)
    assert same_value(one, other) == same_value(other, one)
    if isinstance(one, bool) != isinstance(other, bool):
        assert not same_value(one, other)
