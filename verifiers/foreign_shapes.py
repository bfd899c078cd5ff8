"""What kinds of values a function takes and returns, told from values alone: for languages without types for them.

C and Bash have no lists or texts of their own that a program could declare as in C++ or Java. A shape settles the form
instead: the header of a C function, the arguments and lines of a shell function. Written: `int, list[text] -> bool`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

Case = tuple[Sequence[Any], Any]
"""The arguments of one call, and what it returned."""

UNKNOWN = "?"  # of the members of a list that is always empty
NONE = "none"
ODD = ""  # values that have no kind in common
SCALARS = frozenset({"int", "float", "bool", "text"})


@dataclass(frozen=True, slots=True)
class Shape:
    """Kinds: `int`, `float`, `bool`, `text`, `list[kind]`, and `option[kind]` where None is among the values."""

    parameters: tuple[str, ...]
    returns: str

    def __str__(self) -> str:
        return f"{', '.join(self.parameters)} -> {self.returns}"


def read_shape(text: str) -> Shape:
    """A shape from its written form."""
    given, _, returns = text.partition("-> ")
    return Shape(tuple(kind.strip() for kind in given.split(",") if kind.strip()), returns)


def shape_of(cases: Sequence[Case]) -> Shape | None:
    """The shape that all calls share; None where a place holds values of no common kind."""
    if not cases or len({len(arguments) for arguments, _ in cases}) != 1:
        return None
    parameters = tuple(_common(column) for column in zip(*(arguments for arguments, _ in cases), strict=True))
    returns = _common(result for _, result in cases)
    return None if ODD in (*parameters, returns) else Shape(parameters, returns)


def holds(shape: Shape, case: Case) -> bool:
    """Whether the values of a call are of the shape."""
    values, kinds = [*case[0], case[1]], [*shape.parameters, shape.returns]
    if len(values) != len(kinds):
        return False
    return all(_unified(kind, _kind(value)) == kind for value, kind in zip(values, kinds, strict=True))


def member(kind: str) -> str:
    """What a list or an option holds; empty for other kinds."""
    return kind.partition("[")[2].removesuffix("]")


def is_list(kind: str) -> bool:
    """Whether the kind is a list's."""
    return kind.startswith("list[")


def is_option(kind: str) -> bool:
    """Whether None is among the values."""
    return kind.startswith("option[")


def _common(values: Iterable[Any]) -> str:
    kind = reduce(_unified, (_kind(value) for value in values))
    return ODD if kind == NONE else kind.replace(UNKNOWN, "int")


def _kind(value: Any) -> str:
    if value is None:
        return NONE
    if isinstance(value, list):
        inner = reduce(_unified, (_kind(item) for item in value), UNKNOWN)
        return f"list[{inner}]" if inner not in (ODD, NONE) else ODD
    # a truth value is an int, so it comes first
    known = ((bool, "bool"), (int, "int"), (float, "float"), (str, "text"))
    return next((name for kind, name in known if isinstance(value, kind)), ODD)


def _unified(one: str, other: str) -> str:
    if one == other or other == UNKNOWN or ODD in (one, other):
        return ODD if other == ODD else one
    if one == UNKNOWN:
        return other
    if is_list(one) and is_list(other):
        inner = _unified(member(one), member(other))
        return f"list[{inner}]" if inner else ODD
    if {one, other} == {"int", "float"}:
        return "float"
    return _optional(one, other)


def _optional(one: str, other: str) -> str:
    """An option's kind with another; options are of scalars only."""
    kinds = {member(kind) if is_option(kind) else kind for kind in (one, other)} - {NONE}
    if NONE not in (one, other) and not (is_option(one) or is_option(other)):
        return ODD
    inner = reduce(_unified, sorted(kinds))
    return f"option[{inner}]" if inner in SCALARS else ODD
