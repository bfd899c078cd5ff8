"""Real calls in real code: calls of functions that are tools, with literal arguments, also in doctests.

Names are resolved by the imports of the file alone; nothing is run here. A call counts where every argument is a
literal that JSON can say and is written by name or by place.
"""

from __future__ import annotations

import ast
import doctest
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from corpus.mining.mine import MinedTool
from records.types import JSON
from verifiers.strict_json import NotJson, check

MAX_CONTEXT = 3  # lines of code around a call
BUILTIN_METHODS = ("str", "int", "float")


@dataclass(frozen=True)
class CallSite:
    """A call as it stands in code: the function's full name, its arguments, where, and the lines around it."""

    function: str
    positional: tuple[JSON, ...]
    named: Mapping[str, JSON]
    line: int
    context: str

    def arguments(self, tool: MinedTool) -> dict[str, JSON] | None:
        """The arguments by the tool's parameters; None where they do not fit."""
        star = tool.binding["star"]
        order = [name for name in tool.tool["function"]["parameters"]["properties"] if name != star]
        if len(self.positional) > len(order) and not star:
            return None
        given: dict[str, JSON] = dict(zip(order, self.positional, strict=False))
        if star:
            given[star] = list(self.positional[len(order) :])
        if set(given) & set(self.named):
            return None
        return {**given, **self.named}


def find_calls(source: str) -> Iterator[CallSite]:
    """Calls in a file, and in the examples of its docstrings."""
    tree = _parsed(source)
    if tree is None:
        return
    nodes = list(ast.walk(tree))  # once: walking costs more than everything else
    names = _imports(nodes)
    yield from _calls(nodes, names, source.split("\n"), 0)
    for node in nodes:
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and (text := ast.get_docstring(node)):
            yield from _examples(text, names, getattr(node, "lineno", 1))


def _parsed(source: str) -> ast.Module | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _examples(text: str, names: Mapping[str, str], line: int) -> Iterator[CallSite]:
    try:
        examples = doctest.DocTestParser().get_examples(text)
    except ValueError:
        return
    known = dict(names)
    for example in examples:
        tree = _parsed(example.source)
        if tree is not None:
            nodes = list(ast.walk(tree))
            known |= _imports(nodes)
            yield from _calls(nodes, known, example.source.split("\n"), line + example.lineno)


def _imports(nodes: Sequence[ast.AST]) -> dict[str, str]:
    """What the names of a file stand for: {"gcd": "math.gcd", "m": "math"}."""
    names: dict[str, str] = {}
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                names[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else alias.name.partition(".")[0]
                )
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return names


def _calls(nodes: Sequence[ast.AST], names: Mapping[str, str], lines: Sequence[str], offset: int) -> Iterator[CallSite]:
    for node in nodes:
        if isinstance(node, ast.Call) and (function := _function(node.func, names)):
            values = _values(node)
            if values is not None:
                first = max(0, node.lineno - 1 - MAX_CONTEXT // 2)
                context = "\n".join(lines[first : first + MAX_CONTEXT])
                yield CallSite(function, *values, offset + node.lineno, context)


def _function(node: ast.expr, names: Mapping[str, str]) -> str:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if isinstance(node, ast.Constant) and len(parts) == 1 and type(node.value).__name__ in BUILTIN_METHODS:
        return f"builtins.{type(node.value).__name__}.{parts[0]}"  # "a,b".split(",")
    if not isinstance(node, ast.Name):
        return ""
    root = names.get(node.id, f"builtins.{node.id}" if not parts else "")
    return ".".join([root, *reversed(parts)]) if root else ""


def _values(node: ast.Call) -> tuple[tuple[JSON, ...], dict[str, JSON]] | None:
    """The arguments; of a method of a literal, the literal is the first of them."""
    method = isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Constant)
    given = [node.func.value, *node.args] if method and isinstance(node.func, ast.Attribute) else node.args
    if not given and not node.keywords:
        return None
    try:
        positional = tuple(_plain(ast.literal_eval(one)) for one in given)
        named = {one.arg: _plain(ast.literal_eval(one.value)) for one in node.keywords if one.arg}
        check([*positional, named])
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError, NotJson):
        return None
    return (positional, named) if len(named) == len(node.keywords) else None


def _plain(value: object) -> JSON:
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value
