"""Requests as OpenAI batch files instead of over HTTP: write, have them answered anywhere, collect, resume.

A request that no result file answers yet is written to `NNNN.requests.jsonl`, named by its journal key, and its seed is
put off. `vllm run-batch` and providers' batch APIs read such files; their answers, under any name that ends in
`.results.jsonl` beside them, are read on the next start and enter the journal like any other reply. Then what those
replies lead to is written to the next file, until nothing is left to ask.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from served_model.client import ChatClient
from served_model.config import ModelConfig, config_for
from served_model.journal import JournalError
from served_model.limits import CEILING
from served_model.meter import Deferred
from served_model.retry import Fault
from served_model.types import ChatRequest, Reply, RequestRefused
from served_model.wire import Completion, Malformed, dump_json, load_json, read_answer, request_body

URL = "/v1/chat/completions"
SETTLE_S = 0.2  # that a request waits for others of its seed, so that they are put off together
JSON_TYPE = {"Content-Type": "application/json"}
ANSWERED = (Fault.NONE, Fault.REFUSED)


class BatchClient(ChatClient):
    """Stands in place of the client over HTTP. `written` and `collected` count the requests of this start."""

    def __init__(self, models: Mapping[str, ModelConfig], folder: Path) -> None:
        super().__init__(models)
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._results = _index(sorted(folder.glob("*.results.jsonl")))
        asked = {str(line["custom_id"]) for _, _, line in _lines(sorted(folder.glob("*.requests.jsonl")))}
        self._waiting = asked - {key for key, (_, _, done) in self._results.items() if done}
        failed = {key for key, (_, _, done) in self._results.items() if not done}
        self._waiting -= failed  # an answer that is none (expired, 5xx) is asked for again
        self._file: int | None = None
        self.written = self.collected = 0

    @property
    def slots(self) -> int:
        """No server is to be spared."""
        return CEILING

    @property
    def waiting(self) -> int:
        """Nobody stands in line."""
        return 0

    @property
    def outstanding(self) -> int:
        """Requests in files that no result file answers yet."""
        return len(self._waiting)

    async def complete(self, request: ChatRequest) -> Reply:
        """The reply of a result file. Raises RequestRefused, or Deferred where there is none yet."""
        key = self.key(request)
        found = self._results.get(key)
        if found is not None and found[2]:
            return self._reply(key, request, _read(found[0], found[1]))
        if key not in self._waiting:
            self._write(key, request)
        await asyncio.sleep(SETTLE_S)
        raise Deferred("batch: its requests wait for results")

    async def close(self) -> None:
        """Put what was written on disk."""
        if self._file is not None:
            os.fsync(self._file)
            os.close(self._file)
            self._file = None
        await super().close()

    def _reply(self, key: str, request: ChatRequest, line: Mapping[str, Any]) -> Reply:
        answer = _answer(line)
        if not isinstance(answer, Completion):
            raise RequestRefused(f"batch request {key}: {answer.problem}")
        self.collected += 1
        return Reply(key, answer.text, answer.finish_reason, self.model_name(request), answer.usage)

    def _write(self, key: str, request: ChatRequest) -> None:
        config = config_for(self._models, request.role)
        body = load_json(request_body(config.name, request, config.api))
        line = dump_json({"custom_id": key, "method": "POST", "url": URL, "body": body}) + b"\n"
        try:
            if self._file is None:
                number = len(list(self.folder.glob("*.requests.jsonl"))) + 1
                path = self.folder / f"{number:04}.requests.jsonl"
                self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o644)
            os.write(self._file, line)
        except OSError as error:
            raise JournalError(f"cannot write batch requests in {self.folder}: {error.strerror}") from error
        self._waiting.add(key)
        self.written += 1


def _answer(line: Mapping[str, Any]) -> Completion | Any:
    """What one line of a result file means, read as if it had come over HTTP."""
    response = line.get("response")
    if not isinstance(response, dict):
        return read_answer(500, JSON_TYPE, dump_json(line))
    return read_answer(int(response.get("status_code") or 200), JSON_TYPE, dump_json(response.get("body")))


def _is_answer(line: Mapping[str, Any]) -> bool:
    answer = _answer(line)
    return isinstance(answer, Completion) or answer.fault in ANSWERED


def _index(paths: list[Path]) -> dict[str, tuple[Path, int, bool]]:
    """Where the answer to each key stands, and whether it is one; a good answer outweighs a bad one."""
    index: dict[str, tuple[Path, int, bool]] = {}
    for path, offset, line in _lines(paths):
        key, done = str(line["custom_id"]), _is_answer(line)
        if done or key not in index:
            index[key] = path, offset, done
    return index


def _lines(paths: list[Path]) -> Iterator[tuple[Path, int, dict[str, Any]]]:
    """All whole lines that name a request; a torn last one is as if it were not there."""
    for path in paths:
        offset = 0
        with path.open("rb") as file:
            for raw in file:
                line = _parse(raw)
                if line is not None:
                    yield path, offset, line
                offset += len(raw)


def _parse(raw: bytes) -> dict[str, Any] | None:
    try:
        line = load_json(raw)
    except Malformed:
        return None
    return line if isinstance(line, dict) and isinstance(line.get("custom_id"), str) else None


def _read(path: Path, offset: int) -> dict[str, Any]:
    with path.open("rb") as file:
        file.seek(offset)
        return _parse(file.readline()) or {}
