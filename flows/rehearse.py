"""The rehearsal: the whole pipeline on the rehearsal model, and which planted fault was caught where."""

from __future__ import annotations

import asyncio
import fnmatch
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from prefect import flow
from prefect.artifacts import acreate_markdown_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed
from pydantic import Field

from audit.escapes import EscapeTable
from audit.escapes_text import render
from corpus import questions
from corpus.attempts import SAME_RUN
from flows import progress
from flows.artifacts import show_result
from flows.config import ModelSettings, RecipeChoice, RehearsalSettings, RunConfig, SandboxSettings
from flows.engine import prefect_api
from flows.errors import ConfigError
from flows.escapes import escape_tables, escapes_markdown, read_escapes
from flows.make_dataset import run, summary_line
from flows.preflight import missing_toolchains, require_sandbox
from flows.publish import report
from flows.run_folder import RunFolder, require_writable
from flows.settle import Published
from generators import RECIPES
from records.tables import write_text
from records.types import stable_hash
from served_model.rehearsal.launch import RehearsalServer
from served_model.rehearsal.tongues import LANGUAGES
from served_model.rehearsal.translate_player import LANGUAGES as TRANSLATED
from verifiers.safety_settings import SafetySettings

MODEL = "rehearsal"
SMALLER: Mapping[str, Mapping[str, Any]] = {
    "code/solve_with_tests": {"cpu_s": 2.0, "judge": True},  # planted endless loops use all of it
    "code/evolve": {"cpu_s": 2.0, "judge": True},
    "code/backtranslate": {"cpu_s": 2.0},
    "math/code_interleaved": {"samples": 1},
    "math/label_steps": {"rollouts": 2},
    "math/evolve": {"samples": 3},
}
"""Settings with which a recipe asks for less than it would of a real model, since a rehearsal is to end within minutes;
and with what is off by default, so that it is rehearsed."""
FEWER: Mapping[str, int] = {"tool_use/": 8, "code/evolve": 4, "code/translate": 3, "code/backtranslate": 3}
"""Of domains that execute much per seed, one seed in so many, unless `--recipes` asks for recipes by name."""
SOLVE, TRANSLATE = "code/solve_with_tests", "code/translate"
OTHER_LANGUAGES = 16
"""Of the problems in each of the rehearsal model's further languages (LANGUAGES), one seed in so many."""
_SANDBOX = SandboxSettings()


@dataclass(frozen=True)
class Rehearsed:
    """What a rehearsal ends with."""

    published: Published
    escapes: EscapeTable
    out: Path


Seeds = Annotated[
    int, Field(ge=1, description="Seeds of each recipe; an eighth for tool use unless recipes are named.")
]
Out = Annotated[str | None, Field(title="Folder", description="Run folder; empty: below runs/, by the settings.")]
Settings = Annotated[RehearsalSettings, Field(description="What the double that plays the model gets wrong.")]
Where = Annotated[SandboxSettings, Field(description="Where programs that a model wrote are run.")]
Chosen = Annotated[list[str] | None, Field(description="Recipes such as math/solve or code/*; empty: all of them.")]


@flow(name="rehearse", flow_run_name="rehearse {seeds} seeds", persist_result=False)
async def rehearse(
    seeds: Seeds = 100,
    settings: Settings = RehearsalSettings(),  # noqa: B008 - frozen; the form shows its defaults
    out: Out = None,
    recipes: Chosen = None,
    sandbox: Where = _SANDBOX,
) -> State[Any]:
    """Run recipes (default: all) on `seeds` real seeds each, against the rehearsal model with faults planted."""
    folder = Path(out) if out else default_out(seeds, settings, recipes)
    rehearsed = await rehearse_run(seeds, settings, folder, recipes, sandbox)
    await acreate_markdown_artifact(key="escape-table", markdown=escapes_markdown(RunFolder(folder)))
    await show_result(rehearsed.published, RunFolder(folder))
    return Completed(message=f"{escaped_line(rehearsed.escapes)}; {summary_line(rehearsed.published)}", data=rehearsed)


def default_out(seeds: int, settings: RehearsalSettings, recipes: Sequence[str] | None) -> Path:
    """A folder for each choice of settings, so that a rehearsal from the UI never meets another one's run."""
    return Path("runs") / f"rehearsal-{stable_hash(str(seeds), settings.model_dump_json(), *(recipes or ()))[:8]}"


def escaped_line(table: EscapeTable) -> str:
    """The first thing to know about a rehearsal."""
    return (
        f"{table.planted:,} faults planted, {table.caught:,} caught, "
        f"{table.escaped:,} escaped ({table.escaped_though_decidable:,} of decidable kinds)"
    )


async def rehearse_run(
    seeds: int,
    settings: RehearsalSettings,
    out: Path,
    recipes: Sequence[str] | None = None,
    sandbox: SandboxSettings = _SANDBOX,
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
        guard_accuracy=settings.guard_accuracy,
        unsafe_rate=settings.unsafe_rate,
    )
    async with server as base_url:
        choices = [_choice(name, _seeds_of(name, seeds, named=bool(recipes))) for name in chosen]
        choices = await _with_languages(choices, seeds, sandbox)
        config = config_for(choices, settings, base_url).model_copy(update={"sandbox": _with_libraries(sandbox)})
        published = await run(config, str(out))
    table = read_escapes(folder)
    write_text(out / "rehearsal" / "escapes.txt", render(table) + "\n")
    report(folder, folder.read_run(), escape_tables(folder))
    return Rehearsed(published, table, out)


def _with_libraries(sandbox: SandboxSettings) -> SandboxSettings:
    """The tools that read files need the libraries that are installed beside us; a user's own choice stands."""
    environment = None if sys.prefix == sys.base_prefix else sys.prefix
    return sandbox if sandbox.site else sandbox.model_copy(update={"site": environment})


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


def _seeds_of(recipe: str, seeds: int, named: bool) -> int:
    share = 1 if named else next((share for domain, share in FEWER.items() if recipe.startswith(domain)), 1)
    return max(1, -(-seeds // share))


def _choice(name: str, seeds: int) -> RecipeChoice:
    return RecipeChoice(use=name, seeds=seeds, settings=dict(SMALLER.get(name, {})))


async def _with_languages(choices: Sequence[RecipeChoice], seeds: int, sandbox: SandboxSettings) -> list[RecipeChoice]:
    """The choices that can run here, and problems in further languages for which this machine has a toolchain."""
    if not any(choice.use.startswith("code/") for choice in choices):
        return list(choices)
    missing = await missing_toolchains(tuple(dict.fromkeys((*LANGUAGES, *TRANSLATED))), sandbox)
    for language, why in missing.items():
        progress.current().note(f"no programs in {language}: {why}")
    targets = [language for language in TRANSLATED if language not in missing]
    kept = [
        choice.model_copy(update={"settings": {"languages": targets}}) if choice.use == TRANSLATE else choice
        for choice in choices
        if choice.use != TRANSLATE or targets
    ]
    if not any(choice.use == SOLVE for choice in choices):
        return kept
    share = -(-seeds // OTHER_LANGUAGES)
    for language in (one for one in LANGUAGES if one not in missing):
        chosen = {**SMALLER[SOLVE], "language": language, "any_snippet": True, "reruns": 1}
        kept.append(RecipeChoice(use=SOLVE, seeds=share, settings=chosen))
    return kept


def config_for(choices: Sequence[RecipeChoice], settings: RehearsalSettings, base_url: str) -> RunConfig:
    """The rehearsal's run configuration."""
    return RunConfig(
        name="rehearsal",
        seed=settings.seed,
        models={
            "default": ModelSettings(base_url=[base_url], name=MODEL, max_in_flight=64, timeout_s=60, deadline_s=60)
        },
        recipes=list(choices),
        rehearsal=settings,
        safety=SafetySettings(form="policy", retries=3),  # so many replies are broken that one more would lose records
    )


def write_knowledge(path: Path) -> None:
    """Tell the rehearsal model the answers of the default questions, also of those that state none to the pipeline."""
    lines = [json.dumps({"question": question, "answer": answer}) for question, answer in questions.answer_key()]
    write_text(path, "\n".join(lines) + "\n")


def start(
    seeds: int,
    settings: RehearsalSettings,
    out: Path,
    recipes: list[str] | None = None,
    sandbox: SandboxSettings = _SANDBOX,
) -> Rehearsed:
    """Run the flow from a program or the command line."""
    choose_recipes(recipes)
    require_writable(out)
    asyncio.run(require_sandbox(sandbox))
    with prefect_api():
        result = asyncio.run(rehearse(seeds, settings, str(out), recipes, sandbox))
    assert isinstance(result, Rehearsed)
    return result
