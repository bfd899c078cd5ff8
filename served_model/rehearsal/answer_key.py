"""The answer key: one JSON line for every answer, written before the answer is sent."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

from served_model.rehearsal.asking import Ask
from served_model.rehearsal.player import Played


class AnswerKeyError(Exception):
    """The answer key cannot be written: no reply may be sent."""


class AnswerKey:
    """An append-only file of one server at a time; opening it raises OSError.

    Half a line, which a full disk or a lost machine leaves, is cut off: its answer was never sent.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab", buffering=0)
        if stat.S_ISREG(os.fstat(self._file.fileno()).st_mode):
            os.truncate(path, _whole_lines(path))

    def note_reply(self, key: str, ask: Ask, played: Played) -> None:
        """Note what is wrong with a reply, or that nothing is. Raises AnswerKeyError."""
        self._write(
            {
                "key": key,
                "request": ask.request,
                "prompt": played.prompt,
                "fault": played.fault,
                "benign": played.benign,
                "wire": None,
                "decidable_by": played.decidable_by,
                "detail": dict(played.detail),
            }
        )

    def note_wire_fault(self, key: str, ask: Ask, kind: str) -> None:
        """Note an answer that fails on the wire; the reply itself is noted when it is asked for again."""
        labels: dict[str, object] = {"fault": None, "benign": None, "wire": kind, "decidable_by": "wire", "detail": {}}
        self._write({"key": key, "request": ask.request, "prompt": ask.prompt, **labels})

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _write(self, line: dict[str, object]) -> None:
        data = (json.dumps(line, separators=(",", ":")) + "\n").encode("ascii")
        try:
            written = self._file.write(data)
        except OSError as error:
            raise AnswerKeyError(f"the answer key cannot be written: {error}") from error
        if written != len(data):
            os.ftruncate(self._file.fileno(), os.fstat(self._file.fileno()).st_size - written)
            raise AnswerKeyError("the answer key takes only half a line: the disk is full")


def _whole_lines(path: Path) -> int:
    """Bytes up to and with the last end of line."""
    return path.read_bytes().rfind(b"\n") + 1
