"""The operators and built-in functions that one side may ask the other to apply to its objects."""

from __future__ import annotations

import builtins
import copy
import operator
from collections.abc import Callable
from typing import Any


def _swapped(operation: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda target, other: operation(other, target)


_BINARY = (
    "add", "sub", "mul", "matmul", "truediv", "floordiv", "mod", "pow", "lshift", "rshift", "and_", "or_", "xor",
)  # fmt: skip
_PLAIN = (
    "eq", "ne", "lt", "le", "gt", "ge", "neg", "pos", "abs", "invert", "getitem", "setitem", "delitem", "contains",
    "index",
)  # fmt: skip
_BUILTIN = (
    "getattr", "setattr", "delattr", "len", "iter", "next", "repr", "str", "bool", "int", "float", "complex", "hash",
    "isinstance", "issubclass", "dir", "round", "divmod", "format", "reversed", "bytes",
)  # fmt: skip
OPERATIONS: dict[str, Callable[..., Any]] = {
    **{name: getattr(operator, name) for name in (*_BINARY, *_PLAIN)},
    **{f"r{name}": _swapped(getattr(operator, name)) for name in _BINARY},
    **{f"i{name}": getattr(operator, f"i{name.rstrip('_')}") for name in _BINARY},
    **{name: getattr(builtins, name) for name in _BUILTIN},
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
}
# What the program may do with an object of a class of the tests, beside using its public attributes.
CALLBACK_OPERATIONS = (
    *_BINARY, "eq", "ne", "lt", "le", "gt", "ge", "neg", "getitem", "setitem", "contains", "len", "bool", "str", "repr",
    "hash", "int", "float",
)  # fmt: skip
