"""The rehearsal: the whole pipeline on the rehearsal model, and which planted fault was caught where."""

from __future__ import annotations

import asyncio
import fnmatch
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefect import flow
from prefect.artifacts import acreate_markdown_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed

from audit.escapes import EscapeTable
from audit.escapes_text import render
from audit.yield_table import render_markdown
from corpus import questions
from corpus.attempts import SAME_RUN
from flows.config import ModelSettings, RecipeChoice, RehearsalSettings, RunConfig, SandboxSettings
from flows.engine import prefect_api
from flows.errors import ConfigError
from flows.escapes import escape_tables, read_escapes
from flows.make_dataset import run, summary_line
from flows.preflight import require_sandbox
from flows.publish import report
from flows.run_folder import RunFolder, require_writable
from flows.settle import Published
from generators import RECIPES
from records.tables import write_text
from served_model.rehearsal.launch import RehearsalServer

MODEL = "rehearsal"


@dataclass(frozen=True)
class Rehearsed:
    """What a rehearsal ends with."""

    published: Published
    escapes: EscapeTable
    out: Path


@flow(name="rehearse", flow_run_name="rehearse-{seeds}-seeds", persist_result=False)
async def rehearse(seeds: int, settings: RehearsalSettings, out: str, recipes: list[str] | None = None) -> State[Any]:
    """Run recipes (default: all) on `seeds` real seeds each, against the rehearsal model with faults planted."""
    rehearsed = await rehearse_run(seeds, settings, Path(out), recipes)
    table = f"```\n{render(rehearsed.escapes)}\n```"
    await acreate_markdown_artifact(key="escape-table", markdown=table)
    await acreate_markdown_artifact(key="yield-table", markdown=render_markdown(rehearsed.published.accounts))
    return Completed(message=summary_line(rehearsed.published), data=rehearsed)


async def rehearse_run(
    seeds: int, settings: RehearsalSettings, out: Path, recipes: Sequence[str] | None = None
) -> Rehearsed:
    """The flow's work. Raises UserError or ConfigError with one clear line."""
    chosen = choose_recipes(recipes)
    folder = RunFolder(out)
    require_writable(out)
    knowledge = out / "rehearsal" / "knowledge.jsonl"
    write_knowledge(knowledge)
    server = RehearsalServer(
        seed=settings.seed,
        fault_rate=settings.fault_rate,
        wire_fault_rate=settings.wire_fault_rate,
        knowledge=knowledge,
        answer_key=folder.answer_key,
        judge_accuracy=settings.judge_accuracy,
    )
    async with server as base_url:
        published = await run(config_for(chosen, seeds, settings, base_url), str(out))
    table = read_escapes(folder)
    write_text(out / "rehearsal" / "escapes.txt", render(table) + "\n")
    report(folder, folder.read_run(), escape_tables(folder))
    return Rehearsed(published, table, out)


def choose_recipes(patterns: Sequence[str] | None) -> list[str]:
    """Recipes that the patterns name ("math/*"), in the order of the table, with those whose attempts they read.

    Without patterns all of them. Raises ConfigError for a pattern that names none.
    """
    for pattern in patterns or ():
        if not fnmatch.filter(RECIPES, pattern):
            raise ConfigError(f"--recipes {pattern}: no such recipe; known: {', '.join(RECIPES)}")
    chosen = {name for pattern in patterns or ("*",) for name in fnmatch.filter(RECIPES, pattern)}
    missing = chosen
    while missing:
        upstream = {RECIPES[name].corpus.removeprefix(SAME_RUN) for name in missing if _reads_attempts(name)}
        missing = upstream - chosen
        chosen |= missing
    return [name for name in RECIPES if name in chosen]


def _reads_attempts(name: str) -> bool:
    return RECIPES[name].corpus.startswith(SAME_RUN)


def config_for(recipes: Sequence[str], seeds: int, settings: RehearsalSettings, base_url: str) -> RunConfig:
    """The rehearsal's run configuration: the recipes, each with its default corpus and `seeds` seeds."""
    return RunConfig(
        name="rehearsal",
        seed=settings.seed,
        models={
            "default": ModelSettings(base_url=[base_url], name=MODEL, max_in_flight=64, timeout_s=60, deadline_s=60)
        },
        recipes=[RecipeChoice(use=name, seeds=seeds) for name in recipes],
        rehearsal=settings,
    )


def write_knowledge(path: Path) -> None:
    """Tell the rehearsal model the answers of the default questions, also of those that state none to the pipeline."""
    lines = [json.dumps({"question": question, "answer": answer}) for question, answer in questions.answer_key()]
    write_text(path, "\n".join(lines) + "\n")


def start(seeds: int, settings: RehearsalSettings, out: Path, recipes: list[str] | None = None) -> Rehearsed:
    """Run the flow from a program or the command line."""
    choose_recipes(recipes)
    require_writable(out)
    asyncio.run(require_sandbox(SandboxSettings()))
    with prefect_api():
        result = asyncio.run(rehearse(seeds, settings, str(out), recipes))
    assert isinstance(result, Rehearsed)
    return result
