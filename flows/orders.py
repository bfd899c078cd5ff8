"""What a flow tells the worker processes of its cluster: the shard to work, and, while they work, when to stop.

A cluster cannot stop a task that runs, and its workers may outlive the flow. So the flow writes a small file, the
*beat*, every few seconds; a worker that reads in it that its shard is not needed, or that another start has taken the
run over, or sees no new beat for a minute, drops its work. Its replies stay in the journal.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

from flows.make_shard import ShardJob
from records.tables import write_text
from served_model.types import Usage

T = TypeVar("T")

BEAT_S = 2.0
"""Seconds between two beats: a budget that is met in one process stops the others within twice that."""

LOST_S = 60.0
"""Seconds without a new beat after which the flow counts as gone; a shared disk or a store may stall for some."""


@dataclass(frozen=True)
class Order:
    """One shard for a worker: the names, and what it cannot know by itself."""

    job: ShardJob
    slug: str
    start: str  # of the run that gives the order
    paid: Mapping[str, Usage]  # by all processes of the run, as far as known when the order was given


class Recalled(Exception):
    """The shard is no longer wanted from this worker. Nobody waits for it."""


@dataclass(frozen=True)
class Beat:
    """What the flow says now."""

    start: str
    count: int
    halted: str = ""  # the limit that is met
    recalled: frozenset[str] = frozenset()  # shards, as `slug-number`

    def to_json(self) -> str:
        """For the file."""
        return json.dumps(
            {"start": self.start, "count": self.count, "halted": self.halted, "recalled": sorted(self.recalled)}
        )

    @classmethod
    def read(cls, path: Path) -> Beat | None:
        """None where there is none, or only a part of one: the next look will tell."""
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            return cls(data["start"], data["count"], data["halted"], frozenset(data["recalled"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None


def beat_file(root: Path) -> Path:
    """Where it lies in a run folder."""
    return root / ".beat.json"


def shard_name(slug: str, shard: int) -> str:
    """How a beat names a shard."""
    return f"{slug}-{shard:05d}"


@dataclass
class Heart:
    """The flow's side: writes the beats of one start of a run."""

    root: Path
    halted: Callable[[], str]
    start: str = field(default_factory=lambda: uuid4().hex)
    recalled: set[str] = field(default_factory=set)
    count: int = 0

    async def beat(self) -> None:
        """Write one, in a thread: the disk may be a slow one."""
        self.count += 1
        beat = Beat(self.start, self.count, self.halted(), frozenset(self.recalled))
        await asyncio.to_thread(write_text, beat_file(self.root), beat.to_json())

    @asynccontextmanager
    async def beating(self) -> AsyncIterator[None]:
        """Beat while inside. At the end every shard that is still in work is recalled."""
        await self.beat()
        ticking = asyncio.create_task(self._tick())
        try:
            yield
        finally:
            ticking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await ticking
            beat_file(self.root).unlink(missing_ok=True)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(BEAT_S)
            await self.beat()


@dataclass
class Pulse:
    """A worker's side: what the beats say of one order. `halt` is told of a limit that was met elsewhere."""

    order: Order
    halt: Callable[[str], None]
    lost_s: float = LOST_S
    look_s: float = BEAT_S / 2

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
            beat = await asyncio.to_thread(Beat.read, beat_file(self.order.job.out))
            if beat is not None and beat.start != self.order.start:
                return f"{name}: another start has taken the run over"
            if beat is not None and beat.count != last:
                last, seen = beat.count, clock()
                if beat.halted:
                    self.halt(beat.halted)
                if name in beat.recalled:
                    return f"{name}: not needed"
            if clock() - seen > self.lost_s:
                return f"{name}: no sign of the flow for {self.lost_s:.0f} s"
            await asyncio.sleep(self.look_s)
