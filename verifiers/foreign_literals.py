"""JSON values as literals of statically typed languages; values that a type cannot hold have none."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from verifiers.foreign_types import Type

MAX_CHARS = 20_000


class Unwritable(Exception):
    """The type cannot hold the value, or its literal is not known."""


@dataclass(frozen=True, slots=True)
class Writer:
    """How one language writes what JSON holds. Containers get their type and the literals of their members."""

    text: Callable[[str, Type], str]
    char: Callable[[str], str]
    whole: Callable[[int, Type], str]
    real: Callable[[float, Type], str]
    items: Callable[[Type, Sequence[str]], str]
    pairs: Callable[[Type, Sequence[tuple[str, str]]], str]
    some: Callable[[Type, str], str]
    none: Callable[[Type], str]
    tuples: Callable[[Type, Sequence[str]], str]
    null: str = ""  # of a type that holds anything; empty where there is none


def literal(writer: Writer, kind: Type, value: Any) -> str:
    """The value as a literal of the type. Raises Unwritable."""
    write = _WRITERS.get(kind.kind)
    if write is None:
        raise Unwritable(f"no literal for {kind.spelled}")
    text = write(writer, kind, value)
    if len(text) > MAX_CHARS:
        raise Unwritable("too long")
    return text


def _int(writer: Writer, kind: Type, value: Any) -> str:
    low, high = (0, 1 << kind.bits) if kind.kind == "uint" else (-(1 << (kind.bits - 1)), 1 << (kind.bits - 1))
    if isinstance(value, bool) or not isinstance(value, int) or not low < value < high - 1:
        raise Unwritable(f"{value!r} is no {kind.spelled}")
    return writer.whole(value, kind)


def _float(writer: Writer, kind: Type, value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or abs(value) > 1e15:
        raise Unwritable(f"{value!r} is no {kind.spelled}")
    return writer.real(float(value), kind)


def _bool(_: Writer, kind: Type, value: Any) -> str:
    if not isinstance(value, bool):
        raise Unwritable(f"{value!r} is no {kind.spelled}")
    return "true" if value else "false"


def _text(writer: Writer, kind: Type, value: Any) -> str:
    if not isinstance(value, str) or (not value.isprintable() and not set(value) <= set(map(chr, range(9, 127)))):
        raise Unwritable(f"{value!r} is no {kind.spelled}")
    return writer.text(value, kind)


def _char(writer: Writer, kind: Type, value: Any) -> str:
    if not isinstance(value, str) or len(value) != 1 or not value.isascii() or not value.isprintable():
        raise Unwritable(f"{value!r} is no {kind.spelled}")
    return writer.char(value)


def _list(writer: Writer, kind: Type, value: Any) -> str:
    if not isinstance(value, list):
        raise Unwritable(f"{value!r} is no {kind.spelled}")
    return writer.items(kind, [literal(writer, kind.parts[0], item) for item in value])


def _map(writer: Writer, kind: Type, value: Any) -> str:
    if not isinstance(value, dict) or kind.parts[0].kind != "text":
        raise Unwritable(f"{value!r} is no {kind.spelled}")
    pairs = [(literal(writer, kind.parts[0], key), literal(writer, kind.parts[1], item)) for key, item in value.items()]
    return writer.pairs(kind, pairs)


def _option(writer: Writer, kind: Type, value: Any) -> str:
    return writer.none(kind) if value is None else writer.some(kind, literal(writer, kind.parts[0], value))


def _tuple(writer: Writer, kind: Type, value: Any) -> str:
    if not isinstance(value, list) or len(value) != len(kind.parts):
        raise Unwritable(f"{value!r} is no {kind.spelled}")
    return writer.tuples(kind, [literal(writer, part, item) for part, item in zip(kind.parts, value, strict=True)])


def _any(writer: Writer, kind: Type, value: Any) -> str:
    """A plain value for a type that holds anything."""
    if value is None and writer.null:
        return writer.null
    plain = {bool: Type("bool", "bool"), int: Type("int", "int", bits=32), str: Type("text", "string")}
    real = Type("float", "float64" if writer.null == "nil" else "double", bits=64)
    return literal(
        writer, real if isinstance(value, float) else plain.get(type(value), Type("other", kind.spelled)), value
    )


_WRITERS: dict[str, Callable[[Writer, Type, Any], str]] = {
    "int": _int, "uint": _int, "float": _float, "bool": _bool, "text": _text, "char": _char, "list": _list,
    "map": _map, "option": _option, "tuple": _tuple, "any": _any,
}  # fmt: skip


def _refused(*_: Any) -> str:
    raise Unwritable("no literal in this language")


def _quoted(text: str) -> str:
    """Escapes that C++, Java, Go and Rust share: ASCII as JSON writes it, anything else as it is."""
    quoted = json.dumps(text, ensure_ascii=False)
    if any(letter in text for letter in "\b\f\x7f") or "\\u" in quoted:
        raise Unwritable("control characters")
    return quoted


def _apostrophes(text: str) -> str:
    return f"'\\{text}'" if text in "'\\" else f"'{text}'"


def _real(value: float, _: Type) -> str:
    return f"({value!r})" if value < 0 else repr(value)


def _cpp_whole(value: int, kind: Type) -> str:
    return f"({kind.spelled})({value}LL)"


def _java_whole(value: int, kind: Type) -> str:
    return f"({value}L)" if kind.bits == 64 else f"({value})"


def _java_real(value: float, kind: Type) -> str:
    return f"({value!r}f)" if kind.bits == 32 else f"({value!r})"


def _java_items(kind: Type, items: Sequence[str]) -> str:
    joined = ", ".join(items)
    if kind.spelled.endswith("[]"):
        return f"new {kind.spelled} {{{joined}}}"
    return f"new ArrayList<{kind.parts[0].spelled}>(Arrays.<{kind.parts[0].spelled}>asList({joined}))"


def _java_pairs(kind: Type, pairs: Sequence[tuple[str, str]]) -> str:
    key, value = (part.spelled for part in kind.parts)
    puts = "".join(f" put({name}, {item});" for name, item in pairs)
    return f"new HashMap<{key}, {value}>() {{{{{puts} }}}}"


def _rust_text(text: str, kind: Type) -> str:
    return f"{_quoted(text)}.to_string()" if kind.spelled == "String" else _quoted(text)


def _rust_whole(value: int, kind: Type) -> str:
    return f"({value}{kind.spelled})"


def _rust_real(value: float, kind: Type) -> str:
    return f"({value!r}{kind.spelled})"


def _rust_pairs(_: Type, pairs: Sequence[tuple[str, str]]) -> str:
    return f"vec![{', '.join(f'({name}, {item})' for name, item in pairs)}].into_iter().collect()"


def _braced(kind: Type, items: Sequence[str]) -> str:
    return f"{kind.spelled}{{{', '.join(items)}}}"


def _braced_pairs(kind: Type, pairs: Sequence[tuple[str, str]]) -> str:
    return f"{kind.spelled}{{{', '.join(f'{{{name}, {item}}}' for name, item in pairs)}}}"


WRITERS = {
    "cpp": Writer(
        lambda text, _: f"string({_quoted(text)})", _apostrophes, _cpp_whole, _real, _braced, _braced_pairs,
        lambda kind, inner: f"{kind.spelled}({inner})", lambda kind: f"{kind.spelled}()", _braced,
    ),
    "java": Writer(
        lambda text, _: _quoted(text), _apostrophes, _java_whole, _java_real, _java_items, _java_pairs,
        lambda _, inner: f"Optional.of({inner})", lambda _: "Optional.empty()", _refused, "null",
    ),
    "go": Writer(
        lambda text, _: _quoted(text), _apostrophes, lambda value, kind: f"{kind.spelled}({value})",
        lambda value, kind: f"{kind.spelled}({value!r})", _braced,
        lambda kind, pairs: f"{kind.spelled}{{{', '.join(f'{name}: {item}' for name, item in pairs)}}}",
        _refused, _refused, lambda _, items: ", ".join(items), "nil",
    ),
    "rust": Writer(
        _rust_text, _apostrophes, _rust_whole, _rust_real, lambda _, items: f"vec![{', '.join(items)}]", _rust_pairs,
        lambda _, inner: f"Some({inner})", lambda _: "None", lambda _, items: f"({', '.join(items)},)",
    ),
}  # fmt: skip
