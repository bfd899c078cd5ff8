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
from corpus.reader import OpenSandbox, Reader, hash_files
from records.types import JSON, Drop, Seed, canonical_json, stable_hash, stable_seed
from sandbox import open_sandbox
from sandbox.types import Sandbox
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


def with_libraries() -> Sandbox:
    """A sandbox with the libraries that are installed beside us."""
    return open_sandbox(site=None if sys.prefix == sys.base_prefix else sys.prefix)


def read(
    pattern: str = DEFAULT, run_seed: int = 0, licence: str = "unknown", sandbox: OpenSandbox = with_libraries
) -> Iterator[Seed | Drop]:
    """A seed per file and pass, without end, each with other calls. Raises CorpusError."""
    files = _files(pattern)
    for number in count():
        rng = random.Random(stable_seed(str(run_seed), "tool_files", str(number)))
        good = 0
        for path, opened in zip(files, _opened(tuple(files), sandbox), strict=True):
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


@lru_cache(maxsize=16)
def _opened(paths: tuple[Path, ...], sandbox: OpenSandbox) -> list[ReadFile]:
    """Every file, read and tried with one sandbox."""
    with ThreadPoolExecutor(1) as thread:  # a reader is called where an event loop may be running already
        return thread.submit(asyncio.run, _open_all(paths, sandbox())).result()


async def _open_all(paths: Sequence[Path], sandbox: Sandbox) -> list[ReadFile]:
    try:
        return list(await asyncio.gather(*(_open(path, sandbox) for path in paths)))
    finally:
        await sandbox.aclose()


async def _open(path: Path, sandbox: Sandbox) -> ReadFile:
    box, problem = _box_of(path)
    if problem:
        return ReadFile(box, "", (), problem)
    whole: ToolArguments = ("read_file", {"name": path.name})
    first = (await run_calls(sandbox, box, [whole])).results[0]
    if not first.ok:
        return ReadFile(box, "", (), str(first.value).removeprefix("Unreadable: "))
    content = str(first.value["text"])
    calls = [whole, *_trials(path.name, content)]
    runs = await asyncio.gather(*(run_calls(sandbox, box, [call]) for call in calls))
    tried = zip(calls, (run.results[0] for run in runs), strict=True)
    return ReadFile(box, content, tuple(_example(call, one) for call, one in tried if one.ok))


def _box_of(path: Path) -> tuple[Toolbox, str]:
    """The readers with the file, and why it cannot be given to them."""
    try:
        data = path.read_bytes()
    except OSError as error:
        return files_box({}), f"unreadable: {error.strerror}"
    if len(data) > MAX_BYTES:
        return files_box({}), f"too large: more than {MAX_BYTES} bytes"
    return files_box({path.name: data}), ""


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


READER = Reader("tool_files", read, fingerprint, default=DEFAULT, endless=True, executes=True)
