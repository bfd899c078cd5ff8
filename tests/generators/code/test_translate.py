"""Translation from accepted Python programs: same behaviour is accepted, anything else is not."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from random import Random
from typing import Any

import pytest
import pytest_asyncio

from generators.code import translate
from generators.recipe import Resources, SeedRefused
from records.schema import record_row
from records.types import Candidate, Message, Outcome, Record, Seed, Verdict
from sandbox import open_sandbox
from sandbox.types import Request, SandboxError, ToolchainMissing
from served_model.rehearsal.asking import read_tags
from served_model.rehearsal.bank import Family, Task, draw_values, load_families
from served_model.rehearsal.role import Asked
from served_model.rehearsal.tests_writer import write_tests
from served_model.rehearsal.tongues import load_bodies
from served_model.rehearsal.translate_player import LANGUAGES, TRANSLATION_FAULTS, play_translate
from served_model.scripted import ScriptedModel
from served_model.types import ChatRequest
from verifiers import verify_all
from verifiers.base import Resources as VerifierResources
from verifiers.code_tests import CodeTests
from verifiers.workers import ProcessPool

pytestmark = pytest.mark.asyncio(loop_scope="module")

SEED = Seed("seed-1", "total = 0", "lib: a.py:1-1", "MIT", {"language": "python"})
ORIGINAL = "def halve(numbers: list[int]) -> list[int]:\n    return [n // 2 for n in numbers]\n"
TESTS = "\n".join(
    f"def test_{place}():\n    assert halve({given}) == {[n // 2 for n in given]}\n"
    for place, given in enumerate(([], [1], [4, 7], [-3, 2], [10, 0, -1]))
)
RIGHT = "function halve(numbers) {\n  return numbers.map((n) => Math.floor(n / 2));\n}\n"
TRUNCATES = "function halve(numbers) {\n  return numbers.map((n) => Math.trunc(n / 2));\n}\n"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def judges() -> AsyncIterator[VerifierResources]:
    sandbox, workers = open_sandbox(), ProcessPool(1)
    try:
        await sandbox.run(Request("javascript", ""))
    except ToolchainMissing:
        await sandbox.aclose()
        await workers.aclose()
        pytest.skip("node is not installed here")
    yield VerifierResources(sandbox, workers)
    await workers.aclose()
    await sandbox.aclose()


def attempts_seed(original: str = ORIGINAL, tests: str = TESTS, entry_point: str = "halve") -> Seed:
    parts = {"problem": "Halve.", "signature": "def halve(...): ...", "solution": original, "tests": tests}
    check = CodeTests("python", tests, entry_point)
    about = {"language": "python", "entry_point": entry_point, "topic": "sequences"}
    candidate = Candidate(
        "a", "a", SEED, "code/solve_with_tests", (Message("user", "x"),), parts, (check,), (), metadata=about
    )
    record = Record(candidate, (Verdict("code_tests", Outcome.PASS, "tests_passed"),))
    rows = [[record_row(record, True, "test")]]
    return Seed("attempts-1", SEED.text, SEED.source, SEED.licence, {"chains": json.dumps(rows)})


def fenced(code: str, tag: str = "javascript") -> str:
    return f"```{tag}\n{code}```"


async def run_chain(judges: VerifierResources, *replies: str, **settings: Any) -> tuple[list[Record], ScriptedModel]:
    left = list(replies)
    model = ScriptedModel(lambda request: left.pop(0))
    resources = Resources(model, translate.Translate(**settings), run_seed=1, sandbox=judges.sandbox)
    (candidate,) = await translate.RECIPE.propose(attempts_seed(), resources)
    records = [Record(candidate, await verify_all(candidate, judges))]
    while records[-1].outcome is Outcome.FAIL:
        revised = await translate.revise(records, resources)
        if revised is None:
            break
        records.append(Record(revised, await verify_all(revised, judges)))
    return records, model


def text_of(request: ChatRequest) -> str:
    return "\n".join(message.content for message in request.messages)


async def test_the_same_behaviour_is_accepted(judges: VerifierResources) -> None:
    (record,), _ = await run_chain(judges, fenced(RIGHT))
    assert record.outcome is Outcome.PASS
    assert record.deciding.evidence["compared"] >= 20
    asked, told = record.candidate.messages
    assert "Translate this function to javascript" in asked.content and ORIGINAL.strip() in asked.content
    assert told.content == fenced(RIGHT)
    assert record.candidate.metadata["language"] == "javascript"
    assert record.candidate.seed.licence == "MIT"


async def test_a_translation_that_agrees_on_easy_inputs_is_corrected(judges: VerifierResources) -> None:
    records, model = await run_chain(judges, fenced(TRUNCATES), fenced("function halve(n {\n"), fenced(RIGHT))
    assert [record.deciding.reason for record in records] == ["behaviour_differs", "syntax_error", "same_behaviour"]
    assert "halve([-3, 2])" in text_of(model.requests[1]) and TRUNCATES in text_of(model.requests[1])
    assert [record.candidate.attempt for record in records] == [0, 1, 2]
    assert len({record.candidate.id for record in records}) == 3
    assert {record.candidate.chain_id for record in records} == {records[0].candidate.id}


async def test_corrections_are_bounded(judges: VerifierResources) -> None:
    records, _ = await run_chain(judges, fenced(TRUNCATES), fenced(TRUNCATES), rounds=1)
    assert [record.deciding.reason for record in records] == ["behaviour_differs"] * 2


@pytest.mark.parametrize(
    ("error", "reason"), [(ToolchainMissing("no node"), "toolchain_missing"), (SandboxError("gone"), "sandbox_error")]
)
async def test_nothing_is_asked_where_nothing_could_be_proved(error: Exception, reason: str) -> None:
    class Broken:
        async def run(self, *_: Any) -> Any:
            raise error

    broken: Any = Broken()
    model = ScriptedModel(lambda request: fenced(RIGHT))
    with pytest.raises(SeedRefused, match=reason):
        await translate.RECIPE.propose(
            attempts_seed(), Resources(model, translate.Translate(), run_seed=1, sandbox=broken)
        )
    assert not model.requests


DRAWN = [(tongue, family) for tongue in LANGUAGES for family in load_families() if family.name in load_bodies(tongue)]
QUICK = {("javascript", "turn_rows"), ("c", "window_sums"), ("c", "capped_runs"), ("bash", "reverse_blocks")}
QUICK |= {("bash", "capped_runs")}


@pytest.mark.parametrize(
    ("language", "family"),
    [
        pytest.param(
            language,
            family,
            id=f"{language}-{family.name}",
            marks=() if (language, family.name) in QUICK else pytest.mark.heavy,
        )
        for language, family in DRAWN
    ],
)
async def test_translations_of_the_rehearsal_are_right_and_their_faults_found(
    judges: VerifierResources, language: str, family: Family
) -> None:
    task = draw_values(family, "def total(count):\n    return count + 12", Random(3))
    faults = TRANSLATION_FAULTS if (language, family.name) in QUICK else ("wrong_when_large",)
    reasons = {fault: await played(judges, task, language, fault) for fault in (None, *faults)}
    if "toolchain_missing" in reasons.values():
        pytest.skip(f"no {language} here")
    assert reasons.pop(None) == "same_behaviour"
    assert "same_behaviour" not in reasons.values(), reasons
    assert reasons["wrong_when_large"] == "behaviour_differs"


async def played(judges: VerifierResources, task: Task, language: str, fault: str | None) -> str:
    """Why the rehearsal's translation with this fault was accepted or refused."""

    def reply(request: ChatRequest) -> str:
        messages = [{"role": message.role, "content": message.content} for message in request.messages]
        return play_translate(Asked(read_tags(text_of(request)), messages), Random(2), fault).text

    seed = attempts_seed(task.solution, write_tests(task, Random(1)), task.function)
    resources = Resources(ScriptedModel(reply), translate.Translate(languages=(language,)), 1, sandbox=judges.sandbox)
    try:
        (candidate,) = await translate.RECIPE.propose(seed, resources)
    except SeedRefused as refusal:
        return refusal.reason
    return Record(candidate, await verify_all(candidate, judges)).deciding.reason
