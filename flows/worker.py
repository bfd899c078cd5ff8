"""A worker process of a cluster: one event loop and one workbench for all the shards that it has in work.

A cluster's task is a function in a thread. Would each have its own loop, client and sandbox, then the end of every
shard would idle the served model; so the threads hand their shards to one loop, which lives as long as the process.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import tempfile
import threading
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

from prefect import task
from prefect.cache_policies import NO_CACHE

from flows.make_shard import ShardJob, ShardSummary, make_shard
from flows.orders import BEAT_S, Beat, Board, FolderBoard, Order, Pulse, StoreBoard, limited
from flows.run_folder import RunFolder
from flows.run_store import Manifest, RunStore, mirrored, run_store
from flows.workbench import Workbench, using, workbench
from records.store import StoreError
from records.types import Outcome
from served_model.journal import JournalBusy
from served_model.meter import Cost, Meter

LINGER_S = 5.0
"""Seconds that a workbench stays open without a shard: the next one is mostly on its way."""

BUSY_S = 1.0
"""Seconds between two tries to get a journal that another worker, which counts as lost, still holds."""


@dataclass(frozen=True)
class Worked:
    """What a worker gives back."""

    summary: ShardSummary
    files: Manifest = field(default_factory=dict)  # where the run has a store


@task(name="shard", task_run_name="{order.slug}-{order.job.shard:05d}", cache_policy=NO_CACHE, persist_result=False)
def work_order(order: Order) -> Worked:
    """Work one shard of a few hundred seeds in this process. One that is finished already costs nothing."""
    return _hands().work(order)


_STARTING = threading.Lock()


def _hands() -> Hands:
    """Of this process: tasks of a cluster share nothing but the process they run in."""
    with _STARTING:  # a cache alone would let two threads make two
        return _process_hands()


@cache
def _process_hands() -> Hands:
    return Hands()


@dataclass
class Account:
    """What this process has spent of a run's budget, told to the others, and what it hears of theirs."""

    meter: Meter
    board: Board
    start: str
    worker: str = field(default_factory=lambda: uuid4().hex)
    reported: Cost = field(default_factory=Cost)

    def __post_init__(self) -> None:
        self._before = self.meter.spent

    def hear(self, beat: Beat) -> None:
        """What the whole run has spent, less what the meter counts by itself, was spent elsewhere."""
        if beat.halted:
            self.meter.halt(beat.halted)
        self.meter.told(beat.spent - self._before - self.reported)

    async def report(self) -> None:
        """From time to time, until cancelled; where there is a budget that others might overdraw."""
        while limited(self.meter):
            spent = self.meter.spent - self._before
            if spent != self.reported:
                with contextlib.suppress(StoreError, OSError):  # the next one says it all
                    await asyncio.to_thread(self.board.report, self.start, self.worker, spent)
                    self.reported = spent
            await asyncio.sleep(BEAT_S / 2)


@dataclass
class _Open:
    bench: Workbench
    closing: asyncio.Event
    keeper: asyncio.Task[None]
    account: Account
    reporting: asyncio.Task[None]
    shards: int = 0


class Hands:
    """Works orders on an event loop in a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._open: dict[tuple[Path, str], _Open] = {}
        self._opening = asyncio.Lock()
        threading.Thread(target=self._loop.run_forever, name="shards", daemon=True).start()

    def work(self, order: Order) -> Worked:
        """Work one order; for any thread. Raises what stops the run, and Recalled."""
        return asyncio.run_coroutine_threadsafe(self._work(order), self._loop).result()

    async def _work(self, order: Order) -> Worked:
        place = order.job.out, order.start
        async with self._opening:
            opened = self._open.get(place) or await self._open_bench(order)
            self._open[place] = opened
            opened.shards += 1
        try:
            store, account = run_store(order.job.config, order.run), opened.account
            with using(opened.bench):
                work = _make(order.job) if store is None else _make_apart(order, store, opened.bench)
                return await Pulse(order, account.board, account.hear).while_wanted(work)
        finally:
            opened.shards -= 1
            if not opened.shards:
                self._loop.call_later(LINGER_S, self._close, place)

    async def _open_bench(self, order: Order) -> _Open:
        ready: asyncio.Future[Workbench] = self._loop.create_future()
        closing = asyncio.Event()

        async def keep() -> None:
            async with workbench(order.job.config, order.paid) as bench:
                ready.set_result(bench)
                await closing.wait()

        keeper = asyncio.create_task(keep())
        both: tuple[asyncio.Future[Any], asyncio.Future[Any]] = (ready, keeper)
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        if keeper.done():
            keeper.result()  # raises what kept it from opening
        store = run_store(order.job.config, order.run)
        board = FolderBoard(order.job.out) if store is None else StoreBoard(store.store)
        account = Account(ready.result().meter, board, order.start)
        return _Open(ready.result(), closing, keeper, account, asyncio.create_task(account.report()))

    def _close(self, place: tuple[Path, str]) -> None:
        opened = self._open.get(place)
        if opened is not None and not opened.shards:
            del self._open[place]
            opened.reporting.cancel()
            opened.closing.set()


async def _make(job: ShardJob) -> Worked:
    """In the run folder. Where a worker that counts as lost still holds the journal, it ends or is recalled first."""
    while True:
        with contextlib.suppress(JournalBusy):
            return Worked(await make_shard(job, _nobody))
        await asyncio.sleep(BUSY_S)


async def _make_apart(order: Order, store: RunStore, bench: Workbench) -> Worked:
    """In a folder of our own, whose end is in the store."""
    with tempfile.TemporaryDirectory(prefix="provender-shard-") as scratch:
        folder = RunFolder(Path(scratch) / order.run)
        shard = order.job.shard
        await asyncio.to_thread(store.fetch_seeds, folder, order.slug, shard)
        async with mirrored(store, bench, folder, (order.slug, shard)):
            summary = await make_shard(replace(order.job, out=folder.root), _nobody)
        return Worked(summary, await asyncio.to_thread(store.put_shard, folder, order.slug, shard))


def _nobody(kind: str, outcome: Outcome | None, reason: str) -> None:
    """Nobody listens to single records here: the summary tells their numbers."""


def dask_setup(worker: object) -> None:
    """Called in each process of the run's own Dask cluster: Ctrl-C is the flow's affair, which then ends its workers.

    A handler and not SIG_IGN, which programs in the sandbox would inherit.
    """
    signal.signal(signal.SIGINT, lambda *_: None)
