"""A journal whose lines are safe in a store before their replies are used, so that any machine can go on with it.

The journal of a shard is a file where it is worked; the store holds the same lines as *segments*, numbered objects of
the lines that came within a moment. A segment is put only where none of its number is. So the numbers fence writers
off from each other: who takes a shard over puts the next number, and the writer before, whose next put fails, stops.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path
from uuid import uuid4

import orjson

from records.store import Store, StoreError
from records.tables import atomic_file
from served_model.journal import JournalError, whole_lines

GATHER_S = 0.2
"""Seconds in which replies gather for one segment: short beside a reply's own time, and at most five puts a second."""


class JournalTaken(JournalError):
    """Another worker has taken the shard over."""


class SegmentLog:
    """The journal of one shard in the store, with this process as its writer. Belongs to one event loop."""

    def __init__(self, store: Store, journal: Path) -> None:
        self._store = store
        self._journal = journal
        self._writer = uuid4().hex
        self._next = 0
        self._sent = 0  # bytes of the file whose lines the store holds
        self._waiting: list[asyncio.Future[None]] = []
        self._flushing: asyncio.Task[None] | None = None
        self._error: JournalError | None = None

    @classmethod
    def open(cls, store: Store, journal: Path) -> SegmentLog:
        """Bring file and store to the same lines, and fence off an earlier writer. `store` is that of the shard.

        Before the journal itself is opened. Raises JournalError.
        """
        log = cls(store, journal)
        try:
            while not log._take_over():
                pass  # another writer has just put a segment: read it, too
        except StoreError as error:
            raise JournalError(str(error)) from error
        except OSError as error:
            raise JournalError(f"cannot write the journal {journal}: {error.strerror}") from error
        return log

    async def durable(self) -> None:
        """Return when all lines that the file holds now are in the store. Raises JournalError."""
        if self._error is not None:
            raise self._error
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        if self._flushing is None or self._flushing.done():
            self._flushing = asyncio.create_task(self._flush())
        await waiter

    async def _flush(self) -> None:
        while self._waiting and self._error is None:
            await asyncio.sleep(GATHER_S)
            waiting, self._waiting = self._waiting, []
            try:
                await asyncio.to_thread(self._put_news)
            except JournalError as error:
                self._error = error
                waiting += self._waiting
            for waiter in waiting:
                if not waiter.done():
                    _settle(waiter, self._error)

    def _put_news(self) -> None:
        try:
            with self._journal.open("rb") as file:
                file.seek(self._sent)
                news = file.read()
            if news and not self._store.put_new(_name(self._next), self._header() + news):
                raise JournalTaken(f"{self._store.url}: another worker has taken this shard over")
        except StoreError as error:
            raise JournalError(str(error)) from error
        except OSError as error:
            raise JournalError(f"cannot read the journal {self._journal}: {error.strerror}") from error
        self._next += bool(news)
        self._sent += len(news)

    def _take_over(self) -> bool:
        """Put what only the file holds as the next segment, which may be an empty one; whether it was the next."""
        names = self._store.names("")
        stored = _lines(self._store.get_all(names))
        local = dict.fromkeys(whole_lines(self._journal)) if self._journal.exists() else {}
        news = [line for line in local if line not in stored]
        number = int(names[-1]) + 1 if names else 0
        if not self._store.put_new(_name(number), self._header() + b"".join(news)):
            return False
        size = self._journal.stat().st_size if self._journal.exists() else 0
        if len(news) + len(stored) != len(local) or size != sum(map(len, local)):  # or it has a torn or doubled line
            with atomic_file(self._journal) as partial:
                partial.write_bytes(b"".join([*stored, *news]))
        self._next = number + 1
        self._sent = self._journal.stat().st_size if self._journal.exists() else 0
        return True

    def _header(self) -> bytes:
        return orjson.dumps({"writer": self._writer}) + b"\n"


def fetch_journal(store: Store, journal: Path) -> None:
    """Write the lines that the store holds of a shard's journal to a file that is not there. Raises StoreError."""
    lines = _lines(store.get_all(store.names("")))
    if lines:
        with atomic_file(journal) as partial:
            partial.write_bytes(b"".join(lines))


def _lines(segments: Iterable[bytes]) -> dict[bytes, None]:
    """Journal lines of the segments, each once, in order; a header is none, and a torn line is left out."""
    return {line: None for segment in segments for line in whole_lines(segment)}


def _name(number: int) -> str:
    return f"{number:08d}"


def _settle(waiter: asyncio.Future[None], error: JournalError | None) -> None:
    if error is None:
        waiter.set_result(None)
    else:
        waiter.set_exception(error)
