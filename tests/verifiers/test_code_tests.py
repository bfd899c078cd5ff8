"""Dynamic proof: right programs pass, wrong ones fail by name, and a broken sandbox proves nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from pydantic import ValidationError

from records.types import Candidate, Outcome, Seed, Verdict
from sandbox import open_sandbox
from sandbox.types import Case, Execution, Request, SandboxError, Status, TestReport, ToolchainMissing
from verifiers.base import Resources
from verifiers.code_tests import CodeTests, Row, prove_row, verify
from verifiers.execution_evidence import stable_text, stored_evidence

pytestmark = pytest.mark.asyncio(loop_scope="module")

RIGHT = "def square(n):\n    return n * n\n"
TESTS = "".join(f"def test_{n}():\n    assert square({n}) == {n * n}\n" for n in range(5))

ACCEPTS = {
    "right": RIGHT,
    "with helper": "def times(a, b):\n    return a * b\n\ndef square(n):\n    return times(n, n)\n",
    "printing": "def square(n):\n    print('debug', n)\n    return n * n\n",
    "imported": "import operator\n\ndef square(n):\n    return operator.mul(n, n)\n",
}

REJECTS = {
    "failed_assertion": {
        "wrong": "def square(n):\n    return n + n\n",
        "wrong on one input": "def square(n):\n    return n * n if n < 4 else 0\n",
        "equal to everything": (
            "class Any:\n    def __eq__(self, other):\n        return True\n\ndef square(n):\n    return Any()\n"
        ),
    },
    "runtime_error": {
        "raises": "def square(n):\n    raise ValueError(n)\n",
        "raises while loading": "1 / 0\n" + RIGHT,
        "not defined": "def cube(n):\n    return n\n",
        "wrong number of parameters": "def square(a, b):\n    return a * b\n",
    },
    "timeout_cpu": {"endless": "def square(n):\n    while True:\n        pass\n"},
    "timeout_wall": {"asleep": "import time\n\ndef square(n):\n    time.sleep(60)\n"},
    "memory": {"greedy": "def square(n):\n    return len([b'1' * (1 << 25) for _ in range(40)])\n"},
    "no_code": {"empty": "", "blank": "\n"},
}
REJECTED = [
    pytest.param(program, reason, id=f"{reason}: {name}")
    for reason, group in REJECTS.items()
    for name, program in group.items()
]
CHEATS = {
    "exit on load": "import sys\nsys.exit(0)\n",
    "hard exit on load": "import os\nos._exit(0)\n",
    "exit on call": "import sys\n\ndef square(n):\n    sys.exit(0)\n",
    "hard exit on call": "import os\n\ndef square(n):\n    os._exit(0)\n",
    "right until it leaves": "import os\n\ndef square(n):\n    if n == 3:\n        os._exit(0)\n    return n * n\n",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def resources() -> AsyncIterator[Resources]:
    sandbox = open_sandbox()
    workers: Any = None  # nothing here parses hostile text
    yield Resources(sandbox, workers)
    await sandbox.aclose()


def candidate_of(solution: str) -> Candidate:
    return Candidate("c", "c", Seed("s", "x", "test", "unknown"), "test", (), {"solution": solution}, (), ())


async def prove(solution: str, resources: Resources, **fields: Any) -> Verdict:
    check = CodeTests(**{"language": "python", "tests": TESTS, "entry_point": "square", "cpu_s": 0.5, **fields})
    return await verify(check, candidate_of(solution), resources)


@pytest.mark.parametrize("solution", ACCEPTS.values(), ids=ACCEPTS)
async def test_accepts(solution: str, resources: Resources) -> None:
    verdict = await prove(solution, resources)
    assert (verdict.outcome, verdict.reason) == (Outcome.PASS, "tests_passed")
    assert (verdict.evidence["status"], verdict.evidence["complete"]) == ("ok", True)
    assert verdict.evidence["passed"] == verdict.evidence["total"] > 0


@pytest.mark.parametrize(("solution", "reason"), REJECTED)
async def test_rejects(solution: str, reason: str, resources: Resources) -> None:
    # On a busy machine the kernel may need CPU time of the program's to give it the memory that is too much.
    verdict = await prove(solution, resources, cpu_s=5.0 if reason == "memory" else 0.5)
    assert (verdict.outcome, verdict.reason) == (Outcome.FAIL, reason)
    json.dumps(verdict.evidence)


@pytest.mark.parametrize("solution", CHEATS.values(), ids=CHEATS)
async def test_leaving_early_is_no_pass(solution: str, resources: Resources) -> None:
    for min_pass_rate in (1.0, 0.5):
        verdict = await prove(solution, resources, min_pass_rate=min_pass_rate)
        assert verdict.outcome is Outcome.FAIL


@pytest.mark.parametrize("tests", ["", "\n", "def test_a():\n    pass\n", "x = 1\n", "def test_a(:\n"])
async def test_nothing_asserted_is_nothing_proved(tests: str, resources: Resources) -> None:
    assert (await prove(RIGHT, resources, tests=tests)).outcome is Outcome.FAIL


class Fake:
    """A sandbox with one answer, which may be an error."""

    backend = "fake"

    def __init__(self, answer: Execution | Exception) -> None:
        self.answer = answer
        self.requests: list[Request] = []

    async def run(self, request: Request) -> Execution:
        self.requests.append(request)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def aclose(self) -> None:
        pass


def faked(answer: Execution | Exception) -> Resources:
    workers: Any = None
    return Resources(Fake(answer), workers)


def execution(status: Status = Status.OK, passed: str = "", complete: bool = True, **fields: Any) -> Execution:
    """`passed` holds one character per case: "+" or "-"."""
    cases = tuple(
        Case(f"case {n}", mark == "+", "" if mark == "+" else "AssertionError") for n, mark in enumerate(passed)
    )
    report = TestReport(cases, "outside", complete) if passed else None
    values = {"exit_code": 0, "signal": None, "stdout": "", "stderr": "", "cpu_s": 0.1, "wall_s": 0.1, "peak_bytes": 1}
    return Execution(status, backend="fake", tests=report, **{**values, **fields})


UNJUDGED = {
    "sandbox fails": (SandboxError("gone"), "sandbox_error"),
    "no interpreter": (ToolchainMissing("no interpreter"), "toolchain_missing"),
}


@pytest.mark.parametrize(("error", "reason"), UNJUDGED.values(), ids=UNJUDGED)
async def test_unjudged(error: Exception, reason: str) -> None:
    for verdict in (
        await prove(RIGHT, faked(error)),
        await prove_row(Row(id=1, language="python", program=RIGHT), faked(error)),
    ):
        assert (verdict.outcome, verdict.reason) == (Outcome.UNJUDGED, reason)


# (what came back, least pass rate, passes)
POLICIES = [
    (execution(passed="+++++"), 1.0, True),
    (execution(passed="++++-"), 1.0, False),
    (execution(passed="++++-"), 0.8, True),
    (execution(passed="+++--"), 0.8, False),
    (execution(passed="++++-", complete=False), 0.8, True),  # the failed case stopped at its failure
    (execution(passed="+++++", complete=False), 1.0, False),
    (execution(passed="+++++", complete=False), 0.8, False),  # something was never reached, and nobody knows why
    (execution(Status.TIMEOUT_CPU, passed="++++-"), 0.8, False),
    (execution(Status.MEMORY, passed="+++++"), 0.8, False),
    (execution(Status.NONZERO), 0.1, False),
    (execution(Status.OK), 0.1, False),
]


@pytest.mark.parametrize(("answer", "rate", "passes"), POLICIES)
async def test_the_pass_policy(answer: Execution, rate: float, passes: bool) -> None:
    verdict = await prove(RIGHT, faked(answer), min_pass_rate=rate)
    assert verdict.outcome is (Outcome.PASS if passes else Outcome.FAIL)
    assert verdict.evidence["min_pass_rate"] == rate


async def test_the_pass_rate_is_the_share_of_assertions_that_held(resources: Resources) -> None:
    wrong_once = "def square(n):\n    return n * n if n != 4 else 0\n"
    raises_once = "def square(n):\n    return n * n if n != 4 else 1 // 0\n"
    for solution in (wrong_once, raises_once):
        outcomes = [(await prove(solution, resources, min_pass_rate=rate)).outcome for rate in (0.8, 0.81, 1.0)]
        assert outcomes == [Outcome.PASS, Outcome.FAIL, Outcome.FAIL]


async def test_the_request_carries_the_limits() -> None:
    resources = faked(execution(passed="+"))
    await prove(RIGHT, resources, cpu_s=3.0, memory_mb=100)
    (request,) = resources.sandbox.requests  # type: ignore[attr-defined]
    assert (request.limits.cpu_s, request.limits.memory_bytes) == (3.0, 100 << 20)
    assert request.source == RIGHT


FORMS = {
    "expected exception": (
        "def test_a():\n    try:\n        square('x')\n        assert False\n    except TypeError:\n        pass\n"
    ),
    "pytest": "import pytest\ndef test_a():\n    with pytest.raises(TypeError):\n        square('x')\n",
    "unittest": (
        "import unittest\n\nclass TestA(unittest.TestCase):\n"
        "    def test_a(self):\n        self.assertEqual(square(2), 4)\n"
    ),
    "helper": "def check(n, want):\n    assert square(n) == want\ndef test_a():\n    check(3, 9)\n",
    "loop": "def test_a():\n    for n, want in [(1, 1), (2, 4)]:\n        assert square(n) == want\n",
    "handed on": "def check(candidate):\n    assert candidate(2) == 4\ncheck(square)\n",
}


@pytest.mark.parametrize("tests", FORMS.values(), ids=FORMS)
async def test_every_form_of_assertion_tells_right_from_wrong(tests: str, resources: Resources) -> None:
    wrong = "def square(n):\n    return n * n + 1 if isinstance(n, int) else 0\n"
    assert (await prove(RIGHT, resources, tests=tests)).outcome is Outcome.PASS
    assert (await prove(wrong, resources, tests=tests)).outcome is Outcome.FAIL


async def test_stored_evidence_has_no_addresses_no_times_and_no_end(resources: Resources) -> None:
    solution = "def square(n):\n    raise ValueError(object())\n"
    first, second = [await prove(solution, resources) for _ in range(2)]
    assert first == second
    assert "at 0x…" in json.dumps(first.evidence, ensure_ascii=False)
    assert not {"wall_s", "cpu_s", "peak_mb", "backend"} & first.evidence.keys()
    assert len(stable_text("a" * 100_000)) < 4_100


async def test_output_of_a_killed_program_is_no_fact() -> None:
    answer = execution(Status.TIMEOUT_CPU, stdout="tick\n" * 17, stderr="tock")
    evidence = stored_evidence(answer)
    assert (evidence["stdout"], evidence["stderr"]) == ("", "")


# mode -> fields of a row that pass, fields that fail, reason of the failure
MODES = {
    "script": ({"program": "print('x')\n"}, {"program": "raise SystemExit(3)\n"}, "runtime_error"),
    "script with assertions": (
        {"program": f"{RIGHT}assert square(3) == 9\n"},
        {"program": f"{RIGHT}assert square(3) == 8\n"},
        "failed_assertion",
    ),
    "standard output": (
        {"program": "print(int(input()) * 2)\n", "stdin": "21\n", "expected_stdout": "42"},
        {"program": "print(int(input()) * 3)\n", "stdin": "21\n", "expected_stdout": "42"},
        "wrong_output",
    ),
    "tests": (
        {"program": RIGHT, "tests": TESTS},
        {"program": RIGHT, "tests": TESTS + "assert square(3) == 8\n"},
        "failed_assertion",
    ),
    "calls": (
        {"program": RIGHT, "entry_point": "square", "io": [[[3], 9], [[-1], 1]]},
        {"program": RIGHT, "entry_point": "square", "io": [[[3], 9], [[-1], -1]]},
        "wrong_result",
    ),
    "files": (
        {"program": "assert open('a.txt').read() == 'hello'\n", "files": {"a.txt": "hello"}},
        {"program": "assert open('a.txt').read() == 'hello'\n", "files": {"a.txt": "bye"}},
        "failed_assertion",
    ),
    "time limit": (
        {"program": "print('x')\n", "time_limit_s": 5},
        {"program": "while True: pass\n", "time_limit_s": 0.3},
        "timeout_cpu",
    ),
    "wall limit": (
        {"program": "print('x')\n", "limits": {"wall_s": 9.5}},
        {"program": "import time\ntime.sleep(60)\n", "limits": {"cpu_s": 1, "wall_s": 0.5}},
        "timeout_wall",
    ),
    "memory limit": (
        {"program": "x = bytearray(1 << 20)\n", "limits": {"memory_mb": 200}},
        {"program": "x = bytearray(400 << 20)\nx[:] = b'1' * len(x)\n", "limits": {"memory_mb": 100}},
        "memory",
    ),
    "output limit": (
        {"program": "print('x' * 100)\n", "limits": {"output_kb": 4}},
        {"program": "while True: print('x' * 1000)\n", "limits": {"output_kb": 4}},
        "output",
    ),
}


@pytest.mark.parametrize(("good", "bad", "reason"), MODES.values(), ids=MODES)
async def test_rows_are_proved_in_every_mode(
    good: dict[str, Any], bad: dict[str, Any], reason: str, resources: Resources
) -> None:
    passed = await prove_row(Row.model_validate({"id": "a", "language": "Python", **good}), resources)
    failed = await prove_row(Row.model_validate({"id": "b", "language": "py", **bad}), resources)
    assert passed.outcome is Outcome.PASS
    assert (failed.outcome, failed.reason) == (Outcome.FAIL, reason)
    wanted = {"status", "exit_code", "stdout", "stderr", "wall_s", "cpu_s", "peak_mb", "backend"}
    assert wanted <= passed.evidence.keys() & failed.evidence.keys()
    json.dumps([passed.evidence, failed.evidence])


HALF_ROWS = {
    "io alone": ({"io": [[[3], 9]]}, "missing_entry_point"),
    "entry point alone": ({"entry_point": "square"}, "missing_io"),
    "empty io": ({"entry_point": "square", "io": []}, "empty_io"),
}


@pytest.mark.parametrize(("fields", "reason"), HALF_ROWS.values(), ids=HALF_ROWS)
async def test_half_a_proof_is_no_weaker_proof(fields: dict[str, Any], reason: str) -> None:
    row = Row.model_validate({"id": 1, "language": "python", "program": RIGHT, **fields})
    verdict = await prove_row(row, faked(execution()))
    assert (verdict.outcome, verdict.reason) == (Outcome.UNJUDGED, reason)


@pytest.mark.parametrize(
    "fields",
    [
        {"program": None},
        {"language": 3},
        {"limits": {"cpu_s": -1}},
        {"limits": {"memory_mb": "much"}},
        {"time_limit_s": float("nan")},
        {"io": [[3, 9]]},
        {"io": [[[3]]]},
        {"files": {"a": 1}},
    ],
)
async def test_rows_that_do_not_fit_are_invalid(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Row.model_validate({"id": 1, "language": "python", "program": RIGHT, **fields})


async def test_unknown_fields_of_a_row_are_ignored() -> None:
    row = Row.model_validate({"id": 1, "language": "python", "program": RIGHT, "task": "x", "limits": {"colour": 1}})
    assert row.program == RIGHT


@pytest.mark.parametrize("name", ["../a.txt", "/etc/passwd", "a/../../b", ""])
async def test_file_names_that_leave_the_work_folder_are_refused(name: str, resources: Resources) -> None:
    row = Row(id=1, language="python", program="print(1)\n", files={name: "x"})
    verdict = await prove_row(row, resources)
    assert verdict.outcome is Outcome.UNJUDGED


async def test_real_programs_and_their_buggy_twins(resources: Resources, shared_data: Path) -> None:
    rows = [json.loads(line) for line in (shared_data / "code" / "humanevalpack_python.jsonl").read_text().splitlines()]

    async def reason_of(row: dict[str, str], field: str, wanted: Outcome) -> tuple[str, bool]:
        program = row["prompt"] + row[field] + row["test"]
        fields: dict[str, object] = {"id": row["task_id"], "language": "python", "program": program}
        fields["limits"] = {"cpu_s": 1.5, "wall_s": 120}
        verdict = await prove_row(Row.model_validate(fields), resources)
        return verdict.reason, verdict.outcome is wanted

    good = await asyncio.gather(*(reason_of(row, "canonical_solution", Outcome.PASS) for row in rows))
    bad = await asyncio.gather(*(reason_of(row, "buggy_solution", Outcome.FAIL) for row in rows))
    assert [row["task_id"] for row, (_, right) in zip(rows, good, strict=True) if not right] == []
    assert [row["task_id"] for row, (_, right) in zip(rows, bad, strict=True) if not right] == []
    endless = [reason for row, (reason, _) in zip(rows, bad, strict=True) if row["failure_symptoms"] == "infinite loop"]
    assert endless.count("timeout_cpu") == 1  # the other two are found out before they come to their loop
