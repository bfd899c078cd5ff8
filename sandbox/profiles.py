"""Warm profiles: which libraries an agent has imported before it forks, chosen by what a program imports.

A profile only saves time. Where a library is not installed, or was not foreseen, the program's own import decides.
"""

from __future__ import annotations

import ast
import re
from typing import Any

from sandbox.types import DEFAULT_LIMITS, Request, TestSource
from sandbox.wire import pack

PLAIN = "plain"
PROFILES: dict[str, tuple[str, ...]] = {
    PLAIN: (),
    "numpy": ("numpy",),
    "scientific": ("numpy", "pandas", "sympy", "matplotlib.pyplot"),
}
# What the agent itself holds then, which its control group counts beside the program (measured; rounded up).
PROFILE_BYTES = {PLAIN: 0, "numpy": 48 << 20, "scientific": 224 << 20}
# By the package that is imported; the last of the profiles that one asks for is taken.
_ASKS_FOR = {"numpy": "numpy", **dict.fromkeys(("pandas", "sympy", "mpmath", "matplotlib", "scipy"), "scientific")}
_MENTIONED = re.compile(rf"\b(?:{'|'.join(_ASKS_FOR)})\b")
MISSING = (rf"(?:ModuleNotFoundError|ImportError): No module named '(?:{'|'.join(_ASKS_FOR)})(?:\.[\w.]+)?'",)
WARM_S = 120.0  # the first import of plotting libraries looks for the machine's fonts


def profile_of(request: Request) -> str:
    """The profile for a program and its tests; the plain one where they do not even mention another's libraries."""
    texts = [request.source, *([request.tests.source] if isinstance(request.tests, TestSource) else [])]
    asked = {_ASKS_FOR[name] for text in texts if _MENTIONED.search(text) for name in _imports(text) & _ASKS_FOR.keys()}
    return next((name for name in reversed(PROFILES) if name in asked), PLAIN)


def _imports(source: str) -> set[str]:
    """The top-level packages that a source imports, wherever it does so."""
    try:
        nodes = list(ast.walk(ast.parse(source)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set()
    named = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    named += [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom) and not node.level]
    return {name.partition(".")[0] for name in named}


def warming_frames(profile: str, site: str) -> tuple[bytes, ...]:
    """The frame that has an agent take a folder of packages into its path and import the profile's."""
    limits = DEFAULT_LIMITS
    order: dict[str, Any] = {
        "mode": "warm", "fresh": True, "modules": PROFILES[profile], "site": site, "disk_bytes": limits.disk_bytes,
        "memory_bytes": limits.memory_bytes, "inodes": limits.inodes,
    }  # fmt: skip
    return (pack(order),)
