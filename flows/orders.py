"""What a flow tells the worker processes of its cluster: the shard to work, and, while they work, when to stop.

A cluster cannot stop a task that runs, and its workers may outlive the flow. So the flow writes a small file, the
*beat*, every few seconds; a worker that reads in it that its shard is not needed, or that another start has taken the
run over, or sees no new beat for a minute, drops its work. Its replies stay in the journal.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar
from uuid import uuid4

from flows import progress
from flows.errors import UserError
from flows.make_shard import ShardJob
from records.store import Store, StoreError
from records.tables import write_text
from served_model.meter import Cost, Meter
from served_model.types import Usage

T = TypeVar("T")

BEAT_S = 1.0
"""Seconds between two beats: a budget that is met is overdrawn by what all workers spend in about three of them."""

NAME = "beat.json"

LOST_S = 60.0
"""Seconds without a new beat after which the flow counts as gone; a shared disk or a store may stall for some."""


@dataclass(frozen=True)
class Order:
    """One shard for a worker: the names, and what it cannot know by itself."""

    job: ShardJob
    slug: str
    run: str  # its name in the store
    start: str  # of the run that gives the order
    paid: Mapping[str, Usage]  # by all processes of the run, as far as known when the order was given


class Recalled(UserError):
    """The shard is no longer wanted from this worker. Nobody waits for it."""


@dataclass(frozen=True)
class Beat:
    """What the flow says now."""

    start: str  # "" where nobody is at work any more
    count: int
    halted: str = ""  # the limit that is met
    recalled: frozenset[str] = frozenset()  # shards, as `slug-number`
    spent: Cost = field(default_factory=Cost)  # by the whole run, as last known

    def to_json(self) -> str:
        """For the file."""
        return json.dumps(asdict(self) | {"recalled": sorted(self.recalled)})

    @classmethod
    def of(cls, text: str | None) -> Beat | None:
        """None where there is none, or only a part of one: the next look will tell."""
        try:
            data = json.loads(text or "")
            recalled, spent = frozenset(data["recalled"]), Cost(**data["spent"])
            return cls(data["start"], data["count"], data["halted"], recalled, spent)
        except (ValueError, KeyError, TypeError):
            return None


NOBODY = Beat("", 0)


class Board(Protocol):
    """Where a run's beat is written, and read by its workers. Its methods block."""

    def read(self) -> Beat | None:
        """The beat that is there."""
        ...

    def write(self, beat: Beat) -> None:
        """In place of the one before. Raises Taken where another start of the run has written one."""
        ...

    def report(self, start: str, worker: str, spent: Cost) -> None:
        """What a worker has spent since it began, in place of what it said before."""
        ...

    def reports(self, start: str) -> Cost:
        """Of all workers of that start, dead ones too."""
        ...

    def leave(self) -> None:
        """Say that nobody works any more: workers stop, and the next start need not wait."""
        ...


class Taken(UserError):
    """Another start of the run is at work, on this machine or another one."""


@dataclass(frozen=True)
class FolderBoard:
    """In the run folder; its lock keeps other starts away."""

    root: Path

    @property
    def path(self) -> Path:
        """The file."""
        return self.root / ".beat.json"

    def read(self) -> Beat | None:
        """None also where it cannot be read now."""
        with contextlib.suppress(OSError, UnicodeDecodeError):
            return Beat.of(self.path.read_text(encoding="utf-8"))
        return None

    def write(self, beat: Beat) -> None:
        """Atomically."""
        write_text(self.path, beat.to_json())

    def report(self, start: str, worker: str, spent: Cost) -> None:
        """A small file for each worker."""
        write_text(self.root / ".spent" / start / worker, json.dumps(asdict(spent)))

    def reports(self, start: str) -> Cost:
        """A file is whole or absent."""
        files = sorted((self.root / ".spent" / start).glob("[!.]*"))
        return sum((Cost(**json.loads(file.read_text(encoding="utf-8"))) for file in files), Cost())

    def leave(self) -> None:
        """For workers that are still at it."""
        write_text(self.path, NOBODY.to_json())
        shutil.rmtree(self.root / ".spent", ignore_errors=True)


@dataclass(frozen=True)
class StoreBoard:
    """In the run's store; the beat itself is the lock there."""

    store: Store
    lost_s: float = 8 * BEAT_S  # without a new beat, before a start takes over from one that is gone

    def read(self) -> Beat | None:
        """None also where the store does not answer now."""
        with contextlib.suppress(StoreError):
            return Beat.of((self.store.get(NAME) or b"").decode(errors="replace"))
        return None

    def write(self, beat: Beat) -> None:
        """The first one only where no other start is alive. Raises Taken, StoreError."""
        if beat.count == 1:
            self._take()
            if not self.store.put_new(NAME, beat.to_json().encode()):
                raise self._taken()
            return
        there = self.read()
        if there is not None and there.start != beat.start:
            raise self._taken()
        self.store.put(NAME, beat.to_json().encode())

    def report(self, start: str, worker: str, spent: Cost) -> None:
        """A small object for each worker."""
        self.store.put(f"spent/{start}/{worker}", json.dumps(asdict(spent)).encode())

    def reports(self, start: str) -> Cost:
        """An object is whole or absent."""
        texts = self.store.get_all(self.store.names(f"spent/{start}"))
        return sum((Cost(**json.loads(text)) for text in texts), Cost())

    def leave(self) -> None:
        """For workers that are still at it, and for the next start."""
        with contextlib.suppress(StoreError):  # then they wait
            self.store.put(NAME, NOBODY.to_json().encode())

    def _take(self) -> None:
        """Watch an old beat. One that is followed by another has somebody alive behind it."""
        before = self.read()
        if before is None:
            return
        if before.start:
            time.sleep(self.lost_s)
            if self.read() not in (before, None):
                raise self._taken()
        self.store.remove(NAME)

    def _taken(self) -> Taken:
        return Taken(f"{self.store.url}: another start of this run is at work; wait for it or stop it")


def shard_name(slug: str, shard: int) -> str:
    """How a beat names a shard."""
    return f"{slug}-{shard:05d}"


def limited(meter: Meter) -> bool:
    """Whether it matters what others spend."""
    return min(meter.limits.tokens, meter.limits.money) < float("inf")


@dataclass
class Heart:
    """The flow's side: writes the beats of one start of a run."""

    board: Board
    meter: Meter
    start: str = field(default_factory=lambda: uuid4().hex)
    recalled: set[str] = field(default_factory=set)
    count: int = 0

    def __post_init__(self) -> None:
        self._before = self.meter.spent

    async def beat(self) -> None:
        """Write one, in a thread: the disk may be a slow one. Raises Taken, StoreError, OSError.

        Workers say what they have spent; of that the meter knows what their finished shards have cost.
        """
        if limited(self.meter):
            reported = await asyncio.to_thread(self.board.reports, self.start)
            self.meter.told(reported - (self.meter.spent - self._before))
        self.count += 1
        spent = self.meter.spent + self.meter.elsewhere
        beat = Beat(self.start, self.count, self.meter.halted, frozenset(self.recalled), spent)
        await asyncio.to_thread(self.board.write, beat)

    @asynccontextmanager
    async def beating(self) -> AsyncIterator[None]:
        """Beat while inside. At the end every shard that is still in work is recalled. Raises Taken at the start."""
        await self.beat()
        ticking = asyncio.create_task(self._tick())
        try:
            yield
        finally:
            ticking.cancel()
            taken = (await asyncio.gather(ticking, return_exceptions=True))[0]
            if not isinstance(taken, Taken):
                await asyncio.to_thread(self.board.leave)

    async def _tick(self) -> None:
        """Until another start has taken over: then its beats stop our workers, and the segments' numbers stop us."""
        while True:
            await asyncio.sleep(BEAT_S)
            try:
                await self.beat()
            except (StoreError, OSError) as error:  # workers bear a minute of this
                progress.current().note(f"no beat was written, the next may be: {error}")


@dataclass
class Pulse:
    """A worker's side: what the beats say of one order. `hear` is told each of them."""

    order: Order
    board: Board
    hear: Callable[[Beat], None]
    lost_s: float = LOST_S
    look_s: float = BEAT_S

    async def while_wanted(self, work: Awaitable[T]) -> T:
        """The work's result. Raises Recalled, once the work has stopped, where it is not wanted any more."""
        working = asyncio.ensure_future(work)
        watching = asyncio.create_task(self._until_unwanted())
        try:
            await asyncio.wait([working, watching], return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                raise Recalled(watching.result())
            return working.result()
        finally:
            working.cancel()
            watching.cancel()
            await asyncio.gather(working, watching, return_exceptions=True)

    async def _until_unwanted(self) -> str:
        name = shard_name(self.order.slug, self.order.job.shard)
        clock = asyncio.get_running_loop().time
        last, seen = -1, clock()
        while True:
            beat = await asyncio.to_thread(self.board.read)
            if beat is not None and beat.start != self.order.start:
                return f"{name}: " + ("another start has taken the run over" if beat.start else "the flow has ended")
            if beat is not None and beat.count != last:
                last, seen = beat.count, clock()
                self.hear(beat)
                if name in beat.recalled:
                    return f"{name}: not needed"
            if clock() - seen > self.lost_s:
                return f"{name}: no sign of the flow for {self.lost_s:.0f} s"
            await asyncio.sleep(self.look_s)
