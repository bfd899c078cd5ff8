"""JSON that strangers wrote, read strictly and within bounds: what `json.loads` lets through and no file can hold."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import NoReturn

from records.types import JSON

MAX_DEPTH = 64  # of nesting; far below Python's recursion limit, far above any real call or document of ours
MAX_CHARACTERS = 2_000_000  # of one text
MAX_INTEGER_BITS = 1_024  # beyond the floats; longer ones cannot be compared with floats or printed in linear time
SURROGATE = re.compile("[\ud800-\udfff]")


class NotJson(Exception):
    """Why a text or value is not JSON: `code` is not_json, duplicate_key, not_a_number, surrogate; see TooLarge."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


class TooLarge(NotJson):
    """It is too long or nested too deep to be judged (`code` too_large); nothing is known about what it says."""

    def __init__(self, detail: str) -> None:
        super().__init__("too_large", detail)


def read(text: str) -> JSON:
    """Exactly one JSON value (RFC 8259). Raises NotJson."""
    value, end = read_at(text, 0)
    if text[end:].strip(" \t\r\n"):
        raise NotJson("not_json", f"something follows the value at character {end}")
    return value


def read_at(text: str, start: int) -> tuple[JSON, int]:
    """The JSON value that begins at `start` or after the spaces there, and where it ends. Raises NotJson."""
    if len(text) > MAX_CHARACTERS:
        raise TooLarge(f"longer than {MAX_CHARACTERS} characters")
    while start < len(text) and text[start] in " \t\r\n":
        start += 1
    try:
        value, end = DECODER.raw_decode(text, start)
    except json.JSONDecodeError as error:
        raise NotJson("not_json", f"{error.msg} at character {error.pos}") from None
    except RecursionError:
        raise TooLarge(f"nested more than {MAX_DEPTH} levels deep") from None
    except ValueError:  # the interpreter's own limit on the digits of an integer
        raise NotJson("not_a_number", "an integer has too many digits") from None
    check(value)
    return value, end


def check(value: JSON) -> None:
    """Raises NotJson for a value that JSON cannot say: NaN, infinity, endless integers, half characters, objects."""
    todo: list[tuple[JSON, int]] = [(value, 1)]
    while todo:
        item, depth = todo.pop()
        if depth > MAX_DEPTH:
            raise TooLarge(f"nested more than {MAX_DEPTH} levels deep")
        if isinstance(item, dict | list | tuple):
            todo += [(inner, depth + 1) for inner in _inner(item)]
        else:
            _check_plain(item)


def _inner(item: dict[str, JSON] | list[JSON] | tuple[JSON, ...]) -> Iterator[JSON]:
    if not isinstance(item, dict):
        yield from item
        return
    for name, value in item.items():
        if not isinstance(name, str):
            raise NotJson("not_json", "a key that is no string")
        yield name
        yield value


def _check_plain(item: JSON) -> None:
    if isinstance(item, str):
        if SURROGATE.search(item):
            raise NotJson("surrogate", "an unpaired surrogate (\\ud800 to \\udfff)")
    elif isinstance(item, float):
        if item != item or item in (float("inf"), float("-inf")):
            raise NotJson("not_a_number", "NaN or infinity")
    elif isinstance(item, int):
        if item.bit_length() > MAX_INTEGER_BITS:
            raise NotJson("not_a_number", "an integer has too many digits")
    elif item is not None:
        raise NotJson("not_json", f"a value of type {type(item).__name__}")


def _object_of(pairs: list[tuple[str, JSON]]) -> dict[str, JSON]:
    value: dict[str, JSON] = {}
    for name, item in pairs:
        if name in value:
            raise NotJson("duplicate_key", f"the key {name[:80]!r} stands twice in one object")
        value[name] = item
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise NotJson("not_a_number", f"{name} is not JSON")


DECODER = json.JSONDecoder(object_pairs_hook=_object_of, parse_constant=_refuse_constant)
