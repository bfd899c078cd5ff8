"""Schedules the shards of one recipe until its target, its seeds or the budget end; timing changes nothing."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field

from curation.selection import Selection
from flows.budget import Spending
from flows.make_shard import ShardJob, ShardSummary
from flows.plan import RecipePlan
from flows.run_folder import RunFolder
from records.accounts import Accounts
from records.tables import read_extra, read_rows

WorkShard = Callable[[ShardJob], Awaitable[ShardSummary]]


@dataclass
class RecipeResult:
    """How far one recipe came, and why it ended."""

    accounts: Accounts = field(default_factory=Accounts)
    shards: int = 0
    accepted: int = 0  # kept for the dataset: no duplicates, not beyond the target
    ended: str = "corpus"  # target, seeds, corpus, upstream, or the budget that was spent
    needed: int = 0  # shards up to the one that met the target; all of them where none did

    @property
    def whole(self) -> bool:
        """It came to the end that its data has, not to that of a budget: the attempts are the same in every run."""
        return self.ended in ("target", "seeds", "corpus")


@dataclass
class RecipeScheduler:
    """Keeps `lookahead` shards in work.

    Shard number i is started if and only if the shards up to i - lookahead have not met the target: a rule over
    data, not over arrival, so that every run of the same fingerprint makes the same shards.
    """

    plan: RecipePlan
    folder: RunFolder
    lookahead: int
    spending: Spending
    work: WorkShard
    job: Callable[[int], ShardJob]
    result: RecipeResult = field(default_factory=RecipeResult)

    async def run(self, shards: Iterator[int]) -> RecipeResult:
        """Work the shards that `shards` names, one after another, until something ends the recipe."""
        selection = Selection(self.plan.choice.target)
        window: deque[asyncio.Task[ShardSummary]] = deque()
        self.result.ended = "corpus" if self.plan.choice.seeds is None else "seeds"
        try:
            # The end is looked at before the next shard's seeds are cut, so that what is cut is worked.
            while len(window) < self.lookahead or not await self._finish(window, selection):
                shard = next(shards, None)
                if shard is None:
                    break
                window.append(asyncio.create_task(self._work(shard)))
                await asyncio.sleep(0)
            while window:
                await self._finish(window, selection)
        finally:
            await _cancel(window)
        self.result.accepted = len(selection.kept)
        if selection.full:
            self.result.ended = "target"
        return self.result

    async def _work(self, shard: int) -> ShardSummary:
        return await self.work(self.job(shard))

    async def _finish(self, window: deque[asyncio.Task[ShardSummary]], selection: Selection) -> bool:
        """Wait for the oldest shard and take it into account; whether the recipe is at its end."""
        summary = await window[0]
        window.popleft()
        self.result.shards += 1
        seeds = self.folder.seeds(self.plan.slug, summary.shard)
        self.result.accounts.add(Accounts.from_json(read_extra(seeds, "provender.accounts")))
        self.result.accounts.add(summary.accounts)
        if not selection.full:
            self.result.needed = self.result.shards
        selection.add(read_rows([self.folder.shard(self.plan.slug, summary.shard)]))
        self.spending.add(summary)
        return self._at_end(selection)

    def _at_end(self, selection: Selection) -> bool:
        if selection.full:
            return True
        limit = self.spending.limit_met(self.result.accounts, len(selection.kept))
        if limit is not None:
            self.result.ended = limit
            return True
        return False


async def _cancel(tasks: deque[asyncio.Task[ShardSummary]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
