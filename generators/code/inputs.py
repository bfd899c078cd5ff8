"""Inputs on which two programs are compared: the calls of accepted tests, and variants of their arguments."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator, Sequence
from itertools import islice
from random import Random
from typing import Any

from records.types import JSON, stable_seed

MAX_INPUT_CHARS = 2_000  # of one call's arguments as JSON
ALPHABET = "abcdefghijklmnopqrstuvwxyz"

Arguments = list[JSON]


def calls_in_tests(tests: str, entry_point: str) -> list[Arguments]:
    """The arguments of every call of the function whose arguments are literals, each once, in the order of the text.

    Only for tests that a worker has parsed before: they have been accepted.
    """
    found: dict[str, Arguments] = {}
    calls = [node for node in ast.walk(ast.parse(tests)) if isinstance(node, ast.Call)]
    for call in sorted(calls, key=lambda node: (node.lineno, node.col_offset)):
        arguments = _literals(call) if isinstance(call.func, ast.Name) and call.func.id == entry_point else None
        if arguments is not None:
            found.setdefault(json.dumps(arguments), arguments)
    return list(found.values())


def _literals(call: ast.Call) -> Arguments | None:
    """The arguments as JSON values; None where one is no literal or has no JSON form."""
    if call.keywords:
        return None
    try:
        values = [ast.literal_eval(argument) for argument in call.args]
        text = json.dumps(values, allow_nan=False)
    except (ValueError, TypeError, RecursionError):
        return None
    whole: Arguments = json.loads(text)
    exact = whole == [_plain(value) for value in values]
    return whole if exact and len(text) <= MAX_INPUT_CHARS else None


def _plain(value: Any) -> Any:
    """With lists in the place of tuples; what else changes on its way through JSON (number keys) is left to differ."""
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value


def with_variants(inputs: Sequence[Arguments], count: int) -> list[Arguments]:
    """The inputs, and variants of them up to `count` in all: the same for the same inputs, each input once.

    A translation that agrees on easy inputs fails on others: empty ones, single elements, repetitions, bounds moved by
    one, signs turned, arguments of one call with those of another.
    """
    found = {json.dumps(arguments): arguments for arguments in inputs}
    rng = Random(stable_seed("inputs", *found))
    for arguments in islice(_variants(list(inputs), rng), 20 * count):
        if len(found) >= count:
            break
        text = json.dumps(arguments)
        if len(text) <= MAX_INPUT_CHARS:
            found.setdefault(text, arguments)
    return list(found.values())


def _variants(inputs: list[Arguments], rng: Random) -> Iterator[Arguments]:
    while inputs:
        base = rng.choice(inputs)
        place = rng.randrange(len(base)) if base else 0
        if not base:
            return
        changed = list(base)
        if len(inputs) > 1 and rng.random() < 0.2:
            other = rng.choice(inputs)
            changed[place] = other[place] if place < len(other) else changed[place]
        else:
            changed[place] = _variant(changed[place], rng)
        yield changed


def _variant(value: JSON, rng: Random) -> JSON:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return rng.choice([0, 1, -value, value + 1, value - 1, 2 * value, value // 2, value + rng.randint(2, 20)])
    if isinstance(value, float):
        return rng.choice([0.0, -value, value + 0.5, value * 2, float(int(value))])
    if isinstance(value, str):
        return _text_variant(value, rng)
    if isinstance(value, list):
        return _list_variant(value, rng)
    if isinstance(value, dict):
        return _object_variant(value, rng)
    return value


def _text_variant(text: str, rng: Random) -> str:
    letter = rng.choice(text) if text else rng.choice(ALPHABET)
    place = rng.randint(0, len(text))
    return rng.choice([
        "", text[::-1], text + text[:3], text[:place] + letter + text[place:], text[:place], text[place:],
        text.swapcase(), text.replace(letter, rng.choice(ALPHABET)), f"{text} ",
    ])  # fmt: skip


def _list_variant(items: list[Any], rng: Random) -> list[Any]:
    if not items:
        return items
    place = rng.randrange(len(items))
    shuffled = rng.sample(items, len(items))
    changed = [*items[:place], _variant(items[place], rng), *items[place + 1 :]]
    return rng.choice([
        [], items[::-1], items[:1], items[:place], items[place:], [*items, items[place]], items + items[:4], shuffled,
        changed, changed, changed,
    ])  # fmt: skip


def _object_variant(items: dict[str, Any], rng: Random) -> dict[str, Any]:
    if not items:
        return items
    key = rng.choice(sorted(items))
    without = {name: value for name, value in items.items() if name != key}
    return rng.choice([{}, without, {**items, key: _variant(items[key], rng)}, {**without, f"{key}x": items[key]}])
