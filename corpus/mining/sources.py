"""Where tools come from: the standard library, Python files, tool lists, OpenAPI documents, MCP servers, our own."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path

from corpus.errors import CorpusError
from corpus.mining.lists import read_tool_file
from corpus.mining.mcp_server import PREFIX, list_server_tools
from corpus.mining.mine import MinedTool, NotMined, library_modules, mine
from corpus.mining.own_tools import PREFIX as BUILTIN
from corpus.mining.own_tools import builtin_box, try_builtin
from corpus.reader import OpenSandbox
from corpus.source_files import find_files
from verifiers.toolbox.box import Toolbox, encoded

STDLIB = "stdlib"
MAX_SOURCE_BYTES = 200_000
TOOL_FILES = (".json", ".jsonl", ".yaml", ".yml")


@dataclass(frozen=True)
class ToolSource:
    """One module, file or server."""

    label: str
    licence: str
    module: str = ""  # of Python
    text: str | None = None  # a user's module; None for the library's
    path: Path | None = None  # of a tool list or an OpenAPI document
    server: str = ""  # the command of an MCP server
    box: Toolbox | None = None  # of built-in tools
    refused: tuple[tuple[str, str], ...] = ()  # what is known to give nothing before anything is tried

    def toolbox(self, tools: Sequence[MinedTool]) -> Toolbox:
        """A box of some tools of this source, or of it and others of the same pattern."""
        if self.box is not None:
            return self.box.only([tool.name for tool in tools])
        files = {f"{self.module}.py": encoded(self.text.encode())} if self.text is not None else {}
        bindings = {tool.name: tool.binding for tool in tools if tool.binding}
        return Toolbox(tuple(tool.tool for tool in tools), bindings, files, server=self.server)


@dataclass(frozen=True)
class Found:
    """Tools of a source, and names that gave none with their reasons."""

    tools: Sequence[MinedTool]
    refused: Sequence[tuple[str, str]] = field(default=())


def find_tools(sources: Sequence[ToolSource], sandbox: OpenSandbox) -> list[Found | NotMined]:
    """What each source gives, in order. Raises CorpusError."""
    mined = iter(mine([(source.module, source.text) for source in sources if source.module], sandbox))
    found: list[Found | NotMined] = []
    for source in sources:
        if source.module:
            one = next(mined)
            found.append(one if isinstance(one, NotMined) else Found(one.tools, one.refused))
        elif source.box is not None:
            tools, refused = try_builtin(source.box, sandbox)
            found.append(Found(tools, [*source.refused, *refused]))
        elif source.path is not None:
            found.append(Found(*read_tool_file(source.path)))
        else:
            found.append(Found(list_server_tools(source.server)))
    return found


def find_sources(pattern: str, licence: str) -> Iterator[ToolSource]:
    """The sources that a pattern names. Raises CorpusError."""
    if pattern == STDLIB:
        label = f"{sys.implementation.name}-{sys.version_info.major}.{sys.version_info.minor} stdlib"
        yield from (ToolSource(label, "PSF-2.0", module) for module in library_modules())
    elif pattern.startswith(BUILTIN):
        box, refused = builtin_box(pattern)
        yield ToolSource(pattern, licence, box=box, refused=refused)
    elif pattern.startswith(PREFIX):
        yield ToolSource("MCP server", licence, server=pattern.removeprefix(PREFIX).strip())
    elif pattern.endswith(TOOL_FILES):
        files = sorted(Path().glob(pattern)) if not Path(pattern).is_absolute() else [Path(pattern)]
        if not files or not all(file.is_file() for file in files):
            raise CorpusError(pattern, None, "corpus", "no such file; name a tool list or an OpenAPI document")
        yield from (ToolSource(file.name, licence, path=file) for file in files)
    else:
        yield from _modules(pattern, licence)


def _modules(pattern: str, licence: str) -> Iterator[ToolSource]:
    corpus = find_files(pattern, licence)
    for path in corpus.files:
        name = Path(path).stem
        if path.endswith(".py") and name.isidentifier() and (corpus.root / path).stat().st_size <= MAX_SOURCE_BYTES:
            text = (corpus.root / path).read_text(encoding="utf-8", errors="replace")
            yield ToolSource(f"{corpus.label}: {path}", licence, name, text)


def fingerprint(pattern: str) -> str:
    """Hash of what the pattern names and of the program that mines it. Raises CorpusError."""
    digest = hashlib.sha256(_miner().encode())
    for source in find_sources(pattern, ""):
        text = source.path.read_text(encoding="utf-8", errors="replace") if source.path else source.text or ""
        text += source.box.to_json() if source.box is not None else ""
        digest.update(f"\0{source.label}\0{source.module}\0{source.server}\0{text}\0".encode("utf-8", "replace"))
    return digest.hexdigest()


@cache
def _miner() -> str:
    folder = resources.files("corpus.mining")
    programs = [folder.joinpath(name).read_text(encoding="utf-8") for name in ("inside.py", "shapes.py", "samples.py")]
    return "\0".join([sys.version, *programs])
