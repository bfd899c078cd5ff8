"""Hostile Python text: parsed under bounds, its imports and names looked at. Runs in a worker process.

Parsing may exhaust the interpreter's stack or memory; callers that are not in a worker must bound the text first.
"""

from __future__ import annotations

import ast
import collections
import functools
import itertools
import math
import sys
import typing
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

MAX_CHARS = 200_000  # far above any solution; bounds what the parser and the linter may spend

Function = ast.FunctionDef | ast.AsyncFunctionDef

# Names that programs use without the import they need, and where they live: better feedback than "undefined name".
HOMES = {
    name: module.__name__
    for module in (typing, math, itertools, functools, collections)
    for name in sorted(vars(module))
    if not name.startswith("_")
}
IMPORT_ERRORS = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong at one place; lines and columns count from 1."""

    line: int
    column: int
    rule: str
    message: str

    def as_json(self) -> dict[str, int | str]:
        """The form that evidence and feedback use."""
        return {"line": self.line, "column": self.column, "rule": self.rule, "message": self.message}


class Unparsable(Exception):
    """The text is not a Python program that this interpreter would compile."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.message)
        self.finding = finding


def parse(source: str) -> ast.Module:
    """The tree of a program that also compiles. Nothing of it is run. Raises Unparsable."""
    if len(source) > MAX_CHARS:
        raise Unparsable(Finding(1, 1, "too-complex", f"the program is longer than {MAX_CHARS} characters"))
    if "\0" in source:
        line = source[: source.index("\0")].count("\n") + 1
        raise Unparsable(Finding(line, 1, "syntax", "the program holds a null byte"))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
            # Some errors come only here: "return" outside a function, a name that is parameter and global.
            compile(tree, "<program>", "exec", dont_inherit=True)
    except SyntaxError as error:
        place = Finding(error.lineno or 1, max(error.offset or 1, 1), "syntax", error.msg)
        raise Unparsable(place) from None
    except ValueError as error:  # lone surrogates, integers with too many digits
        raise Unparsable(Finding(1, 1, "syntax", str(error)[:200])) from None
    except (RecursionError, MemoryError):  # of a bounded text: its nesting, which CPython refuses to compile
        raise Unparsable(Finding(1, 1, "too-complex", "the program is nested too deeply to be compiled")) from None
    return tree


def unavailable_imports(tree: ast.Module, available: frozenset[str]) -> Iterator[Finding]:
    """Imports that are neither in the standard library nor in `available`, unless the program catches the error."""
    guarded = {id(node) for node in ast.walk(tree) if isinstance(node, ast.Try) and _guards_imports(node)}
    known = sys.stdlib_module_names | available
    for node, inside in _with_guards(tree, guarded):
        for name in _imported(node):
            if not inside and name not in known:
                shown = name or "a relative import"
                message = f"`{shown}` is not available: only the standard library is"
                yield Finding(node.lineno, node.col_offset + 1, "unavailable-import", message)


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name.partition(".")[0] for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return ["" if node.level else (node.module or "").partition(".")[0]]
    return []


def _guards_imports(node: ast.Try) -> bool:
    return any(names is None or names & IMPORT_ERRORS for names in map(caught_names, node.handlers))


def _with_guards(tree: ast.Module, guarded: set[int]) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    """Every import with whether it stands in the body of a guarding `try`; iterative, since trees may be deep."""
    pending: list[tuple[ast.AST, bool]] = [(tree, False)]
    while pending:
        node, inside = pending.pop()
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node, inside
        body = node.body if isinstance(node, ast.Try) and id(node) in guarded else []
        protected = {id(statement) for statement in body}
        pending += [(child, inside or id(child) in protected) for child in ast.iter_child_nodes(node)]


def caught_names(handler: ast.ExceptHandler) -> frozenset[str] | None:
    """Last parts of the exception names that a handler catches; None for a bare `except`."""
    if handler.type is None:
        return None
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return frozenset(last_name(kind) for kind in kinds)


def last_name(node: ast.AST) -> str:
    """`b` of `a.b`, `b` of `b`; empty for anything else."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def module_names(tree: ast.Module) -> frozenset[str]:
    """Names that the program binds at module level, also under `if` and `try`."""
    names: set[str] = set()
    pending: list[ast.AST] = list(tree.body)
    while pending:
        node = pending.pop()
        if isinstance(node, Function | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names.update((alias.asname or alias.name).partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif not isinstance(node, ast.Lambda | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
            pending += ast.iter_child_nodes(node)
    return frozenset(names)
