"""Uploaded files as seeds: a file of one of twelve types, the tools that read it, and calls with their results.

The pattern is "default" (a small set of our own) or a path or glob of the user's files. Files are opened in the sandbox
alone. A file that cannot be read is a Drop with its reason: unknown_type, broken, encrypted, bomb, library_missing.

Fields: `toolbox` (the readers with the file), `file` (its name), `content` (its first page), `examples` (calls with
results: the page, lines with some of its words, statistics of its columns of numbers).
"""

from __future__ import annotations

import asyncio
import glob
import random
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from itertools import count
from pathlib import Path
from typing import Any

from corpus.errors import CorpusError
from corpus.reader import Reader, hash_files
from records.types import JSON, Drop, Seed, canonical_json, stable_hash, stable_seed
from sandbox import open_sandbox
from verifiers.toolbox.box import Toolbox
from verifiers.toolbox.builtin import files_box
from verifiers.toolbox.runner import CallResult, ToolArguments, run_calls

DEFAULT = "default"
LICENCE = "Apache-2.0"
MAX_BYTES = 4 << 20  # of a file: it travels with every record that is made of it
SHOWN = 3  # of the searches and statistics, in one seed
WORD = re.compile(r"[^\W\d_]{4,}")


@dataclass(frozen=True)
class ReadFile:
    """A file as the tools see it: its first page and calls with results, or why there are none."""

    toolbox: Toolbox
    content: str
    examples: tuple[Mapping[str, Any], ...]
    problem: str = ""


def read(pattern: str = DEFAULT, run_seed: int = 0, licence: str = "unknown") -> Iterator[Seed | Drop]:
    """A seed per file and pass, without end, each with other calls. Raises CorpusError."""
    files = _files(pattern)
    for number in count():
        rng = random.Random(stable_seed(str(run_seed), "tool_files", str(number)))
        good = 0
        for path in files:
            opened = _open(path)
            if not opened.problem:
                good += 1
                yield _seed(path, opened, rng, (number, LICENCE if pattern == DEFAULT else licence))
            elif number == 0:
                yield _drop(path, opened.problem)
        if not good:
            raise CorpusError(pattern, None, "corpus", "none of the files can be read; see drops for the reasons")


def _files(pattern: str) -> list[Path]:
    if pattern == DEFAULT:
        folder = Path(str(resources.files("corpus").joinpath("defaults", "files")))
        return sorted(folder.iterdir())
    names = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207 - a pattern may be absolute
    files = [path for path in map(Path, names) if path.is_file()]
    if not files:
        raise CorpusError(pattern, None, "corpus", "no such file; name a file or a glob")
    return files


@lru_cache(maxsize=256)
def _open(path: Path) -> ReadFile:
    try:
        data = path.read_bytes()
    except OSError as error:
        return ReadFile(files_box({}), "", (), f"unreadable: {error.strerror}")
    if len(data) > MAX_BYTES:
        return ReadFile(files_box({}), "", (), f"too large: more than {MAX_BYTES} bytes")
    box = files_box({path.name: data})
    with ThreadPoolExecutor(1) as thread:  # a reader is called where an event loop may be running already
        return thread.submit(asyncio.run, _try_calls(box, path.name)).result()


async def _try_calls(box: Toolbox, name: str) -> ReadFile:
    sandbox = open_sandbox(slots=1, site=None if sys.prefix == sys.base_prefix else sys.prefix)
    try:
        first = (await run_calls(sandbox, box, [("read_file", {"name": name})])).results[0]
        if not first.ok:
            return ReadFile(box, "", (), str(first.value).removeprefix("Unreadable: "))
        content = str(first.value["text"])
        calls = [("read_file", {"name": name}), *_trials(name, content)]
        results = [(await run_calls(sandbox, box, [call])).results[0] for call in calls]
    finally:
        await sandbox.aclose()
    return ReadFile(
        box, content, tuple(_example(call, one) for call, one in zip(calls, results, strict=True) if one.ok)
    )


def _trials(name: str, content: str) -> list[ToolArguments]:
    """Searches for words of the text, and statistics for what may be headings of columns."""
    lines = [line for line in content.splitlines() if line.strip()]
    words = list(dict.fromkeys(WORD.findall(content)))
    chosen = words[:: max(1, len(words) // 6)][:6]
    calls: list[ToolArguments] = [("find_in_file", {"name": name, "words": word}) for word in chosen]
    headings = re.findall(r"[A-Za-z_]+", lines[0]) if lines else []
    headings += re.findall(r'"([A-Za-z_]+)":', content)
    if name.endswith((".csv", ".tsv", ".xlsx", ".jsonl", ".json")):
        columns = list(dict.fromkeys(headings))[:8]
        calls += [("get_column_statistics", {"name": name, "column": column}) for column in columns]
    return calls


def _example(call: ToolArguments, result: CallResult) -> Mapping[str, JSON]:
    return {"name": call[0], "arguments": dict(call[1]), "result": result.value}


def _seed(path: Path, opened: ReadFile, rng: random.Random, which: tuple[int, str]) -> Seed:
    number, licence = which
    others: Sequence[Mapping[str, Any]] = opened.examples[1:]
    shown = [*rng.sample(others, min(len(others), SHOWN)), opened.examples[0]]
    return Seed(
        id=stable_hash("tool_files", path.name, str(number)),
        text=opened.content,
        source=path.name,
        licence=licence,
        fields={
            "toolbox": opened.toolbox.to_json(),
            "file": path.name,
            "content": opened.content,
            "examples": canonical_json(shown),
        },
    )


def _drop(path: Path, problem: str) -> Drop:
    reason = problem.partition(":")[0].replace(" ", "_")
    return Drop(stable_hash("tool_files", path.name), "", "corpus", reason, {"source": path.name, "detail": problem})


def fingerprint(pattern: str) -> str:
    """Hash of the files. Raises CorpusError."""
    return hash_files(_files(pattern))


READER = Reader("tool_files", read, fingerprint, default=DEFAULT, endless=True)
