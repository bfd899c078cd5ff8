"""Who works a run's shards: this process, or those of a cluster; on a folder, or by way of a store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from flows.cluster import Crew, WorkShard, running
from flows.config import RunConfig
from flows.make_shard import ShardJob, ShardSummary
from flows.orders import FolderBoard, Heart, StoreBoard
from flows.run_folder import RunFolder
from flows.run_store import RunStore, mirrored
from flows.workbench import Workbench


@asynccontextmanager
async def workers(
    folder: RunFolder, config: RunConfig, bench: Workbench, here: WorkShard, store: RunStore | None
) -> AsyncIterator[WorkShard]:
    """How shards are worked; `here` is how this process does it by itself. Raises UserError where it cannot be had."""
    threads = config.engine.runner == "threads"
    if threads and store is None:
        yield here
        return
    heart = Heart(FolderBoard(folder.root) if store is None else StoreBoard(store.store), bench.meter)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(heart.beating())
        work = here if threads else Crew(*stack.enter_context(running(config.engine)), heart, folder, bench, store).work
        yield work if store is None else Stored(store, folder, bench, work, threads).work


@dataclass
class Stored:
    """Works shards so that the store has, in the end, what the run folder has."""

    store: RunStore
    folder: RunFolder
    bench: Workbench
    inner: WorkShard
    threads: bool

    async def work(self, job: ShardJob, slug: str) -> ShardSummary:
        """One shard's summary. Its seeds are in the store before it is worked. Raises StoreError."""
        await asyncio.to_thread(self.store.put_seeds, self.folder, slug, job.shard)
        path = self.folder.shard(slug, job.shard)
        if not self.threads or (path.exists() and not ShardSummary.read(path).cut):
            summary = await self.inner(job, slug)
        else:
            async with mirrored(self.store, self.bench, self.folder, (slug, job.shard)):
                summary = await self.inner(job, slug)
        if not summary.cut:
            await asyncio.to_thread(self._say_done, slug, job.shard)
        return summary

    def _say_done(self, slug: str, shard: int) -> None:
        """Unless it was said when a worker's result was taken, or by an earlier start."""
        if not self.store.is_done(slug, shard):
            self.store.put_done(slug, shard, self.store.put_shard(self.folder, slug, shard))
