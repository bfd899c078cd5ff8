"""Real calls as seeds: found in code, made again in the sandbox, kept where they fit their tool and give a result.

The pattern names the code ("stdlib", or files as for `source_code`); the tools are those of the standard library.
Fields: those of `corpus.tools`; `examples` is the one call with its result, and `code` the lines around it.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator, Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from pathlib import Path

from corpus.errors import CorpusError
from corpus.mining.call_sites import CallSite, find_calls
from corpus.mining.mine import Mined, MinedTool, library_modules, mine
from corpus.mining.sources import fingerprint as tools_fingerprint
from corpus.reader import OpenSandbox, Reader
from corpus.source_code import fingerprint as code_fingerprint
from corpus.source_files import Corpus, find_files
from corpus.tools import BESIDE, STDLIB
from records.types import JSON, Drop, Seed, canonical_json, stable_hash, stable_seed
from sandbox import open_sandbox
from sandbox.types import Sandbox
from verifiers.tool_schemas import find_problem, read_tools
from verifiers.toolbox.box import Toolbox
from verifiers.toolbox.runner import ToolRun, run_calls

FILES_TOGETHER = 40
MAX_FILE_BYTES = 400_000
MAX_ARGUMENT_CHARS = 400
TRIVIAL = frozenset(
    f"builtins.{name}"
    for name in ("ord", "chr", "len", "repr", "ascii", "abs", "str.join", "bin", "hex", "oct", "all", "any")
)


@dataclass(frozen=True)
class Found:
    """A call site with its tool and the arguments by name."""

    site: CallSite
    tool: MinedTool
    arguments: Mapping[str, JSON]
    path: str


def read(
    pattern: str = STDLIB, run_seed: int = 0, licence: str = "unknown", sandbox: OpenSandbox = open_sandbox
) -> Iterator[Seed | Drop]:
    """A seed per distinct call, without end: in later passes with other tools beside it. Raises CorpusError."""
    corpus = find_files(pattern, licence)
    files = [path for path in corpus.files if path.endswith(".py")]
    for number in count():
        found_any = False
        rng = random.Random(stable_seed(str(run_seed), "mined_calls", str(number)))
        rng.shuffle(files)
        seen: set[str] = set()
        for start in range(0, len(files), FILES_TOGETHER):
            found = _calls_in(corpus, files[start : start + FILES_TOGETHER], seen, sandbox)
            found_any = found_any or bool(found)
            yield from _tried(corpus, found, (rng, number), sandbox)
        if not found_any:
            raise CorpusError(pattern, None, "corpus", "it holds no call of a tool with literal arguments")


def _calls_in(corpus: Corpus, paths: Sequence[str], seen: set[str], sandbox: OpenSandbox) -> list[Found]:
    """The calls of tools in some files. Only the modules that are called there are mined."""
    sites = [(path, site) for path in paths for site in _sites(corpus.root / path)]
    modules = set(library_modules())
    called = sorted({module for _, site in sites if (module := _module(site.function, modules))})
    tools: dict[str, MinedTool] = {}
    for one in mine([(module, None) for module in called], sandbox):
        tools |= {tool.function: tool for tool in one.tools} if isinstance(one, Mined) else {}
    found = []
    for path, site in sites:
        tool = tools.get(_resolved(site.function))
        arguments = site.arguments(tool) if tool else None
        if tool is None or arguments is None or _is_trivial(tool, arguments):
            continue  # no call of a tool of ours: of such calls every file is full
        text = canonical_json([tool.name, arguments])
        fits = len(text) <= MAX_ARGUMENT_CHARS and find_problem(read_tools([tool.tool])[tool.name], arguments) is None
        if fits and text not in seen:
            seen.add(text)
            found.append(Found(site, tool, arguments, path))
    return found


@lru_cache(maxsize=4096)
def _sites(file: Path) -> tuple[CallSite, ...]:
    try:
        if file.stat().st_size > MAX_FILE_BYTES:
            return ()
        return tuple(find_calls(file.read_text(encoding="utf-8", errors="replace")))
    except OSError:
        return ()


def _resolved(function: str) -> str:
    return f"posixpath.{function.removeprefix('os.path.')}" if function.startswith("os.path.") else function


def _module(function: str, modules: Set[str]) -> str:
    """The longest beginning of a function's name that is a module of tools."""
    parts = _resolved(function).split(".")
    names = (".".join(parts[:size]) for size in range(len(parts) - 1, 0, -1))
    return next((name for name in names if name in modules), "")


def _is_trivial(tool: MinedTool, arguments: Mapping[str, JSON]) -> bool:
    """`ord("a")` and its like need no tool, nor does an empty text."""
    return tool.function in TRIVIAL or "" in arguments.values()


def _tried(
    corpus: Corpus, found: Sequence[Found], draw: tuple[random.Random, int], sandbox: OpenSandbox
) -> Iterator[Seed | Drop]:
    if not found:
        return
    rng, number = draw
    with ThreadPoolExecutor(1) as thread:
        runs = thread.submit(asyncio.run, _run_all(found, sandbox())).result()
    pool = [one.tool for one in found]
    for one, run in zip(found, runs, strict=True):
        result = run.results[0]
        if result.ok and result.value not in (None, "", [], {}):
            yield _seed(corpus, one, result.value, (pool, rng, number))
        elif number == 0:
            where = f"{corpus.label}: {one.path}:{one.site.line}"
            yield Drop(stable_hash("mined_calls", where), "", "corpus", "call_gives_nothing", {"source": where})


async def _run_all(found: Sequence[Found], sandbox: Sandbox) -> list[ToolRun]:
    boxes = [Toolbox((one.tool.tool,), {one.tool.name: one.tool.binding}) for one in found]
    try:
        runs = [
            run_calls(sandbox, box, [(one.tool.name, one.arguments)]) for box, one in zip(boxes, found, strict=True)
        ]
        return list(await asyncio.gather(*runs))
    finally:
        await sandbox.aclose()


def _seed(corpus: Corpus, one: Found, result: JSON, draw: tuple[Sequence[MinedTool], random.Random, int]) -> Seed:
    pool, rng, number = draw
    others = sorted(
        {tool.name: tool for tool in pool if tool.name != one.tool.name}.values(), key=lambda tool: tool.name
    )
    listed = [one.tool, *rng.sample(others, min(len(others), BESIDE))]
    rng.shuffle(listed)
    box = Toolbox(tuple(tool.tool for tool in listed), {tool.name: tool.binding for tool in listed})
    example = {"name": one.tool.name, "arguments": dict(one.arguments), "result": result}
    where = f"{corpus.label}: {one.path}:{one.site.line}"
    return Seed(
        id=stable_hash("mined_calls", where, canonical_json(example), str(number)),
        text=one.site.context,
        source=where,
        licence=corpus.licence,
        fields={
            "toolbox": box.to_json(),
            "target": one.tool.name,
            "examples": canonical_json([example]),
            "code": one.site.context,
        },
    )


def fingerprint(pattern: str) -> str:
    """Hash of the code and of what the tools are mined from. Raises CorpusError."""
    return stable_hash(code_fingerprint(pattern), tools_fingerprint(STDLIB))


READER = Reader("mined_calls", read, fingerprint, default=STDLIB, endless=True, executes=True)
