"""Tests on trial: worthless ones are refused by reading them or by running them against wrong programs."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from records.types import Candidate, Outcome, Seed, Verdict
from sandbox import open_sandbox
from sandbox.types import SandboxError, ToolchainMissing
from verifiers.base import Resources
from verifiers.tests_quality import STUBS, TestsQuality, verify
from verifiers.workers import ProcessPool, WorkerDied

pytestmark = pytest.mark.asyncio(loop_scope="module")


def functions(*bodies: str) -> str:
    return "\n".join(f"def test_{number}():\n    {body}\n" for number, body in enumerate(bodies))


GOOD = functions(*(f"assert square({n}) == {n * n}" for n in (0, 2, 3, -4, 10)))
RAISES = "try:\n        square({given})\n        assert False\n    except TypeError:\n        pass"

ACCEPTS = {
    "equalities": GOOD,
    "with prose comments": f"# usual cases\n{GOOD}",
    "with imports of the library": f"import math\n{GOOD}\ndef test_m():\n    assert math.isclose(square(0.5), 0.25)\n",
    "with expected exceptions": GOOD + functions(RAISES.format(given="None")).replace("test_0", "test_none"),
    "with pytest": f"import pytest\n{GOOD}def test_x():\n    with pytest.raises(TypeError):\n        square('x')\n",
    "with the program imported": f"from solution import square\n{GOOD}",
    "with helper": "def check(n, want):\n    assert square(n) == want\n"
    + functions(*(f"check({n}, {n * n})" for n in (0, 2, 3, -4, 10))),
    "plain assertions": "".join(f"assert square({n}) == {n * n}\n" for n in (0, 2, 3, -4, 10)),
    "one of them constant": GOOD + "\ndef test_x():\n    assert True\n",
    "the same text about other calls": functions(
        *(f"got = square({n}) > 5\n    assert got is {n * n > 5}" for n in (0, 2, 3, -4, 10))
    ),
    "in a loop": "def test_x():\n    for n in range(9):\n        assert square(n) == n * n\n"
    + functions(*(f"assert square(2) == {form}" for form in ("4", "2 * 2", "2 + 2", "8 // 2"))),
    "through names": functions(*(f"got = square({n})\n    assert got == {n * n}" for n in (0, 2, 3, -4, 10))),
}

# reason -> what it is -> tests
REJECTS = {
    "no_tests": {"empty": "", "blank": "\n \n"},
    "syntax_error": {"broken": GOOD.replace("assert", "assert (", 1), "null byte": f"{GOOD}\0"},
    "too_complex": {"deep": f"{GOOD}x = {'-' * 5000}1\n"},
    "no_real_assertion": {
        "no assert": functions(*(f"print(square({n}))" for n in range(6))),
        "constants": functions(*(f"square({n})\n    assert True" for n in range(6))),
        "itself": functions(*(f"assert square({n}) == square({n})" for n in range(6))),
        "never called": functions(*(f"assert {n} * {n} == {n * n}" for n in range(6))),
        "callable": functions(*("assert callable(square)" for _ in range(6))),
    },
    "too_few_inputs": {
        "one input spelt in five ways": functions(
            "assert square(3) == 9",
            "assert not square(3) != 9",
            "assert 9 == square(3)",
            "assert [square(3)] == [9]",
            "assert repr(square(3)) == '9'",
        ),
        "two": functions(*(f"assert square({n % 2 + 2}) == {(n % 2 + 2) ** 2} + {n} - {n}" for n in range(6))),
        "by name": functions(*(f"assert square(n={n % 2 + 2}) + {n} == {(n % 2 + 2) ** 2 + n}" for n in range(6))),
    },
    "swallowed_assertion": {
        "bare": functions(*(f"try:\n        assert square({n}) == 9\n    except:\n        pass" for n in range(6))),
        "one of six": GOOD
        + "\ndef test_x():\n    try:\n        assert square(3) == 9\n    except Exception:\n        pass\n",
    },
    "rebinds_entry_point": {"own program": f"def square(n):\n    return n * n\n{GOOD}"},
    "unavailable_import": {"hypothesis": f"import hypothesis\n{GOOD}", "relative": f"from . import cube\n{GOOD}"},
    "too_few_tests": {"four": functions(*(f"assert square({n}) == {n * n}" for n in (0, 2, 3, -4)))},
    "too_few_assertions": {"five times the same": functions(*["assert square(3) == 9"] * 5)},
    "vacuous_tests": {
        "always so": functions(*(f"r = square({n})\n    assert r is None or r is not None" for n in range(6))),
        "any type": functions(*(f"assert isinstance(square({n}), object)" for n in range(6))),
        "either way": functions(*(f"assert square({n}) == {n} or square({n}) != {n}" for n in range(6))),
        "only true": functions(*(f"assert square({n})" for n in range(1, 7))),
        "only falsy": functions(*(f"assert not square({n})" for n in range(6))),
        "only itself": functions(*(f"assert square({n}) == {n}" for n in range(6))),
        "only None": functions(*(f"assert square({n}) is None" for n in range(6))),
    },
    "bad_entry_point": {},
}
REJECTED = [
    pytest.param(tests, reason, id=f"{reason}: {name}")
    for reason, group in REJECTS.items()
    for name, tests in group.items()
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def resources() -> AsyncIterator[Resources]:
    sandbox, workers = open_sandbox(), ProcessPool(1)
    yield Resources(sandbox, workers)
    await workers.aclose()
    await sandbox.aclose()


def candidate_of(tests: str) -> Candidate:
    return Candidate("c", "c", Seed("s", "x", "test", "unknown"), "test", (), {"tests": tests}, (), ())


async def quality(tests: str, resources: Resources, **fields: Any) -> Verdict:
    check = TestsQuality(**{"language": "python", "entry_point": "square", **fields})
    return await verify(check, candidate_of(tests), resources)


async def test_few_inputs_are_enough_where_there_are_no_more(resources: Resources) -> None:
    cases = [("True", "False"), ("False", "True")]
    tests = functions(*(f"assert negate({given}) is {want}" for given, want in cases * 3))
    verdict = await verify(TestsQuality("python", "negate", 5, 2), candidate_of(tests), resources)
    assert verdict.outcome is Outcome.PASS, verdict


@pytest.mark.parametrize("tests", ACCEPTS.values(), ids=ACCEPTS)
async def test_accepts(tests: str, resources: Resources) -> None:
    verdict = await quality(tests, resources)
    assert (verdict.outcome, verdict.reason) == (Outcome.PASS, "tests_can_fail")
    json.dumps(verdict.evidence)


@pytest.mark.parametrize(("tests", "reason"), REJECTED)
async def test_rejects(tests: str, reason: str, resources: Resources) -> None:
    verdict = await quality(tests, resources)
    assert (verdict.outcome, verdict.reason) == (Outcome.FAIL, reason)
    json.dumps(verdict.evidence)


@pytest.mark.parametrize("entry_point", ["", "a b", "def", "f(x)\nimport os", "x.y"])
async def test_an_entry_point_that_is_no_name_is_refused(entry_point: str, resources: Resources) -> None:
    verdict = await quality(GOOD, resources, entry_point=entry_point)
    assert (verdict.outcome, verdict.reason) == (Outcome.FAIL, "bad_entry_point")


async def test_the_stub_that_passes_is_named(resources: Resources) -> None:
    verdict = await quality(REJECTS["vacuous_tests"]["only itself"], resources)
    assert verdict.evidence["passed_by"] == "returns_first_argument"
    assert "def square" in verdict.evidence["program"]


class Failing:
    """A sandbox or a pool of workers that fails."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    async def run(self, *_: Any, **__: Any) -> Any:
        raise self.error


UNJUDGED = {
    "sandbox fails": (Failing(SandboxError("gone")), None, "sandbox_error"),
    "no interpreter": (Failing(ToolchainMissing("python")), None, "toolchain_missing"),
    "workers die": (None, Failing(WorkerDied("killed")), "analysis_failed"),
}


@pytest.mark.parametrize(("sandbox", "workers", "reason"), UNJUDGED.values(), ids=UNJUDGED)
async def test_unjudged(sandbox: Any, workers: Any, reason: str, resources: Resources) -> None:
    broken = Resources(sandbox or resources.sandbox, workers or resources.workers)
    verdict = await quality(GOOD, broken)
    assert (verdict.outcome, verdict.reason) == (Outcome.UNJUDGED, reason)


async def test_other_languages_are_unjudged(resources: Resources) -> None:
    verdict = await quality(GOOD, resources, language="cobol")
    assert (verdict.outcome, verdict.reason) == (Outcome.UNJUDGED, "language_not_supported")


SIX = [0, 2, 3, -4, 10, 7]
EARLIER = functions(*(f"assert square({n}) == {n * n}" for n in SIX))

REVISIONS_ACCEPTED = {
    "unchanged": EARLIER,
    "one expected value corrected": EARLIER.replace("== 9", "== 10"),
    "all expected values corrected": functions(*(f"assert square({n}) == {n * n + 1}" for n in SIX)),
    "one call replaced": EARLIER.replace("square(7) == 49", "square(8) == 64"),
    "added": EARLIER + functions("assert square(12) == 144").replace("test_0", "test_more"),
    "an exception where a value stood": EARLIER.replace("assert square(7) == 49", RAISES.format(given="7")),
    "another order": functions(*(f"assert square({n}) == {n * n}" for n in reversed(SIX))),
    "in tolerance": EARLIER.replace("assert square(7) == 49", "assert abs(square(7) - 49) < 1e-9"),
    "other names": EARLIER.replace("test_", "test_case_"),
}
REVISIONS_REFUSED = {
    "one test less": functions(*(f"assert square({n}) == {n * n}" for n in SIX[:-1])),
    "one assertion emptied": EARLIER.replace("assert square(7) == 49", "square(7)"),
    "a constant in its place": EARLIER.replace("square(7) == 49", "True"),
    "weakened to a type": EARLIER.replace("square(7) == 49", "isinstance(square(7), int)"),
    "weakened to truth": EARLIER.replace("square(7) == 49", "square(7)"),
    "weakened to inequality": EARLIER.replace("square(7) == 49", "square(7) != 50"),
    "half of the calls replaced": functions(*(f"assert square({n}) == {n * n}" for n in [0, 2, 3, 100, 101, 102])),
    "all calls the same": functions(*(f"assert square(2) == {n}" for n in range(4, 10))),
    "repeated instead of different": functions(*(f"assert square({n}) == {n * n}" for n in [0, 0, 2, 2, 3, 3])),
}


@pytest.mark.parametrize("tests", REVISIONS_ACCEPTED.values(), ids=REVISIONS_ACCEPTED)
async def test_a_revision_may_correct_and_add(tests: str, resources: Resources) -> None:
    verdict = await quality(tests, resources, previous=EARLIER)
    assert (verdict.outcome, verdict.reason) == (Outcome.PASS, "tests_can_fail")


@pytest.mark.parametrize("tests", REVISIONS_REFUSED.values(), ids=REVISIONS_REFUSED)
async def test_a_revision_may_not_assert_less(tests: str, resources: Resources) -> None:
    verdict = await quality(tests, resources, previous=EARLIER, min_tests=1, min_assertions=1)
    assert (verdict.outcome, verdict.reason) == (Outcome.FAIL, "tests_gutted")
    evidence = verdict.evidence
    assert evidence["fewer"] or evidence["lost_calls"] or evidence["weakened_calls"]


async def test_an_assertion_that_asked_for_luck_is_not_missed_and_any_other_is(resources: Resources) -> None:
    for luck in ("random.random() > 0.5", "random.randint(1, 9) > 4", "time.time() > 1", "datetime.date.today().day"):
        lucky = EARLIER.replace("== 49", f"== 49\n    assert square(7) == 49 and {luck}")
        assert (await quality(EARLIER, resources, previous=lucky)).outcome is Outcome.PASS, luck
        gutted = EARLIER.replace("assert square(7) == 49", "square(7)")
        verdict = await quality(gutted, resources, previous=lucky, min_tests=1, min_assertions=1)
        assert verdict.reason == "tests_gutted", luck


async def test_earlier_tests_that_were_worthless_bind_nobody(resources: Resources) -> None:
    for previous in ("def test_a(:", functions("assert True"), REJECTS["swallowed_assertion"]["bare"]):
        assert (await quality(GOOD, resources, previous=previous)).outcome is Outcome.PASS


async def test_real_tests_are_accepted_whatever_they_test(resources: Resources, shared_data: Path) -> None:
    """No stub is right by accident: the tests of a benchmark, which find real bugs, are all accepted."""
    rows = [json.loads(line) for line in (shared_data / "code" / "humanevalpack_python.jsonl").read_text().splitlines()]
    refused = {}
    for row in rows:
        fields = {"entry_point": row["entry_point"], "min_tests": 2, "min_assertions": 2}
        verdict = await quality(row["test"], resources, **fields)
        if verdict.outcome is not Outcome.PASS:
            refused[row["task_id"]] = verdict.reason
    assert refused == {}


async def test_the_stubs_are_programs() -> None:
    for template in STUBS.values():
        compile(template.format(name="f"), "stub", "exec")
