"""Reads calls written as Python text, `[f(a=1), math.gcd(a=2, b=3)]`: literals only, nothing is ever evaluated."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable, Mapping, Sequence

from records.types import JSON
from verifiers.strict_json import NotJson, check

MAX_CHARACTERS = 50_000  # the syntax tree takes about a kilobyte per token
MAX_DEPTH = 32  # of brackets
WORDS: Mapping[str, bool | None] = {"true": True, "false": False, "null": None}  # JSON's, which models mix in

Parameters = Mapping[str, Sequence[str]]
"""The names of each tool's parameters, in the order in which its schema lists them."""


class NotPythonCalls(Exception):
    """The text is no sequence of calls with literal arguments; `code` says what is wrong with it."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


def read_python_calls(text: str, parameters: Parameters) -> list[tuple[str, dict[str, JSON]]]:
    """Name and arguments of each call: one call, a list or tuple of calls, or one call a line.

    Positional arguments take the names of the tool's first parameters. Raises NotPythonCalls.
    """
    calls = [node for statement in _tree(text).body for node in _elements(statement)]
    return [_read_call(node, parameters) for node in calls]


def _tree(text: str) -> ast.Module:
    _bound(text)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the compiler's remarks on a stranger's escape sequences
            return ast.parse(text.strip())
    except SyntaxError as error:
        raise NotPythonCalls("not_python", f"{error.msg} in line {error.lineno}") from None
    except (ValueError, RecursionError, MemoryError):  # null bytes, surrogates; the parser's own limits on nesting
        raise NotPythonCalls("not_python", "the parser refuses it") from None


def _bound(text: str) -> None:
    """Length and bracket depth, before the parser sees the text. Brackets in strings count: the bound stays a bound."""
    if len(text) > MAX_CHARACTERS:
        raise NotPythonCalls("too_large", f"longer than {MAX_CHARACTERS} characters")
    depth = 0
    for character in text:
        depth += (character in "([{") - (character in ")]}")
        if depth > MAX_DEPTH:
            raise NotPythonCalls("too_large", f"brackets nested more than {MAX_DEPTH} levels deep")


def _elements(statement: ast.stmt) -> list[ast.expr]:
    if not isinstance(statement, ast.Expr):
        raise NotPythonCalls("not_a_call", f"a statement ({type(statement).__name__})")
    value = statement.value
    return list(value.elts) if isinstance(value, ast.List | ast.Tuple) else [value]


def _read_call(node: ast.expr, parameters: Parameters) -> tuple[str, dict[str, JSON]]:
    if not isinstance(node, ast.Call):
        raise NotPythonCalls("not_a_call", f"an expression ({type(node).__name__})")
    name = _dotted(node.func)
    arguments: dict[str, JSON] = {}
    for parameter, value in zip(_positional(name, len(node.args), parameters), node.args, strict=True):
        arguments[parameter] = _literal(value)
    for keyword in node.keywords:
        if keyword.arg is None:
            raise NotPythonCalls("not_a_literal", "unpacked arguments (**)")
        if keyword.arg in arguments:
            raise NotPythonCalls("duplicate_argument", f"{keyword.arg} of {name} is given twice")
        arguments[keyword.arg] = _literal(keyword.value)
    try:
        check(arguments)
    except NotJson as error:
        raise NotPythonCalls(error.code, error.detail) from None
    return name, arguments


def _dotted(node: ast.expr) -> str:
    """`math.gcd` stays one name: tools may have dots in theirs."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        raise NotPythonCalls("not_a_call", "what is called is no name")
    return ".".join([node.id, *reversed(parts)])


def _positional(name: str, count: int, parameters: Parameters) -> Sequence[str]:
    if count == 0:
        return ()
    if name not in parameters:
        raise NotPythonCalls("positional_argument", f"{name} has no schema that would name its positional arguments")
    if count > len(parameters[name]):
        raise NotPythonCalls("positional_argument", f"{name} has {len(parameters[name])} parameters, {count} are given")
    return parameters[name][:count]


def _literal(node: ast.expr) -> JSON:
    """The value of a literal; tuples become lists. Depth is bounded by the brackets, see `_bound`."""
    reader = READERS.get(type(node))
    if reader is None:
        raise NotPythonCalls("not_a_literal", f"an argument is no literal ({type(node).__name__})")
    return reader(node)


def _constant(node: ast.Constant) -> JSON:
    if node.value is None or isinstance(node.value, bool | int | float | str):
        return node.value
    raise NotPythonCalls("not_a_literal", f"an argument of type {type(node.value).__name__}")


def _word(node: ast.Name) -> JSON:
    if node.id in WORDS:
        return WORDS[node.id]
    raise NotPythonCalls("not_a_literal", f"an argument is a variable ({node.id[:80]})")


def _signed(node: ast.UnaryOp) -> JSON:
    """A sign before a number, and no second one: `--1` is arithmetic, and a thousand signs are an attack."""
    number = node.operand.value if isinstance(node.operand, ast.Constant) else None
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise NotPythonCalls("not_a_literal", "a sign before something that is no number")
    if isinstance(node.op, ast.USub):
        return -number
    if isinstance(node.op, ast.UAdd):
        return number
    raise NotPythonCalls("not_a_literal", "an operator")


def _items(node: ast.List | ast.Tuple) -> JSON:
    return [_literal(item) for item in node.elts]


def _mapping(node: ast.Dict) -> JSON:
    value: dict[str, JSON] = {}
    for key, item in zip(node.keys, node.values, strict=True):
        if not (isinstance(key, ast.Constant) and isinstance(key.value, str)):
            raise NotPythonCalls("not_a_literal", "a dictionary key that is no string")
        if key.value in value:
            raise NotPythonCalls("duplicate_key", f"the key {key.value[:80]!r} stands twice in one dictionary")
        value[key.value] = _literal(item)
    return value


READERS: Mapping[type[ast.expr], Callable[..., JSON]] = {
    ast.Constant: _constant,
    ast.Name: _word,
    ast.UnaryOp: _signed,
    ast.List: _items,
    ast.Tuple: _items,
    ast.Dict: _mapping,
}
