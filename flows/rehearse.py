"""The rehearsal: the whole pipeline on the rehearsal model, and which planted fault was caught where."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefect import flow
from prefect.artifacts import acreate_markdown_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed

from audit.escapes import EscapeTable, render
from audit.yield_table import render_markdown
from corpus import questions
from flows.config import ModelSettings, RecipeChoice, RehearsalSettings, RunConfig, SandboxSettings
from flows.engine import prefect_api
from flows.escapes import escape_tables, read_escapes
from flows.make_dataset import run, summary_line
from flows.preflight import require_sandbox
from flows.publish import report
from flows.run_folder import RunFolder, require_writable
from flows.settle import Published
from records.tables import write_text
from served_model.rehearsal.launch import RehearsalServer

RECIPES = ("code/solve_with_tests", "math/solve")
MODEL = "rehearsal"


@dataclass(frozen=True)
class Rehearsed:
    """What a rehearsal ends with."""

    published: Published
    escapes: EscapeTable
    out: Path


@flow(name="rehearse", flow_run_name="rehearse-{seeds}-seeds", persist_result=False)
async def rehearse(seeds: int, settings: RehearsalSettings, out: str) -> State[Any]:
    """Run every recipe on `seeds` real seeds each, against the rehearsal model with faults planted at a known rate."""
    rehearsed = await rehearse_run(seeds, settings, Path(out))
    table = f"```\n{render(rehearsed.escapes)}\n```"
    await acreate_markdown_artifact(key="escape-table", markdown=table)
    await acreate_markdown_artifact(key="yield-table", markdown=render_markdown(rehearsed.published.accounts))
    return Completed(message=summary_line(rehearsed.published), data=rehearsed)


async def rehearse_run(seeds: int, settings: RehearsalSettings, out: Path) -> Rehearsed:
    """The flow's work. Raises UserError or ConfigError with one clear line."""
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
    )
    async with server as base_url:
        published = await run(config_for(seeds, settings, base_url), str(out))
    table = read_escapes(folder)
    write_text(out / "rehearsal" / "escapes.txt", render(table) + "\n")
    report(folder, folder.read_run(), escape_tables(folder))
    return Rehearsed(published, table, out)


def config_for(seeds: int, settings: RehearsalSettings, base_url: str) -> RunConfig:
    """The rehearsal's run configuration: every recipe, its default corpus, `seeds` seeds each."""
    return RunConfig(
        name="rehearsal",
        seed=settings.seed,
        models={
            "default": ModelSettings(base_url=[base_url], name=MODEL, max_in_flight=64, timeout_s=60, deadline_s=60)
        },
        recipes=[RecipeChoice(use=name, seeds=seeds) for name in RECIPES],
        rehearsal=settings,
    )


def write_knowledge(path: Path) -> None:
    """Tell the rehearsal model the answers of the default questions, also of those that state none to the pipeline."""
    lines = [json.dumps({"question": question, "answer": answer}) for question, answer in questions.answer_key()]
    write_text(path, "\n".join(lines) + "\n")


def start(seeds: int, settings: RehearsalSettings, out: Path) -> Rehearsed:
    """Run the flow from a program or the command line."""
    require_writable(out)
    asyncio.run(require_sandbox(SandboxSettings()))
    with prefect_api():
        result = asyncio.run(rehearse(seeds, settings, str(out)))
    assert isinstance(result, Rehearsed)
    return result
