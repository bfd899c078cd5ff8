"""Schedules the shards of one recipe until its target, its seeds or the budget end; timing changes nothing."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field

from curation.selection import Selection
from flows.judging import JudgeWatch
from flows.make_shard import ShardJob, ShardSummary
from flows.plan import RecipePlan
from flows.run_folder import RunFolder
from records.accounts import Accounts
from records.tables import read_extra, read_rows

PUT_OFF = "batch:"

WorkShard = Callable[[ShardJob], Awaitable[ShardSummary]]
Room = Callable[[], Awaitable[None]]
Taken = Callable[[int, Selection], None]
"""Told each shard, in order, once the selection has taken it in."""


@dataclass
class RecipeResult:
    """How far one recipe came, and why it ended."""

    selection: Selection  # what is kept for the dataset
    accounts: Accounts = field(default_factory=Accounts)
    shards: int = 0  # up to the one that met the target; all of them where none did
    ended: str = "corpus"  # target, seeds, corpus, upstream, or the budget that was spent

    @property
    def whole(self) -> bool:
        """It came to the end that its data has, not to that of a budget: the attempts are the same in every run."""
        return self.ended in ("target", "seeds", "corpus")


@dataclass
class RecipeScheduler:
    """Works shards side by side, at most `lookahead` of them, and takes them into account in their order.

    The recipe's result is its first shards up to the one that meets the target: a rule over data, so every run of the
    same fingerprint has the same result. Shards beyond are started only as far as the yield so far says that they will
    be needed; what is begun and not needed in the end is stopped, and its replies stay in its journal.
    """

    plan: RecipePlan
    folder: RunFolder
    lookahead: int
    size: int  # seeds per shard
    halted: Callable[[], str]  # the limit that is met, "" while there is none
    work: WorkShard
    job: Callable[[int], ShardJob]
    room: Room  # returns when a further shard would find places soon
    judges: JudgeWatch = field(default_factory=lambda: JudgeWatch(0))
    taken: Taken = lambda shard, selection: None

    def __post_init__(self) -> None:
        self.result = RecipeResult(self.plan.selection())
        self._window: deque[asyncio.Task[ShardSummary]] = deque()
        self._put_off = 0  # shards that wait for the results of a batch, as good as in work

    async def run(self, shards: Iterator[int]) -> RecipeResult:
        """Work the shards that `shards` names, one after another, until something ends the recipe."""
        self.result.ended = "corpus" if self.plan.choice.seeds is None else "seeds"
        more = True
        try:
            while not self.result.selection.full:
                more = more and await self._start(shards)
                if not self._window:
                    break
                await self._finish()
        finally:
            await _cancel(self._window)
        if self.result.selection.full:
            self.result.ended = "target"
        elif more:
            self.result.ended = self.halted() or self.result.ended
        return self.result

    async def _start(self, shards: Iterator[int]) -> bool:
        """Start what may be started until the oldest shard is done; whether there may be seeds left."""
        while (
            not self.halted()
            and not self._oldest_is_done()
            and len(self._window) < self.lookahead
            and self._is_wanted()
        ):
            if self._window:
                await self._room_or_oldest()
                if self._oldest_is_done():
                    break
            shard = await _next(shards)
            if shard is None:
                return False
            self._window.append(asyncio.create_task(self._work(shard)))
            await asyncio.sleep(0)
        return True

    def _oldest_is_done(self) -> bool:
        return bool(self._window) and self._window[0].done()

    async def _room_or_oldest(self) -> None:
        room = asyncio.ensure_future(self.room())
        try:
            await asyncio.wait([room, self._window[0]], return_when=asyncio.FIRST_COMPLETED)
        finally:
            room.cancel()

    def _is_wanted(self) -> bool:
        """Whether the yield so far says that the next shard will be needed.

        The yield is taken as that of the finished shards and of one more in which every seed gives a record: a poor
        start alone does not send out many shards.
        """
        target = self.plan.choice.target
        if target is None:
            return True
        kept = len(self.result.selection.kept)
        in_work = (len(self._window) + self._put_off) * self.size
        rate = (kept + self.size) / ((self.result.shards - self._put_off) * self.size + self.size)
        return kept + in_work * rate < target

    async def _work(self, shard: int) -> ShardSummary:
        return await self.work(self.job(shard))

    async def _finish(self) -> None:
        """Wait for the oldest shard and take it into account. Raises UserError for a judge that is not good enough."""
        summary = await self._window[0]
        self._window.popleft()
        self.result.shards += 1
        seeds = self.folder.seeds(self.plan.slug, summary.shard)
        self.result.accounts.add(Accounts.from_json(read_extra(seeds, "provender.accounts")))
        self.result.accounts.add(summary.accounts)
        selection = self.result.selection
        rows = read_rows([self.folder.shard(self.plan.slug, summary.shard)], selection.columns)
        await asyncio.to_thread(selection.add, rows)  # requests under way do not wait for it
        if summary.cut:
            self.result.ended = summary.cut
            self._put_off += summary.cut.startswith(PUT_OFF)
        self.taken(summary.shard, self.result.selection)
        self.judges.add(summary.judges)


async def _next(shards: Iterator[int]) -> int | None:
    """The next shard. In a thread: reading a corpus may take long, and requests under way must not wait for it."""
    reading = asyncio.ensure_future(asyncio.to_thread(next, shards, None))
    try:
        return await asyncio.shield(reading)
    finally:  # a thread cannot be stopped, and it writes to the run's folder
        await asyncio.wait([reading])


async def _cancel(tasks: deque[asyncio.Task[ShardSummary]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
