"""The main job as a Prefect flow: corpus, shards, propose, verify, revise, write, select, export, report."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, StateType
from prefect.context import FlowRunContext
from prefect.exceptions import CancelledRun
from prefect.states import Completed
from pydantic import Field

from flows import progress
from flows.ahead import Ahead
from flows.artifacts import LiveProgress, show_result, spent_line
from flows.budget import Spending, paid_before
from flows.caches import cache_uses, cache_watch
from flows.config import RunConfig
from flows.endpoints import resolve_models
from flows.engine import prefect_api
from flows.errors import UserError
from flows.frugal import calm_collector
from flows.make_recipe import RecipeResult
from flows.make_recipes import Site, make_recipes
from flows.make_shard import ShardJob, ShardSummary, make_shard
from flows.observe import observed
from flows.plan import RunPlan, resolve
from flows.preflight import preflight, require_inputs
from flows.publish import Made, card_facts, publish
from flows.push import push_dataset, pushed_line
from flows.review import Rejected, require_reviewer, reviewed
from flows.rounds import round_configs, round_folder
from flows.run_folder import RunFolder, fingerprint, locked, require_same_run, require_writable
from flows.run_store import RunStore, run_store
from flows.seed_plan import shard_size
from flows.settle import Published, describe_run
from flows.workbench import workbench
from flows.workers import workers
from records.types import Outcome, stable_hash


@task(name="shard", task_run_name="{slug}-{job.shard:05d}", cache_policy=NO_CACHE, persist_result=False)
async def work_shard(job: ShardJob, slug: str) -> ShardSummary:
    """Work one shard of a few hundred seeds. Rerunning a finished shard reads its summary and asks no model."""
    reporter = progress.current()

    def listen(kind: str, outcome: Outcome | None, reason: str) -> None:
        reporter.event(slug, kind, outcome, reason)

    summary = await make_shard(job, listen)
    reporter.shard(slug, job.shard, *summary.accepted_of)
    return summary


def run_name() -> str:
    """Config's name and when it was due, so that the runs of a schedule can be told apart."""
    context = FlowRunContext.get()
    assert context is not None and context.flow_run is not None and context.parameters is not None
    due = context.flow_run.expected_start_time or datetime.now(UTC)
    return f"{context.parameters['config'].name} {due:%Y-%m-%d %H:%M}"


Config = Annotated[RunConfig, Field(title="Configuration", description="What is to be made, and by which model.")]
Out = Annotated[
    str | None,
    Field(title="Folder", description="Run folder; empty: runs/<name>-<fingerprint>; a rerun resumes."),
]
Fresh = Annotated[
    bool,
    Field(
        title="A dataset of its own for each run",
        description="Every run gets another seed and folder; a retry of a run still resumes it. Off: a run resumes "
        "the one before it. With Folder set, the run folder lies below it.",
    ),
]


@flow(name="make_dataset", flow_run_name=run_name, persist_result=False)
async def make_dataset(config: Config, out: Out = None, fresh: Fresh = False) -> State[Any]:
    """Make the dataset that the configuration describes, and prove every record of it.

    A rerun resumes: finished shards are kept, replies in the journal are not asked for again.
    """
    if fresh:
        config = freshened(config)
    try:
        published = await (run_rounds(config, out, fresh) if config.rounds else run(config, out, below=fresh))
    except Rejected as rejection:
        return State(type=StateType.CANCELLED, name="Rejected", message=str(rejection))
    await show_result(published, RunFolder(published.root))
    return Completed(message=summary_line(published), data=published)


def freshened(config: RunConfig) -> RunConfig:
    """The config with a seed of this flow run's own, which a retry of it gets again."""
    context = FlowRunContext.get()
    assert context is not None and context.flow_run is not None
    seed = int(stable_hash("fresh", str(config.seed), str(context.flow_run.id))[:8], 16)
    return config.model_copy(update={"seed": seed})


async def run(config: RunConfig, out: str | None, below: bool = False) -> Published:
    """The flow's work, in `out` or, where `below` says so, in a folder of the run's own below it.

    Raises UserError or ConfigError with one clear line.
    """
    resolve(config)
    config = await resolve_models(config)
    plan = resolve(config)
    inputs = plan.inputs()
    folder = RunFolder(Path(out) if out and not below else default_out(config, inputs, Path(out or "runs")))
    store = run_store(config, f"{config.name}-{fingerprint(inputs)}")
    with locked(folder), calm_collector():
        if store is not None:
            await asyncio.to_thread(store.fetch_run, folder)
        earlier = require_same_run(folder, inputs)
        await preflight(plan, folder)
        description = describe_run(plan, inputs, folder) | {"shard_sizes": shard_sizes(plan, earlier)}
        folder.write_run(description)
        if store is not None:
            await asyncio.to_thread(store.put_run, folder)
        resumed = f", resumed with {len(folder.shards())} finished shards" if earlier else ""
        progress.current().note(f"run {description['fingerprint']} in {folder.root}{resumed}")
        published = await _make_and_publish(plan, folder, description, store)
        if store is not None:
            await asyncio.to_thread(store.put_results, folder)
        await _push(config, folder)
        return published


async def _make_and_publish(
    plan: RunPlan, folder: RunFolder, description: dict[str, Any], store: RunStore | None
) -> Published:
    config = plan.config
    live = LiveProgress(plan, Spending(config))
    progress.current().spends(lambda: spent_line(spending))
    batches = folder.batches if config.batch else None
    card = card_facts(folder, description, folder.root)
    ahead_of = Ahead(folder, [recipe.slug for recipe in plan.recipes], card)
    async with live.on_show(), ahead_of.working() as ahead:
        async with workbench(config, paid_before(folder), batches) as bench, cache_watch(config) as caches:
            spending = Spending(config, bench.meter.usage)
            with observed(config.observe, bench):
                async with workers(folder, config, bench, work_shard, store) as work:
                    site = Site(folder, description["shard_sizes"], bench, ahead)
                    results = await make_recipes(live, site, work)
        await ahead.done()
        description |= {"prefix_cache": cache_uses(caches)}
        if config.review:
            description |= await _reviewed(plan, folder, results, description)
        return publish(plan, folder, Made(results, spending, ahead), description)


async def run_rounds(config: RunConfig, out: str | None, below: bool = False) -> Published:
    """One round after the other, each a run in a folder of its own; the last one's result. Raises as `run`."""
    root = rounds_root(config, out, below)
    configs = round_configs(config, root)
    for one in configs:
        resolve(one)  # a mistake in a later round is said before the first one is paid
    for one in configs:
        progress.current().note(f"round {one.round} of {configs[-1].round}")
        published = await run(one, str(round_folder(root, one.round)))
    return published


def rounds_root(config: RunConfig, out: str | None, below: bool = False) -> Path:
    """The folder of all rounds; without `out` it is named by all that the config says of what is made."""
    if out and not below:
        return Path(out)
    said = config.model_dump(mode="json", include={"seed", "models", "recipes", "rounds", "rehearsal"})
    return Path(out or "runs") / f"{config.name}-{fingerprint(said)}"


async def _push(config: RunConfig, folder: RunFolder) -> None:
    """Put the dataset where the config wants it. Where that fails the run is complete; a rerun pushes again."""
    if config.exports.push is not None:
        progress.current().note(pushed_line(await push_dataset(str(folder.dataset), config.exports.push)))


async def _reviewed(
    plan: RunPlan, folder: RunFolder, results: Sequence[RecipeResult], description: dict[str, Any]
) -> dict[str, Any]:
    """Wait for a person. What was said stands in run.json, also where it was no."""
    slugs = [recipe.slug for recipe in plan.recipes]
    try:
        note = await reviewed(folder, dict(zip(slugs, (len(result.selection.kept) for result in results), strict=True)))
    except Rejected as rejection:
        folder.write_run(description | {"state": "rejected", "review": str(rejection)})
        raise
    return {"review": f"approved{': ' + note if note else ''}"}


async def prepare(config: RunConfig, out: Path | None) -> tuple[RunConfig, Path]:
    """Refuse in a second what `run` would refuse after the engine has started. Raises UserError or ConfigError.

    Gives the config with the names of its models, and the run folder. Of several rounds the first one is tried.
    """
    if config.rounds:
        root = rounds_root(config, str(out) if out else None)
        configs = round_configs(config, root)
        for one in configs:
            resolve(one)
        await prepare(configs[0], round_folder(root, 0))
        return config, root
    plan = resolve(config)
    require_inputs(plan, RunFolder(out or Path()))
    if config.review:
        require_reviewer()
    if out is not None:
        require_writable(out)
    config = await resolve_models(config)
    plan = resolve(config)
    inputs = plan.inputs()
    folder = RunFolder(out or default_out(config, inputs))
    with locked(folder):
        require_same_run(folder, inputs)
        await preflight(plan, folder)
    return config, folder.root


def default_out(config: RunConfig, inputs: dict[str, Any], parent: Path = Path("runs")) -> Path:
    """Where a run goes without `--out`: named by what it is, so that a rerun finds it."""
    return parent / f"{config.name}-{fingerprint(inputs)}"


def shard_sizes(plan: RunPlan, earlier: dict[str, Any] | None) -> dict[str, int]:
    """Seeds per shard of each recipe; a resumed run keeps the sizes it began with."""
    if earlier is not None and "shard_sizes" in earlier:
        return dict(earlier["shard_sizes"])
    config = plan.config
    return {one.slug: shard_size(one.choice.target, config.shard_size) for one in plan.recipes}


def summary_line(published: Published) -> str:
    """How the run ended, in one line, for the state in the UI and the terminal."""
    tried = sum(count.entered for count in published.accounts if count.stage == "record")
    made = ", ".join(
        f"{name}: {count:,} accepted (ended by {_end(published.ended[name])})"
        for name, count in published.accepted.items()
    )
    met = sorted({why for why in published.ended.values() if why.startswith("budget")})
    budget = f"{', '.join(met)} met" if met else "budget not met"
    return f"{published.total:,} accepted of {tried:,}, {budget}; {made}"


def _end(why: str) -> str:
    return {"corpus": "the end of its corpus", "seeds": "its number of seeds", "target": "its target"}.get(why, why)


def make(config: RunConfig, out: str | None) -> Published:
    """Run the flow from a program or the command line. KeyboardInterrupt cancels it; what is finished stays."""
    with prefect_api():
        try:
            result = asyncio.run(make_dataset(config, out))
        except CancelledRun as error:  # the reviewer said no
            raise UserError(str(error)) from error
    assert isinstance(result, Published)
    return result
