"""Does beside the requests what would else follow the last of them: the dataset and the report's counts, by shard.

All of it goes by the order of the recipes and their shards, so that the result is that of one pass at the end. A shard
waits until those before it have come; and where what is kept may leave again, as with limits on kinds of records, until
its recipe has ended. What does not go that way is done at the end, from the shards (`publish.py`).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from audit.report import Counted
from curation.selection import Selection
from exports import DATASET
from exports.dataset_card import CardFacts
from exports.write import Exporting
from flows.report_counts import ReportCounts
from flows.run_folder import RunFolder
from records.tables import read_rows


@dataclass
class _Line:
    """The shards of one recipe that have come, each with the ids that were kept when it came."""

    shards: deque[tuple[Path, Sequence[str]]] = field(default_factory=deque)
    selection: Selection | None = None
    taken: int = 0  # of what is kept
    ended: bool = False

    @property
    def ready(self) -> bool:
        """Whether what is kept of the next shard is certain."""
        return bool(self.shards) and (self.ended or (self.selection is not None and self.selection.settled))


class Ahead:
    """The work of one run. Belongs to its event loop; the work itself is done in a thread, a shard at a time."""

    def __init__(self, folder: RunFolder, slugs: Sequence[str], card: CardFacts) -> None:
        self.exporting = Exporting(folder.dataset, DATASET, card)
        self.counted = Counted()
        self.counts = ReportCounts()
        self._folder = folder
        self._lines = {slug: _Line() for slug in sorted(slugs)}  # as `used_shards` has them
        self._news = asyncio.Event()
        self._worker: asyncio.Task[None] | None = None

    def take(self, slug: str, shard: int, selection: Selection) -> None:
        """A shard that `selection` has just taken in. Raises what an earlier one ended with."""
        if self._worker is not None and self._worker.done():
            self._worker.result()
        line = self._lines[slug]
        line.selection = selection
        line.shards.append((self._folder.shard(slug, shard), selection.kept[line.taken :]))
        line.taken = len(selection.kept)
        self._news.set()

    def end(self, slug: str) -> None:
        """No further shard comes from this recipe."""
        self._lines[slug].ended = True
        self._news.set()

    @asynccontextmanager
    async def working(self) -> AsyncIterator[Ahead]:
        """Work while inside; on any way out but by `done` the dataset stays as it was."""
        with self.exporting:
            self._worker = asyncio.create_task(self._work())
            try:
                yield self
            finally:
                self._worker.cancel()
                await asyncio.gather(self._worker, return_exceptions=True)

    async def done(self) -> None:
        """Return when all that came is done; every recipe must have ended. Raises what the work ended with."""
        assert self._worker is not None
        await self._worker

    async def _work(self) -> None:
        for line in self._lines.values():
            while line.shards or not line.ended:
                if not line.ready:
                    self._news.clear()
                    await self._news.wait()
                    continue
                file, kept = line.shards.popleft()
                certain = frozenset(kept if line.selection is None or line.selection.settled else line.selection.kept)
                job = asyncio.ensure_future(asyncio.to_thread(self._look_at, file, certain))
                try:
                    await asyncio.shield(job)
                finally:  # a thread cannot be stopped, and it writes to what is removed next
                    await asyncio.wait([job])

    def _look_at(self, file: Path, kept: frozenset[str]) -> None:
        rows: list[dict[str, Any]] = list(read_rows([file]))
        self.exporting.add(file, rows, kept)
        self.counts.add(rows)
        self.counted.add(file, rows)
