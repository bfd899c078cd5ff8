"""The journal of model replies: what was paid for once is never asked for again.

An append-only file of JSON lines. A reply's line holds key, model, prompt, text, finish_reason and usage ([prompt
tokens, completion tokens]); an event line says that a structured reply could not be read. Headers, credentials and
endpoints never enter it. Refusals (400 and the like) are not journaled: servers do not bill them, and asking again
is right after a change on the server.

What survives what: a line is one `write` before its reply is used, so killing the process loses nothing that was
used. Against power loss the file is synced every second while there is news, and by `sync()`, which a
shard calls before its own commit: a shard on disk implies its replies on disk. A tail that power loss tore is cut off
when the journal is opened, and those replies are asked for again.
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from records.tables import sync_file
from served_model.syncer import Syncer
from served_model.types import ModelUnavailable, Reply, Usage
from served_model.wire import Malformed, dump_json, load_json

LENGTH_BITS = 32  # of an index entry; the bits above hold the offset


class JournalError(ModelUnavailable):
    """The journal cannot be opened, read or written: the run must stop, or replies would be paid for and lost."""


class JournalBusy(JournalError):
    """Another run has the journal open."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """What opening a journal found broken: bytes cut off its end, and damaged lines before that, now skipped."""

    cut_bytes: int = 0
    damaged_lines: int = 0


class Journal:
    """One open journal file. Made by `open`; only one at a time for a file, in this process or any other.

    Its index holds about 200 bytes a reply; texts stay on disk. Threads may share it. The lock is an `flock`: a child
    that is forked (not spawned) while the journal is open shares it.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor
        self._index: dict[bytes, int] = {}
        self._unreadable: dict[str, str] = {}
        self._end = 0
        self._lock = threading.Lock()
        self.recovery = self._load()
        self._syncer = Syncer(descriptor)

    @classmethod
    def open(cls, path: Path) -> Journal:
        """Open or create a journal and take its lock. Raises JournalBusy, JournalError."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise JournalError(f"cannot open the journal {path}: {error.strerror}") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            journal = cls(path, descriptor)
            sync_file(path.parent)
        except BlockingIOError:
            os.close(descriptor)
            raise JournalBusy(f"the journal {path} is in use by another run; wait for it or stop it") from None
        except OSError as error:
            os.close(descriptor)
            raise JournalError(f"cannot read the journal {path}: {error.strerror}") from error
        return journal

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        """Number of replies."""
        return len(self._index)

    def __contains__(self, key: str) -> bool:
        return key.encode() in self._index

    @property
    def unreadable(self) -> dict[str, str]:
        """Keys of the structured replies that could not be read, and why."""
        return dict(self._unreadable)

    def get(self, key: str) -> Reply | None:
        """The reply of a key, read from disk. Raises JournalError where the disk does not give it back."""
        entry = self._index.get(key.encode())
        if entry is None:
            return None
        offset, length = entry >> LENGTH_BITS, entry & ((1 << LENGTH_BITS) - 1)
        try:
            line = load_json(os.pread(self._descriptor, length, offset))
        except (OSError, Malformed) as error:
            raise JournalError(f"cannot read the journal {self.path}: {error}") from error
        return _reply_of(line)

    def append(self, reply: Reply, prompt: str) -> None:
        """Store a reply; returns when the line is with the kernel. The first reply of a key wins.

        Raises JournalError, for instance on a full disk; the file then ends as it did before.
        """
        with self._lock:
            if reply.key in self:
                return
            offset = self._end
            length = self._write(_line_of(reply, prompt))
            self._index[reply.key.encode()] = offset << LENGTH_BITS | length

    def note_unreadable(self, key: str, problem: str) -> None:
        """Store that a structured reply could not be read; once for each key."""
        with self._lock:
            if key not in self._unreadable:
                self._write({"event": "unreadable", "key": key, "problem": problem})
                self._unreadable[key] = problem

    def sync(self) -> None:
        """Return when everything appended so far is on disk. Raises JournalError."""
        try:
            self._syncer.sync()
        except OSError as error:
            raise JournalError(f"cannot sync the journal {self.path}: {error.strerror}") from error

    def close(self) -> None:
        """Sync, then give up the file and its lock. A second call does nothing."""
        if self._descriptor < 0:
            return
        descriptor, self._descriptor = self._descriptor, -1
        try:
            self._syncer.stop()
        except OSError as error:
            raise JournalError(f"cannot sync the journal {self.path}: {error.strerror}") from error
        finally:
            os.close(descriptor)

    def _write(self, line: dict[str, Any]) -> int:
        data = dump_json(line) + b"\n"
        try:
            self._syncer.check()
            written = os.write(self._descriptor, data)
            if written != len(data):
                self._take_back_half_line()
        except OSError as error:
            raise JournalError(f"cannot write the journal {self.path}: {error.strerror}") from error
        self._end += len(data)
        self._syncer.touch()
        return len(data)

    def _take_back_half_line(self) -> NoReturn:
        try:
            os.ftruncate(self._descriptor, self._end)
        except OSError as error:
            self._syncer.fail(error)  # offsets are no longer known: nothing may be appended after this
        raise JournalError(f"the journal {self.path} took only a part of a line: is the disk full?")

    def _load(self) -> Recovery:
        """Index all whole lines; cut off what follows the last of them."""
        damaged = damaged_before_last = 0
        for offset, raw in _raw_lines(self.path):
            line = _parse(raw)
            if line is None:
                damaged += 1
                continue
            damaged_before_last = damaged
            self._end = offset + len(raw)
            if "event" in line:
                self._unreadable.setdefault(line["key"], line["problem"])
            else:
                self._index.setdefault(line["key"].encode(), offset << LENGTH_BITS | len(raw))
        cut = os.fstat(self._descriptor).st_size - self._end
        if cut:
            os.ftruncate(self._descriptor, self._end)
        return Recovery(cut, damaged_before_last)


def read_journal(path: Path) -> Iterator[dict[str, Any]]:
    """All whole lines of a journal file, replies and events, without taking its lock; for audits. Raises OSError."""
    for _, raw in _raw_lines(path):
        line = _parse(raw)
        if line is not None:
            yield line


def whole_lines(source: Path | bytes) -> Iterator[bytes]:
    """The raw lines of a journal, or of a part of one, that can be read. Raises OSError."""
    raws = source.splitlines(keepends=True) if isinstance(source, bytes) else (raw for _, raw in _raw_lines(source))
    return (raw for raw in raws if _parse(raw) is not None)


def index_journal(path: Path) -> dict[str, tuple[int, int]]:
    """Offset and length of each key's reply; for readers that must not take the lock. Raises OSError."""
    index: dict[str, tuple[int, int]] = {}
    for offset, raw in _raw_lines(path):
        line = _parse(raw)
        if line is not None and "event" not in line:
            index.setdefault(line["key"], (offset, len(raw)))
    return index


def read_reply(path: Path, offset: int, length: int) -> Reply:
    """The reply at a place that `index_journal` gave. Raises OSError."""
    with path.open("rb") as file:
        file.seek(offset)
        return _reply_of(load_json(file.read(length)))


def _raw_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    offset = 0
    with path.open("rb") as file:
        for raw in file:
            yield offset, raw
            offset += len(raw)


def _parse(raw: bytes) -> dict[str, Any] | None:
    """One line, or None where it is torn: cut short, or with the NULs of a block that never reached the disk."""
    if not raw.endswith(b"\n") or b"\0" in raw:
        return None
    try:
        line = load_json(raw)
    except Malformed:
        return None
    return line if isinstance(line, dict) and _is_whole(line) else None


def _is_whole(line: dict[str, Any]) -> bool:
    if "event" in line:
        return line["event"] == "unreadable" and _all_text(line, "key", "problem")
    usage = line.get("usage")
    counts = isinstance(usage, list) and len(usage) == 2 and all(isinstance(count, int) for count in usage)
    return counts and _all_text(line, "key", "model", "prompt", "text", "finish_reason")


def _all_text(line: dict[str, Any], *names: str) -> bool:
    return all(isinstance(line.get(name), str) for name in names)


def _line_of(reply: Reply, prompt: str) -> dict[str, Any]:
    return {
        "key": reply.key,
        "model": reply.model,
        "prompt": prompt,
        "text": reply.text,
        "finish_reason": reply.finish_reason,
        "usage": [reply.usage.prompt_tokens, reply.usage.completion_tokens],
    }


def _reply_of(line: dict[str, Any]) -> Reply:
    usage = Usage(*line["usage"])
    return Reply(line["key"], line["text"], line["finish_reason"], line["model"], usage)
