"""Runs inside the sandbox: calls one bound function with JSON arguments, and turns its value into JSON.

A binding names the function (`module`, `path`) and how arguments reach it: with `construct`, `new` and `new_named` go
to the constructor of the path's class; `positional` are passed by place, `star` is the list for `*args`; with `value`,
the first argument is the str, int or float whose method it is; `bytes` are texts that the function takes as bytes. All
others go by name.
"""

from __future__ import annotations

import importlib
import math
from itertools import islice
from typing import Any

MAX_ITEMS = 200
MAX_DEPTH = 8
MAX_DIGITS = 300  # of an integer
AS_TEXT = frozenset({"datetime", "decimal", "fractions", "ipaddress", "uuid", "pathlib"})
CASTS = {"str": str, "int": int, "float": float}


class NotPlain(Exception):
    """The value of a call is nothing that JSON can say."""


def call_bound(binding: dict[str, Any], arguments: dict[str, Any]) -> Any:
    """The value of the call; whatever the function raises passes through."""
    left = {name: _encoded(value) if name in binding["bytes"] else value for name, value in arguments.items()}
    *parents, last = binding["path"].split(".")
    owner: Any = importlib.import_module(binding["module"])
    for part in parents:
        owner = getattr(owner, part)
    if binding["value"]:
        function = getattr(_cast(binding["value"], left.pop("value")), last)
    elif binding["construct"]:
        named = {name: left.pop(name) for name in binding["new_named"] if name in left}
        function = getattr(owner(*[left.pop(name) for name in binding["new"]], **named), last)
    else:
        function = getattr(owner, last)
    placed = [left.pop(name) for name in binding["positional"] if name in left]
    if binding["star"]:
        placed += left.pop(binding["star"], [])
    return function(*placed, **left)


def _encoded(value: Any) -> Any:
    if not isinstance(value, str):
        raise TypeError("a text is expected")
    return value.encode()


def _cast(kind: str, value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, (str, int, float) if kind == "float" else CASTS[kind]):
        raise TypeError(f"value must be of type {kind}")
    return CASTS[kind](value)


def plain(value: Any, depth: int = 0) -> Any:
    """The value with JSON's types only. Raises NotPlain."""
    if depth > MAX_DEPTH:
        raise NotPlain("nested too deep")
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, bytes | bytearray):
        return bytes(value).decode("utf-8")
    if isinstance(value, int | float):
        return _plain_number(value)
    if type(value).__module__ in AS_TEXT or isinstance(value, complex):
        return str(value)
    return _plain_container(value, depth)


def _plain_number(value: int | float) -> int | float:
    if isinstance(value, int):
        if abs(value) >= 10**MAX_DIGITS:
            raise NotPlain("too many digits")
        return int(value)
    if not math.isfinite(value):
        raise NotPlain("not a finite number")
    return float(value)


def _plain_container(value: Any, depth: int) -> Any:
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, dict):
        if len(value) > MAX_ITEMS:
            raise NotPlain("too many items")
        return {_key(key): plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, set | frozenset):
        value = sorted(value)
    if isinstance(value, list | tuple) or hasattr(value, "__next__") or isinstance(value, map | filter | zip | range):
        items = list(islice(value, MAX_ITEMS + 1))
        if len(items) > MAX_ITEMS:
            raise NotPlain("too many items")
        return [plain(item, depth + 1) for item in items]
    raise NotPlain(f"a value of type {type(value).__name__}")


def _key(key: Any) -> str:
    if isinstance(key, str | int | float):
        return str(key)
    raise NotPlain(f"a key of type {type(key).__name__}")
