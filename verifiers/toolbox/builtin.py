"""Boxes of the tools that come with provender (T4): an interpreter, a search, an algebra system, readers of files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any

from verifiers.toolbox.box import Toolbox, encoded
from verifiers.toolbox.signatures import functions_of

KITS = ("file_tools", "python_tool", "algebra_tool", "search_tool")
NEED_SITE = ("file_tools", "algebra_tool")
_PLAIN: Mapping[str, Any] = {
    "new": [], "new_named": [], "positional": [], "star": "", "construct": False, "value": "", "bytes": [],
}  # fmt: skip


def python_box() -> Toolbox:
    """A Python interpreter whose names last for the dialogue."""
    return _box("python_tool", {})


def algebra_box() -> Toolbox:
    """Symbolic mathematics."""
    return _box("algebra_tool", {})


def search_box(documents: Sequence[tuple[str, str]]) -> Toolbox:
    """A search over documents, given as titles and texts."""
    listed = json.dumps([{"title": title, "text": text} for title, text in documents], ensure_ascii=False)
    return _box("search_tool", {"documents.json": encoded(listed.encode())})


def files_box(files: Mapping[str, bytes]) -> Toolbox:
    """Readers for uploaded files, given by their names."""
    return _box("file_tools", {f"files/{name}": encoded(data) for name, data in files.items()})


def _box(kit: str, files: Mapping[str, str]) -> Toolbox:
    source = _source(kit)
    tools = [(name, tool) for name, tool in functions_of(source) if not isinstance(tool, str) and name in _public(kit)]
    bindings = {name: {"module": kit, "path": name, **_PLAIN} for name, _ in tools}
    files = {f"{kit}.py": encoded(source.encode()), **files}
    return Toolbox(tuple(tool for _, tool in tools), bindings, files, site=kit in NEED_SITE)


def _public(kit: str) -> Sequence[str]:
    """Helpers of a kit are documented functions, too, and no tools."""
    return {"file_tools": ("list_files", "read_file", "find_in_file", "get_column_statistics")}.get(kit) or [
        name for name, tool in functions_of(_source(kit)) if not isinstance(tool, str)
    ]


@cache
def _source(kit: str) -> str:
    return resources.files("verifiers.toolbox.kits").joinpath(f"{kit}.py").read_text(encoding="utf-8")
