"""How many seeds are in work at a time, over all shards of a process: enough to keep the model full, and few more."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

TICK_S = 0.05
"""Seconds between two looks at the load; a tenth of the shortest reply that keeps a big server busy."""

MOST_PER_SLOT = 8
"""Seeds in work per slot of the model: those in verification hold none, so there may be more seeds than slots."""

LEAST = 16
"""Seeds that are always let in, whatever the limits say."""


@dataclass(frozen=True)
class Load:
    """What the models bear and what waits for them, over all models."""

    slots: int
    waiting: int


class SeedGate:
    """Lets seeds in, first come first served, while fewer are in work than the models have slots.

    Beyond that, while the line before the models is short: then seeds are busy elsewhere, mostly in verification. So
    verification runs beside generation, and neither makes the other wait. Belongs to one event loop.
    """

    def __init__(self, load: Callable[[], Load]) -> None:
        self._load = load
        self._line: deque[asyncio.Future[int]] = deque()
        self._roomers: list[asyncio.Future[None]] = []
        self._fresh = 0  # let in since the last tick: their requests are not in the line yet
        self.inside = 0
        self._let_in_ever = 0

    async def enter(self) -> int:
        """Wait for a place; gives the number of the seed in the order in which seeds are let in, from 1."""
        if not self._line and self._open(self._load()):
            return self._let_in()
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._line.append(future)
        try:
            return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():
                self.leave()
            raise

    def leave(self) -> None:
        """Give a place back."""
        self.inside -= 1
        self._admit()

    async def room(self) -> None:
        """Return when the line is short, so that a further shard would find places soon."""
        if self._has_room(self._load()):
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._roomers.append(future)
        await future

    async def run(self) -> None:
        """Look at the load from time to time, until cancelled."""
        while True:
            await asyncio.sleep(TICK_S)
            self._fresh = 0
            self._admit()

    def _admit(self) -> None:
        load = self._load()
        while self._line and (self._line[0].done() or self._open(load)):
            future = self._line.popleft()
            if not future.done():
                future.set_result(self._let_in())
        if self._roomers and self._has_room(load):
            for roomer in self._roomers:
                if not roomer.done():
                    roomer.set_result(None)
            self._roomers.clear()

    def _let_in(self) -> int:
        self.inside += 1
        self._fresh += 1
        self._let_in_ever += 1
        return self._let_in_ever

    def _open(self, load: Load) -> bool:
        if self.inside < max(LEAST, load.slots):
            return True
        short = load.waiting + self._fresh <= load.slots // 2
        return short and self.inside < MOST_PER_SLOT * load.slots

    def _has_room(self, load: Load) -> bool:
        return len(self._line) <= load.slots // 4
