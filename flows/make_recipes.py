"""Works all recipes of a run side by side."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from curation.selection import Selection
from flows import progress
from flows.ahead import Ahead
from flows.artifacts import LiveProgress
from flows.cluster import WorkShard
from flows.judging import JudgeWatch
from flows.loop import gather_or_cancel
from flows.make_recipe import RecipeResult, RecipeScheduler
from flows.make_shard import ShardJob
from flows.plan import RecipePlan
from flows.run_folder import RunFolder
from flows.workbench import Workbench


@dataclass(frozen=True)
class Site:
    """Where the recipes of a run are worked."""

    folder: RunFolder
    sizes: Mapping[str, int]  # seeds per shard
    bench: Workbench
    ahead: Ahead


async def make_recipes(live: LiveProgress, site: Site, work: WorkShard) -> Sequence[RecipeResult]:
    """All recipes side by side, so that the server is kept full while one of them waits for its verdicts.

    A recipe whose corpus is what another one makes starts when that one has ended.
    """
    plan, folder, bench = live.plan, site.folder, site.bench
    ends: list[asyncio.Future[RecipeResult]] = [asyncio.get_running_loop().create_future() for _ in plan.recipes]

    async def make(index: int, recipe: RecipePlan) -> RecipeResult:
        upstream = None
        if recipe.upstream is not None:
            made = await ends[recipe.upstream]
            if not made.whole:  # its attempts would be others when the run goes on, and so would be these seeds
                site.ahead.end(recipe.slug)
                ends[index].set_result(RecipeResult(Selection(None), ended="upstream"))
                return ends[index].result()
            slug = plan.recipes[recipe.upstream].slug
            upstream = [folder.shard(slug, shard) for shard in range(made.shards)]
        ends[index].set_result(await schedule(index, recipe, upstream))
        site.ahead.end(recipe.slug)
        return ends[index].result()

    async def schedule(index: int, recipe: RecipePlan, upstream: list[Path] | None) -> RecipeResult:
        progress.current().recipe(recipe.slug, recipe.choice.seeds, recipe.choice.target)
        config, root, size = plan.config, folder.root, site.sizes[recipe.slug]
        scheduler = RecipeScheduler(
            plan=recipe,
            folder=folder,
            lookahead=config.lookahead,
            size=size,
            halted=lambda: bench.meter.halted or bench.tally(recipe.slug).stop.reason,
            work=lambda job: live.shown(recipe.slug, work(job, recipe.slug)),
            job=lambda shard: ShardJob(config, root, index, shard),
            room=bench.gate.room,
            judges=JudgeWatch(config.judging.min_accuracy),
            taken=lambda shard, selection: site.ahead.take(recipe.slug, shard, selection),
        )
        return await scheduler.run(recipe.seed_plan(config, folder, size, upstream).write_shards())

    return await gather_or_cancel([make(index, recipe) for index, recipe in enumerate(plan.recipes)])
