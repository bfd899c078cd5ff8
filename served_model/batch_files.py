"""The files of `make --batch`: requests, results, and which request still waits for its result.

A requests file is for one model and no larger than providers take; its number is its place in the folder. Results are
read from any file that ends in `.results.jsonl`.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from served_model.journal import JournalError
from served_model.retry import Failure, Fault
from served_model.wire import Completion, Malformed, dump_json, load_json, read_answer

URL: Literal["/v1/chat/completions"] = "/v1/chat/completions"
REQUESTS, RESULTS = ".requests.jsonl", ".results.jsonl"
MOST_REQUESTS, MOST_BYTES = 50_000, 190_000_000
"""Of a file: OpenAI takes 50,000 requests and 200 MB (platform.openai.com/docs/guides/batch)."""
JSON_TYPE = {"Content-Type": "application/json"}
MOST_FAILURES = 4  # of one request, before it is given up: a provider that expires it each time would be asked for ever


def request_files(folder: Path) -> list[Path]:
    """All requests files, in the order in which they were written."""
    return sorted(folder.glob(f"*{REQUESTS}"))


def number_of(path: Path) -> str:
    """The number that files of one batch share."""
    return path.name.partition(".")[0]


def model_of(path: Path) -> str:
    """The model that a requests file is for; "" where it holds no whole line."""
    for _, _, line in lines_of([path]):
        return str(line.get("body", {}).get("model", ""))
    return ""


def keys_of(path: Path) -> list[str]:
    """The journal keys of a file of requests or results."""
    return [str(line["custom_id"]) for _, _, line in lines_of([path])]


def answer_of(line: Mapping[str, Any]) -> Completion | Failure:
    """What one line of a result file means, read as if it had come over HTTP."""
    response = line.get("response")
    if not isinstance(response, dict):
        return read_answer(500, JSON_TYPE, dump_json(line))
    body = response.get("body") or line.get("error")  # vLLM says there why it refused
    return read_answer(int(response.get("status_code") or 200), JSON_TYPE, dump_json(body))


@dataclass
class Results:
    """Where the answer to each key stands, and which keys wait for one.

    A key waits while it was asked more often than it failed: an answer that is none (expired, 5xx) is asked for again,
    once for each time, until it has failed too often. A copy of a result is the same result.
    """

    answers: dict[str, tuple[Path, int]] = field(default_factory=dict)
    waiting: set[str] = field(default_factory=set)
    exhausted: set[str] = field(default_factory=set)

    @classmethod
    def read(cls, folder: Path) -> Results:
        """Of all files there."""
        failures: dict[str, set[bytes]] = {}
        useless: dict[str, tuple[Path, int]] = {}  # wrong model, wrong key: no answer, and asking again is no use
        answers: dict[str, tuple[Path, int]] = {}
        for path, offset, line in lines_of(sorted(folder.glob(f"*{RESULTS}"))):
            key, answer = str(line["custom_id"]), answer_of(line)
            if isinstance(answer, Completion) or answer.fault is Fault.REFUSED:
                answers[key] = path, offset
            elif answer.fault is Fault.PERMANENT:
                useless[key] = path, offset
            else:
                failures.setdefault(key, set()).add(hashlib.sha256(dump_json(line)).digest())
        known = useless | answers
        failed = {key: len(lines) for key, lines in failures.items() if key not in known}
        asked = Counter(key for path in request_files(folder) for key in keys_of(path))
        waiting = {key for key, times in asked.items() if key not in known and times > failed.get(key, 0)}
        return cls(known, waiting, {key for key, times in failed.items() if times >= MOST_FAILURES} - waiting)

    def answer(self, key: str) -> Completion | Failure | None:
        """The answer to a key, None where there is none yet."""
        place = self.answers.get(key)
        if place is None:
            return None
        with place[0].open("rb") as file:
            file.seek(place[1])
            return answer_of(_parse(file.readline()) or {})


class RequestWriter:
    """Appends requests to new files of a folder, one for each model, further ones where they grow too large."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: dict[str, _Growing] = {}

    def write(self, key: str, body: Any) -> None:
        """One request, named by its journal key. Raises JournalError."""
        line = dump_json({"custom_id": key, "method": "POST", "url": URL, "body": body}) + b"\n"
        model = str(body["model"])
        try:
            growing = self._open.get(model)
            if growing is not None and not growing.takes(line):
                self._open.pop(model).close()
                growing = None
            if growing is None:
                growing = self._open[model] = _Growing(self._create())
            growing.append(line)
        except OSError as error:
            raise JournalError(f"cannot write batch requests in {self._folder}: {error.strerror}") from error

    def close(self) -> None:
        """Put everything on disk."""
        while self._open:
            self._open.popitem()[1].close()

    def _create(self) -> int:
        number = max((int(number_of(path)) for path in request_files(self._folder)), default=0) + 1
        path = self._folder / f"{number:04}{REQUESTS}"
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o644)


@dataclass
class _Growing:
    file: int
    requests: int = 0
    size: int = 0

    def takes(self, line: bytes) -> bool:
        return self.requests < MOST_REQUESTS and self.size + len(line) <= MOST_BYTES

    def append(self, line: bytes) -> None:
        os.write(self.file, line)
        self.requests, self.size = self.requests + 1, self.size + len(line)

    def close(self) -> None:
        os.fsync(self.file)
        os.close(self.file)


def lines_of(paths: Sequence[Path]) -> Iterator[tuple[Path, int, dict[str, Any]]]:
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
