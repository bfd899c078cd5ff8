"""Live progress: bars on a terminal, one plain line per shard elsewhere, nothing when quiet."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from records.types import Outcome


class Reporter(Protocol):
    """What a run tells of itself while it works."""

    def recipe(self, name: str, total: int | None) -> None:
        """A recipe begins; `total` is the number of seeds or records it is bound to make, where known."""
        ...

    def event(self, name: str, kind: str, outcome: Outcome | None) -> None:
        """A seed or a record of recipe `name` is finished."""
        ...

    def shard(self, name: str, number: int, accepted: int, chains: int) -> None:
        """A shard is committed."""
        ...

    def note(self, text: str) -> None:
        """Something a person should read, one line."""
        ...


class Silent:
    """Reports nothing: `--quiet`, and workers far from a terminal."""

    def recipe(self, name: str, total: int | None) -> None:
        """Nothing."""

    def event(self, name: str, kind: str, outcome: Outcome | None) -> None:
        """Nothing."""

    def shard(self, name: str, number: int, accepted: int, chains: int) -> None:
        """Nothing."""

    def note(self, text: str) -> None:
        """Nothing."""


@dataclass
class PlainLines:
    """One line per shard on standard error: for logs and pipes."""

    def recipe(self, name: str, total: int | None) -> None:
        """Nothing: the first shard's line says it."""

    def event(self, name: str, kind: str, outcome: Outcome | None) -> None:
        """Nothing: a line per record would drown a log."""

    def shard(self, name: str, number: int, accepted: int, chains: int) -> None:
        """The shard's line."""
        self.note(f"{name}: shard {number} done, {accepted} of {chains} records accepted")

    def note(self, text: str) -> None:
        """The line itself."""
        sys.stderr.write(text + "\n")
        sys.stderr.flush()


@dataclass
class Bars:
    """One bar per recipe, with the counts of the three outcomes."""

    progress: Progress
    bars: dict[str, TaskID] = field(default_factory=dict)
    counts: dict[str, Counter[str]] = field(default_factory=dict)

    def recipe(self, name: str, total: int | None) -> None:
        """Add the recipe's bar."""
        self.counts[name] = Counter()
        self.bars[name] = self.progress.add_task(name, total=total, counts="")

    def event(self, name: str, kind: str, outcome: Outcome | None) -> None:
        """Move the bar on by a seed, or count a record."""
        if outcome is None:
            self.progress.advance(self.bars[name])
            return
        self.counts[name][str(outcome)] += 1
        count = self.counts[name]
        text = f"{count['pass']} accepted, {count['fail']} rejected, {count['unjudged']} unjudged"
        self.progress.update(self.bars[name], counts=text)

    def shard(self, name: str, number: int, accepted: int, chains: int) -> None:
        """Nothing: the bar shows it."""

    def note(self, text: str) -> None:
        """A line above the bars."""
        self.progress.console.print(text, markup=False, highlight=False)


_REPORTER: ContextVar[Reporter] = ContextVar("provender_reporter")


def current() -> Reporter:
    """The reporter of this run; in a worker process that has none, a silent one."""
    return _REPORTER.get(Silent())


@contextmanager
def reporting(quiet: bool) -> Iterator[Reporter]:
    """Choose bars, plain lines or silence, and make it the current reporter."""
    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        with _set(Silent() if quiet else PlainLines()) as reporter:
            yield reporter
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(20),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[counts]}"),
    )
    with Progress(*columns, console=console) as progress, _set(Bars(progress)) as reporter:
        yield reporter


@contextmanager
def _set(reporter: Reporter) -> Iterator[Reporter]:
    token = _REPORTER.set(reporter)
    try:
        yield reporter
    finally:
        _REPORTER.reset(token)
