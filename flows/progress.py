"""Live progress: a small table on a terminal, one plain line per shard elsewhere, nothing when quiet."""

from __future__ import annotations

import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from records.types import Outcome

WIDE, MEDIUM = 110, 72
"""Columns of a terminal for the whole table, and for the table without its bars."""
LAST_REASONS = 3
SETTLING_S = 2.0
"""Seconds before a rate means something."""
Clock = Callable[[], float]


class Reporter(Protocol):
    """What a run tells of itself while it works."""

    def recipe(self, name: str, seeds: int | None, target: int | None) -> None:
        """A recipe begins; the numbers of seeds to try and of records to accept, where it is bound to them."""
        ...

    def event(self, name: str, kind: str, outcome: Outcome | None, reason: str) -> None:
        """A seed or a record of recipe `name` is finished; a record that was not accepted has a reason."""
        ...

    def shard(self, name: str, number: int, accepted: int, chains: int) -> None:
        """A shard is committed."""
        ...

    def spends(self, line: Callable[[], str]) -> None:
        """From now on `line` says what is spent, and of what."""
        ...

    def note(self, text: str) -> None:
        """Something a person should read, one line."""
        ...


class Silent:
    """Reports nothing: `--quiet`, and workers far from a terminal."""

    def recipe(self, name: str, seeds: int | None, target: int | None) -> None:
        """Nothing."""

    def event(self, name: str, kind: str, outcome: Outcome | None, reason: str) -> None:
        """Nothing."""

    def shard(self, name: str, number: int, accepted: int, chains: int) -> None:
        """Nothing."""

    def spends(self, line: Callable[[], str]) -> None:
        """Nothing."""

    def note(self, text: str) -> None:
        """Nothing."""


@dataclass
class PlainLines(Silent):
    """One line per shard on standard error: for logs and pipes."""

    accepted: Counter[str] = field(default_factory=Counter)
    spent: Callable[[], str] | None = None

    def shard(self, name: str, number: int, accepted: int, chains: int) -> None:
        """The shard's line."""
        self.accepted[name] += accepted
        spent = f"; {self.spent()}" if self.spent else ""
        so_far = f"{self.accepted[name]:,} so far{spent}"
        self.note(f"{name}: shard {number} done, {accepted} of {chains} records accepted, {so_far}")

    def spends(self, line: Callable[[], str]) -> None:
        """Goes to the end of every line."""
        self.spent = line

    def note(self, text: str) -> None:
        """The line itself."""
        sys.stderr.write(text + "\n")
        sys.stderr.flush()


@dataclass
class Count:
    """One recipe's line of the table."""

    seeds: int | None
    target: int | None
    started: float
    tried: int = 0
    restored: int = 0  # accepted records of shards that an earlier start has finished
    outcomes: Counter[str] = field(default_factory=Counter)

    @property
    def done(self) -> int:
        """How far it is: accepted records where there is a target, else seeds."""
        return self.outcomes["pass"] + self.restored if self.target else self.tried

    @property
    def whole(self) -> int | None:
        """How far it is to go."""
        return self.target or self.seeds

    def rate(self, now: float) -> float | None:
        """Steps per second since the start; none while it says nothing."""
        worked = self.done - self.restored if self.target else self.done
        seconds = now - self.started
        return worked / seconds if worked and seconds >= SETTLING_S else None

    def remaining(self, now: float) -> str:
        """Time to go as `h:mm:ss`, "" where nothing can be said."""
        rate = self.rate(now)
        if rate is None or self.whole is None or self.done >= self.whole:
            return ""
        seconds = int((self.whole - self.done) / rate)
        return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d} left"


@dataclass
class LiveTable(Silent):
    """A line per recipe with progress, rate, time to go and the three outcomes; below it what is spent, and why not."""

    console: Console
    clock: Clock = time.monotonic
    counts: dict[str, Count] = field(default_factory=dict)
    reasons: deque[str] = field(default_factory=lambda: deque(maxlen=LAST_REASONS))
    spent: Callable[[], str] | None = None

    def recipe(self, name: str, seeds: int | None, target: int | None) -> None:
        """Add its line."""
        self.counts[name] = Count(seeds, target, self.clock())

    def event(self, name: str, kind: str, outcome: Outcome | None, reason: str) -> None:
        """Count it."""
        count = self.counts[name]
        if outcome is None:
            count.tried += 1
            return
        count.outcomes[str(outcome)] += 1
        if outcome is not Outcome.PASS:
            self.reasons.append(reason)

    def shard(self, name: str, number: int, accepted: int, chains: int) -> None:
        """A shard of which no event was heard was finished by an earlier start."""
        count = self.counts[name]
        if not count.tried:
            count.restored += accepted

    def spends(self, line: Callable[[], str]) -> None:
        """Asked for at each refresh."""
        self.spent = line

    def note(self, text: str) -> None:
        """A line above the table."""
        self.console.print(text, markup=False, highlight=False)

    def __rich__(self) -> RenderableType:
        """The table as it is now, fitted to the terminal."""
        width, now = self.console.width, self.clock()
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(no_wrap=True, overflow="ellipsis", max_width=max(12, width // 4))
        for _ in range(5 if width >= WIDE else 4 if width >= MEDIUM else 2):
            table.add_column(no_wrap=True)
        for name, count in self.counts.items():
            table.add_row(*_cells(name, count, now, width))
        below = [self.spent()] if self.spent else []
        below += [f"last: {'; '.join(dict.fromkeys(reversed(self.reasons)))}"] if self.reasons else []
        return Group(table, *(Text(line, no_wrap=True, overflow="ellipsis", style="dim") for line in below))


def _cells(name: str, count: Count, now: float, width: int) -> Iterator[RenderableType]:
    done = f"{count.done:,}/{count.whole:,}" if count.whole else f"{count.done:,}"
    outcomes = count.outcomes
    accepted, rejected, unjudged = outcomes["pass"] + count.restored, outcomes["fail"], outcomes["unjudged"]
    yield Text(name)
    if width < MEDIUM:
        yield Text(done)
        yield Text(f"{accepted:,} ok {rejected:,} no {unjudged:,} ?")
        return
    if width >= WIDE:
        yield ProgressBar(total=count.whole, completed=count.done, width=20, pulse=count.whole is None)
    yield Text(done, justify="right")
    rate = count.rate(now)
    yield Text(f"{60 * rate:,.0f}/min" if rate else "", justify="right")
    yield Text(count.remaining(now), justify="right")
    yield Text(f"{accepted:,} accepted, {rejected:,} rejected, {unjudged:,} unjudged")


_REPORTER: ContextVar[Reporter] = ContextVar("provender_reporter")


def current() -> Reporter:
    """The reporter of this run; in a worker process that has none, a silent one."""
    return _REPORTER.get(Silent())


@contextmanager
def reporting(quiet: bool) -> Iterator[Reporter]:
    """Choose the table, plain lines or silence, and make it the current reporter."""
    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        with _set(Silent() if quiet else PlainLines()) as reporter:
            yield reporter
        return
    table = LiveTable(console)
    with Live(table, console=console, refresh_per_second=4), _set(table) as reporter:
        yield reporter


@contextmanager
def _set(reporter: Reporter) -> Iterator[Reporter]:
    token = _REPORTER.set(reporter)
    try:
        yield reporter
    finally:
        _REPORTER.reset(token)
