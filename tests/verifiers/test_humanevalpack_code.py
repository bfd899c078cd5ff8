"""Tests on trial and translations, on the rows of a real benchmark: canonical programs, buggy ones, and their tests."""

from __future__ import annotations

import ast
import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from generators.code.backtranslate import frozen
from generators.code.inputs import calls_in_tests
from records.types import Candidate, Check, Outcome, Seed, Verdict
from sandbox import open_sandbox
from verifiers import verify
from verifiers.base import Resources
from verifiers.code_tests import CodeTests
from verifiers.same_behaviour import SameBehaviour
from verifiers.tests_quality import TestsQuality
from verifiers.tests_strength import TestsStrength
from verifiers.workers import ProcessPool

pytestmark = [pytest.mark.heavy, pytest.mark.asyncio(loop_scope="module")]
DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "code"
STEP = 5  # every fifth row of each pair of languages: a compiler needs about a second for each program
LANGUAGES = {"js": "javascript", "java": "java", "go": "go", "cpp": "cpp", "rust": "rust"}
MISSING_CRATES = ("use rand::Rng;", "use regex::Regex;", "use md5;")  # named by every Rust row, used by nearly none


def rows(name: str) -> list[dict[str, str]]:
    path = DATA / f"humanevalpack_{name}.jsonl"
    if not path.exists():
        pytest.skip("the shared data is not here")
    return [json.loads(line) for line in path.read_text().splitlines()]


def program_of(row: dict[str, str], kind: str) -> str:
    program = row["prompt"] + row[f"{kind}_solution"]
    if row["task_id"].startswith("Rust"):
        for crate in MISSING_CRATES:
            program = program.replace(crate, "")
    if row["task_id"].startswith("Go") and "import" not in program:  # one Go row lacks what it uses
        used = [name for name in ("math", "sort", "strings", "strconv", "fmt") if f"{name}." in program]
        program = "".join(f'import "{name}"\n' for name in used) + program
    return program


def vacuous_tests(row: dict[str, str]) -> str:
    """Calls with the row's own inputs, and assertions that hold whatever comes back."""
    calls = [
        ast.unparse(node)
        for node in ast.walk(ast.parse(row["test"]))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == row["entry_point"]
    ]
    bodies = [f"    got = {call}\n    assert got is None or got is not None" for call in calls]
    return "\n".join(f"def test_{number}():\n{body}\n" for number, body in enumerate(bodies))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def resources() -> AsyncIterator[Resources]:
    sandbox, workers = open_sandbox(), ProcessPool(2)
    yield Resources(sandbox, workers)
    await workers.aclose()
    await sandbox.aclose()


async def judge(check: Check, resources: Resources, **parts: str) -> Verdict:
    candidate = Candidate("c", "c", Seed("s", "x", "t", "u"), "t", (), parts, (), ())
    return await verify(check, candidate, resources)


async def test_accepted_tests_reject_the_buggy_program(resources: Resources) -> None:
    async def accepted(row: dict[str, str]) -> bool:
        """Whether the pipeline takes the row's tests for the canonical program."""
        parts = {"solution": program_of(row, "canonical"), "tests": row["test"]}
        checks: list[Check] = [
            TestsQuality("python", row["entry_point"], 1, 1),
            CodeTests("python", row["test"], row["entry_point"]),
            TestsStrength("python", row["test"], reruns=1),
        ]
        verdicts = [await judge(check, resources, **parts) for check in checks]
        assert all(verdict.outcome is not Outcome.UNJUDGED for verdict in verdicts), (row["task_id"], verdicts)
        return all(verdict.outcome is Outcome.PASS for verdict in verdicts)

    given = rows("python")
    taken = [row for row, good in zip(given, await asyncio.gather(*map(accepted, given)), strict=True) if good]
    assert len(taken) >= 0.8 * len(given)
    on_buggy = await asyncio.gather(
        *(judge(CodeTests("python", row["test"]), resources, solution=program_of(row, "buggy")) for row in taken)
    )
    refused = sum(verdict.outcome is Outcome.FAIL for verdict in on_buggy)
    assert refused >= 0.9 * len(taken), f"{refused} of {len(taken)}"


async def test_the_mutation_filter_rejects_vacuous_tests_in_all_rows(resources: Resources) -> None:
    async def filtered(row: dict[str, str]) -> Verdict:
        check = TestsStrength("python", vacuous_tests(row), min_branch_coverage=0, reruns=0)
        return await judge(check, resources, solution=program_of(row, "canonical"))

    given = [row for row in rows("python") if vacuous_tests(row)]
    verdicts = await asyncio.gather(*map(filtered, given))
    passed = [
        (row["task_id"], verdict.reason, verdict.evidence)
        for row, verdict in zip(given, verdicts, strict=True)
        if verdict.reason != "surviving_mutants"
    ]
    assert not passed and len(given) >= 70


@pytest.mark.parametrize("name", LANGUAGES)
async def test_canonical_translations_are_accepted_and_buggy_ones_are_not(name: str, resources: Resources) -> None:
    async def translated(original: dict[str, str], row: dict[str, str], kind: str) -> Verdict:
        inputs = calls_in_tests(original["test"], original["entry_point"])
        known = (program_of(original, "canonical"), original["entry_point"], frozen(inputs))
        check = SameBehaviour(LANGUAGES[name], row["entry_point"], *known, cpu_s=20.0, memory_mb=1024)
        return await judge(check, resources, solution=program_of(row, kind))

    pairs = list(zip(rows("python"), rows(name), strict=True))[::STEP]
    wrong: list[str] = []
    compared = 0
    for original, row in pairs:
        good = await translated(original, row, "canonical")
        if good.reason == "toolchain_missing":
            pytest.skip(f"{name} is not installed here")
        if good.outcome is Outcome.UNJUDGED:  # types or inputs that cannot be compared: then nothing is claimed
            continue
        bad = await translated(original, row, "buggy")
        compared += 1
        if (good.outcome, bad.outcome) != (Outcome.PASS, Outcome.FAIL):
            wrong.append(f"{row['task_id']}: {good.reason} {good.evidence.get('cases')}, {bad.reason}")
    assert not wrong
    assert compared >= 0.5 * len(pairs)
