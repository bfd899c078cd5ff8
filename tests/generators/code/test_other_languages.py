"""The recipe in other languages than Python, with a scripted model and the real verifiers and sandbox."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from pydantic import ValidationError

from corpus import source_code
from flows import preflight
from flows.config import ModelSettings, RecipeChoice, RunConfig, SandboxSettings
from flows.errors import ConfigError
from flows.plan import resolve
from flows.preflight import missing_toolchains, require_toolchains
from generators.code.dialects import DIALECTS, named_in
from generators.code.replies import Unusable, read_task
from generators.code.solve_with_tests import RECIPE, SolveWithTests
from generators.recipe import Resources, SeedRefused
from records.types import Outcome, Record, Seed
from sandbox import open_sandbox
from sandbox.languages import LANGUAGES
from sandbox.types import Execution, Request, ToolchainMissing
from served_model.scripted import ScriptedModel
from served_model.types import ChatRequest, Reply, Usage
from tests.verifiers.foreign_suites import SUITES, Suite
from verifiers import verify_all
from verifiers.base import Resources as VerifierResources
from verifiers.workers import ProcessPool

pytestmark = pytest.mark.asyncio(loop_scope="module")
PROBLEM = "Add up the numbers. A sum below 0 counts as 0, and one above 100 as 100. Nothing given adds up to 0."
FULL: dict[str, Any] = {"min_mutation_score": 0.5, "max_mutants": 4, "reruns": 1, "cpu_s": 20.0, "memory_mb": 1024}
CHECKS = ["code_static", "tests_quality", "code_tests", "tests_strength", "agreement"]
SLOW = ("typescript", "java", "cpp", "rust", "go", "c")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def judges() -> AsyncIterator[VerifierResources]:
    sandbox, workers = open_sandbox(), ProcessPool(1)
    yield VerifierResources(sandbox, workers)
    await workers.aclose()
    await sandbox.aclose()


def posed(language: str, suite: Suite) -> str:
    return f"## Problem\n\n{PROBLEM}\n\n## Signature\n\n{block(suite.signature, language)}"


def block(code: str, language: str) -> str:
    return f"Some words.\n\n```{language}\n{code}\n```\n"


async def run_chain(
    language: str, judges: VerifierResources, solution: str, tests: str, revisions: list[tuple[str, str]]
) -> tuple[list[Record], ScriptedModel]:
    """Every solution that votes is right; `revisions` are replies to feedback: what they change, and to what."""
    suite, left, solutions = SUITES[language], list(revisions), [solution]

    def reply(request: ChatRequest) -> str:
        name = request.prompt.rpartition("/")[2]
        if name == "revise":
            change, code = left.pop(0)
            return json.dumps({"diagnosis": "A bound.", "explanation": "Add.", "change": change, "code": code})
        if name == "solution":
            return block(solutions.pop() if solutions else suite.right, language)
        return posed(language, suite) if name == "problem" else block(tests, language)

    model = ScriptedModel(reply)
    resources = resources_of(model, language, judges)
    (candidate,) = await RECIPE.propose(seed_in(language), resources)
    records = [Record(candidate, await verify_all(candidate, judges))]
    if records[0].deciding.reason == "toolchain_missing":
        pytest.skip(f"{language} is not installed here")
    assert RECIPE.revise is not None
    while left and (following := await RECIPE.revise(records, resources)) is not None:
        records.append(Record(following, await verify_all(following, judges)))
    return records, model


def resources_of(model: ScriptedModel, language: str, judges: VerifierResources, **settings: Any) -> Resources:
    chosen = SolveWithTests.model_validate({"language": language, **FULL, **settings})
    return Resources(model, chosen, run_seed=1, sandbox=judges.sandbox)


def seed_in(language: str) -> Seed:
    return Seed("s", "x = 1", "lib: a:1-1", "MIT", {"language": language})


@pytest.mark.parametrize(
    "language", [pytest.param(name, marks=pytest.mark.heavy) if name in SLOW else name for name in SUITES]
)
async def test_a_wrong_program_comes_back_with_its_error_and_the_fix_is_proved(
    language: str, judges: VerifierResources
) -> None:
    suite = SUITES[language]
    records, model = await run_chain(language, judges, suite.wrong, suite.good, [("solution", suite.right)])
    first, last = records
    assert (first.deciding.check, first.outcome) == ("code_tests", Outcome.FAIL)
    assert (last.outcome, last.deciding.reason) == (Outcome.PASS, "independent_solutions_agree"), last.deciding
    assert [verdict.check for verdict in last.verdicts] == CHECKS
    measured = last.verdicts[3].evidence
    assert measured["mutants"] and (measured["branches"] or language == "sql")
    metadata = last.candidate.metadata
    assert (metadata["language"], metadata["self_corrected"], metadata["entry_point"]) == (language, True, suite.name)
    asked = model.requests[-1].messages[-1].content
    assert "The solution did not pass the tests" in asked and suite.wrong.strip() in asked
    assert f"```{language}" in last.candidate.messages[-1].content


async def test_gutted_and_mistaken_tests_do_not_get_through(judges: VerifierResources) -> None:
    suite = SUITES["javascript"]
    revisions = [("tests", suite.gutted), ("tests", suite.good)]
    records, _ = await run_chain("javascript", judges, suite.right, suite.mistaken, revisions)
    assert [(record.deciding.check, record.outcome) for record in records[:2]] == [
        ("code_tests", Outcome.FAIL),
        ("tests_quality", Outcome.FAIL),
    ]
    # Tests that gave way to others need a second vote, and got it with the revision.
    assert records[2].outcome is Outcome.PASS and records[2].verdicts[-1].evidence["votes"] == ["pass", "pass"]


async def test_a_shared_mistake_is_outvoted(judges: VerifierResources) -> None:
    suite = SUITES["go"]
    shared = suite.tests({**suite.cases, "60, 41": "99", "50, 50": "99"})
    records, _ = await run_chain("go", judges, suite.wrong, shared, [])
    assert records[0].deciding.check in ("tests_strength", "agreement") and records[0].outcome is Outcome.FAIL


async def test_snippets_are_in_the_language_of_the_tasks(tmp_path: Path, judges: VerifierResources) -> None:
    (tmp_path / "shapes.go").write_text("package shapes\n\nfunc area(a, b int) int {\n\treturn a * b\n}\n")
    (tmp_path / "words.js").write_text("function words(text) {\n  return text.split(' ');\n}\n")
    seeds = [item for item in source_code.read(str(tmp_path), 1, "MIT", passes=1) if isinstance(item, Seed)]
    assert {seed.fields["language"] for seed in seeds} == {"go", "javascript"}
    model = ScriptedModel(lambda request: posed("go", SUITES["go"]))
    for seed in seeds:
        propose = RECIPE.propose(seed, resources_of(model, "go", judges))
        if seed.fields["language"] == "go":
            (candidate,) = await propose
            assert candidate.metadata["language"] == "go" and candidate.seed.licence == "MIT"
            continue
        with pytest.raises(SeedRefused, match="snippet_in_other_language"):
            await propose
    assert len(await RECIPE.propose(seeds[0], resources_of(model, "go", judges, any_snippet=True))) == 1


@pytest.mark.parametrize("language", SUITES)
async def test_signatures_are_read_strictly(language: str) -> None:
    suite = SUITES[language]
    task = read_task(reply_of(posed(language, suite)), language)
    assert (task.entry_point, task.problem) == (suite.name, PROBLEM)
    for bad in ("x = 1", suite.right.replace("\n", "", 1) + "x", f"{suite.signature}\n{suite.signature}"):
        with pytest.raises(Unusable, match="bad_signature"):
            read_task(reply_of(posed(language, replace(suite, signature=bad))), language)
    given_away = posed(language, suite).replace(PROBLEM, f"{PROBLEM}\n\n{block(suite.right, language)}")
    if language != "bash":  # its functions have no parameters to be told by
        with pytest.raises(Unusable, match="solution_in_problem"):
            read_task(reply_of(given_away), language)


def reply_of(text: str) -> Reply:
    return Reply("k", text, "stop", "m", Usage())


async def test_javascript_tasks_state_their_types() -> None:
    assert named_in("javascript", "function f(x)") is None
    assert named_in("javascript", "/** @param {number} x\n * @returns {number} */\nfunction f(x)") == "f"
    assert named_in("go", "func TestIt(x int) int") is None


async def test_every_language_of_the_sandbox_has_a_dialect() -> None:
    assert DIALECTS.keys() == LANGUAGES.keys()
    with pytest.raises(ValidationError):
        SolveWithTests.model_validate({"language": "cobol"})


class WithoutGo:
    """A sandbox on a machine that lacks a compiler."""

    def __init__(self, *_: Any, **__: Any) -> None:
        self.asked: list[str] = []

    async def run(self, request: Request) -> Execution:
        raise ToolchainMissing(f"{request.language}: go is not installed")

    async def aclose(self) -> None:
        return None


async def test_a_language_without_its_toolchain_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    config = RunConfig(
        name="x",
        models={"default": ModelSettings(base_url=["http://127.0.0.1:9/v1"], name="m")},
        recipes=[RecipeChoice(use="code/solve_with_tests", target=1, settings={"language": "go"})],
    )
    monkeypatch.setattr(preflight, "sandbox_for", WithoutGo)
    with pytest.raises(ConfigError) as raised:
        await require_toolchains(resolve(config))
    assert "\n" not in str(raised.value) and "code/solve_with_tests" in str(raised.value)
    assert "go is not installed" in str(raised.value)
    assert list(await missing_toolchains(["go", "python"], SandboxSettings())) == ["go"]


async def test_installed_toolchains_are_not_missing() -> None:
    assert await missing_toolchains(["python", "bash"], SandboxSettings()) == {}
