"""The run's own safety check: behind the recipe's proofs, in the accounts, in the exports, and closed."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from audit.safety import Safeties
from exports.dataset_card import CardFacts
from exports.write import write_exports
from flows.config import RunConfig
from flows.guarding import guard_of
from flows.loop import Loop, ShardResult
from generators.recipe import Recipe, Resources, Settings
from records.schema import RECORDS, record_row
from records.tables import read_rows, write_table
from records.types import Call, Candidate, Message, Seed
from served_model.scripted import ScriptedModel
from served_model.types import ChatRequest, ModelUnavailable
from verifiers.base import Resources as VerifyResources
from verifiers.math_answer import MathAnswer
from verifiers.quality import QualityRule
from verifiers.safety_settings import SafetySettings
from verifiers.workers import ProcessPool

NOTHING: Any = None
RIGHT = r"So it is \boxed{4}."
TEXTS = {
    "good": f"A calm solution. {RIGHT}",
    "bad": f"HAZARD. {RIGHT}",
    "mild": f"MILD. {RIGHT}",
    "odd": f"ODD. {RIGHT}",
    "odder": f"ODDER. {RIGHT}",
    "wrong": r"HAZARD. \boxed{5}",
}
REPLIES = {"HAZARD": "unsafe\nS9", "MILD": "unsafe\nS6", "ODD.": "who knows", "ODDER": "unsafe\nS13"}
SETTINGS = SafetySettings(actions={"S6": "tag", "S9": "drop", "S13": "review"}, known_safe="borderline", form="policy")


def guard(request: ChatRequest) -> str:
    assert request.role == "guard"
    last = request.messages[-1].content.rpartition("<BEGIN CONVERSATION>")[2]
    return next((reply for word, reply in REPLIES.items() if word in last.rpartition("Agent:")[2]), "safe")


async def propose(seed: Seed, resources: Resources) -> list[Candidate]:
    """One candidate for each text of the seed, all to one prompt."""
    return [
        Candidate(
            id=f"{seed.id}-{name}",
            chain_id=f"{seed.id}-{name}",
            seed=seed,
            recipe="toy",
            messages=(Message("user", "What is 2 + 2?"), Message("assistant", text)),
            parts={"response": text},
            checks=(MathAnswer(expected="4"),) if "bare" not in seed.fields else (),
            calls=(Call("response", f"key-{name}", "scripted", "p", "0", 0.0, 1.0, 0, "stop"),),
        )
        for name, text in TEXTS.items()
    ]


async def revise(attempts: Any, resources: Resources) -> Candidate | None:
    assert attempts[-1].deciding.check not in ("safety", "quality")
    return None


@pytest.fixture
async def workers() -> AsyncIterator[ProcessPool]:
    pool = ProcessPool(1)
    yield pool
    await pool.aclose()


async def work(workers: ProcessPool, model: ScriptedModel, settings: SafetySettings = SETTINGS, **fields: str) -> Any:
    recipe = Recipe("toy", seeds="questions", settings=Settings, propose=propose, revise=revise)
    resources = Resources(model, Settings(), run_seed=0)
    verify = VerifyResources(NOTHING, workers, model)
    loop = Loop(
        recipe,
        resources,
        verify,
        lambda *_: None,
        guarded=guard_of(settings, QualityRule() if fields.get("quality") else None),
    )
    return await loop.run([Seed("s", "text", "test", "MIT", fields)])


def ends(result: ShardResult) -> dict[str, tuple[str, str]]:
    return {chain[-1].candidate.id[2:]: (str(chain[-1].outcome), chain[-1].deciding.reason) for chain in result.chains}


async def test_what_the_recipe_accepts_the_guard_must_accept_too(workers: ProcessPool) -> None:
    model = ScriptedModel(guard)
    result = await work(workers, model)
    assert ends(result) == {
        "good": ("pass", "equivalent"),
        "bad": ("fail", "unsafe"),
        "mild": ("pass", "equivalent"),
        "odd": ("unjudged", "guard_unreadable"),
        "odder": ("unjudged", "needs_review"),
        "wrong": ("fail", "wrong_answer"),
    }
    count = result.accounts.stage("toy", "record")
    assert (count.entered, count.accepted, count.rejected, count.unjudged) == (6, 2, 2, 2)
    assert not any("boxed{5}" in request.messages[0].content for request in model.requests)  # not worth a call


async def test_safety_alone_proves_nothing(workers: ProcessPool) -> None:
    model = ScriptedModel(guard)
    result = await work(workers, model, bare="yes")
    assert {outcome for outcome, _ in ends(result).values()} == {"unjudged"} and not model.requests


async def test_a_guard_that_is_down_stops_the_run(workers: ProcessPool) -> None:
    with pytest.raises(ModelUnavailable):
        await work(workers, ScriptedModel(lambda request: ModelUnavailable("nobody answers")))


def exported(tmp_path: Path, result: ShardResult) -> dict[str, list[dict[str, Any]]]:
    shard = tmp_path / "shards" / "00-toy-00000.parquet"
    rows = [record_row(chain[-1], True, "provender 0") for chain in result.chains]
    write_table(shard, RECORDS, rows)
    kept = [row["id"] for row in rows if row["outcome"] == "pass"]
    card = CardFacts(name="n", fingerprint="f", model="m", yield_table="", ended={}, heldout_tools=0.0)
    write_exports([shard], kept, tmp_path / "dataset", ("sft", "preference", "rlvr"), card)
    folders = [folder for folder in (tmp_path / "dataset").iterdir() if folder.is_dir()]
    return {folder.name: pq.read_table(folder).to_pylist() for folder in folders}


@pytest.mark.parametrize(("action", "pairs"), [("drop", 0), ("negative", 1)])
async def test_unsafe_replies_are_in_no_export_unless_as_the_rejected_side(
    tmp_path: Path, workers: ProcessPool, action: Any, pairs: int
) -> None:
    result = await work(workers, ScriptedModel(guard), SafetySettings(action=action, form="policy"))
    files = exported(tmp_path, result)
    assert [row["messages"][1]["content"] for row in files["sft"]] == [TEXTS["good"]]
    said = json.dumps({name: rows for name, rows in files.items() if name != "preference"})
    assert "HAZARD" not in said and "ODD" not in said
    rejected = [row["rejected"][0]["content"] for row in files.get("preference", ())]
    if pairs:
        assert set(rejected) >= {TEXTS["bad"], TEXTS["mild"]}
    assert (TEXTS["bad"] in rejected) == bool(pairs)
    assert all("HAZARD" not in json.dumps(row["chosen"]) for row in files.get("preference", ()))


async def test_the_report_counts_violations_and_false_refusals(tmp_path: Path, workers: ProcessPool) -> None:
    result = await work(workers, ScriptedModel(guard), borderline="yes")
    exported(tmp_path, result)
    safeties = Safeties()
    safeties.add(read_rows([tmp_path / "shards" / "00-toy-00000.parquet"], ("verdicts",)))
    rates, categories = safeties.tables()
    shown = {str(row[0]): str(row[1]) for row in rates.rows}
    assert shown["unsafe responses (violation rate)"].startswith("75.0%")  # 3 of the 4 that could be read
    assert shown["refusals of prompts known to be safe (false refusal rate)"].startswith("0.0%")
    assert [row[0] for row in categories.rows] == ["S6", "S9", "S13"]


def config(**changes: Any) -> dict[str, Any]:
    model = {"base_url": ["http://127.0.0.1:1/v1"], "name": "m"}
    return {"name": "n", "models": {"default": model}, "recipes": [{"use": "math/solve"}], **changes}


def test_the_template_form_needs_a_guard_model() -> None:
    with pytest.raises(ValueError, match=r"models\.guard"):
        RunConfig.model_validate(config(safety={}))
    assert RunConfig.model_validate(config(safety={"form": "policy"})).safety is not None
    guarded = config(safety={})
    guarded["models"]["guard"] = guarded["models"]["default"]
    assert RunConfig.model_validate(guarded).safety is not None


def test_without_the_section_nothing_changes() -> None:
    candidate: Any = object()
    assert guard_of(None)(candidate) is candidate
    assert RunConfig.model_validate(config()).safety is None


async def test_a_judge_has_to_find_good_what_the_guard_finds_safe(workers: ProcessPool) -> None:
    def both(request: ChatRequest) -> str:
        if request.role == "guard":
            return guard(request)
        said = "no" if "MILD" in request.messages[-1].content else "yes"
        names = ("accuracy", "instruction_following", "presentation")
        return json.dumps({name: {"rationale": "seen", "verdict": said} for name in names})

    model = ScriptedModel(both)
    result = await work(workers, model, SETTINGS, quality="yes")
    assert ends(result)["good"] == ("pass", "equivalent") and ends(result)["mild"] == ("fail", "low_quality")
    assert ends(result)["bad"] == ("fail", "unsafe")
    graded = [request for request in model.requests if request.role == "judge"]
    assert len(graded) == 2  # only what is safe is worth the judge's time
