"""Values that cross between processes: exact built-in types only, as JSON, checked on arrival.

Whatever a program returns is flattened to the built-in type it derives from before it is sent, and rebuilt from data
alone where it is judged: no method of the program's own runs there, so an object that calls itself equal to everything
never arrives. Unknown objects cross as handles, where the caller supplies a table for them.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any, Protocol

from sandbox.harness import science

MAX_DEPTH = 120
MAX_NODES = 1_000_000
_BIG = 1 << 53

Coded = Any  # a JSON value
_TEMPORAL = (datetime.datetime, datetime.date, datetime.time)


class Uncrossable(Exception):
    """A value that has no built-in form, is nested too deep, or is too large; the message says which."""


class Handles(Protocol):
    """The table of objects that cross by name instead of by value."""

    def export(self, thing: object) -> list[Any] | None:
        """The coded handle of an object, or None where it may not cross."""
        ...

    def resolve(self, coded: list[Any]) -> object:
        """The object, or the stand-in for it, that a handle names."""
        ...


class Encoder:
    """Turns values into JSON. A container seen before in the same message is sent by number: aliases stay aliases."""

    def __init__(self, handles: Handles | None, arrays: bool = True) -> None:
        """With `arrays=False` an array is sent as the lists and numbers in it."""
        self._handles = handles
        self._arrays = arrays
        self.seen: list[Any] = []  # keeps containers alive, so that ids stay unique
        self._numbers: dict[int, int] = {}
        self._nodes = 0

    def note(self, container: object) -> None:
        """Give a container the next number, as `encode` does."""
        self._numbers[id(container)] = len(self.seen)
        self.seen.append(container)

    def encode(self, value: Any, depth: int = 0) -> Coded:
        """One value. Raises Uncrossable."""
        self._nodes += 1
        if depth > MAX_DEPTH or self._nodes > MAX_NODES:
            raise Uncrossable("a value nested too deep" if depth > MAX_DEPTH else "a value too large to send")
        kind = type(value)
        if value is None or kind is bool or kind is str or kind is float:
            return value
        if kind is int:
            return value if -_BIG < value < _BIG else ["i", hex(value)]
        number = self._numbers.get(id(value))
        if number is not None:
            return ["r", number]
        return self._container(value, depth)

    def contents(self, container: Any, depth: int = 0) -> Coded:
        """The members of a numbered list, dict, set or bytearray, whether or not it was sent before."""
        if isinstance(container, list):
            return ["l", *(self.encode(item, depth + 1) for item in list.__iter__(container))]
        if isinstance(container, dict):
            pairs = [part for pair in dict.items(container) for part in pair]
            return ["d", *(self.encode(part, depth + 1) for part in pairs)]
        if isinstance(container, bytearray):
            return ["a", bytes(container).decode("latin-1")]
        if science.is_array(container):
            return science.encode(container, lambda item: self.encode(item, depth + 1))
        return ["s", *(self.encode(item, depth + 1) for item in set.__iter__(container))]

    def _container(self, value: Any, depth: int) -> Coded:
        if isinstance(value, (list, dict, set, bytearray)):
            self.note(value)
            return self.contents(value, depth)
        if isinstance(value, tuple):
            return ["t", *(self.encode(item, depth + 1) for item in tuple.__iter__(value))]
        if isinstance(value, frozenset):
            return ["z", *(self.encode(item, depth + 1) for item in frozenset.__iter__(value))]
        scalar = _encode_scalar(value)
        if scalar is not _NONE:
            return scalar
        scientific = self._scientific(value, depth)
        if scientific is not None:
            return scientific
        coded = self._handles.export(value) if self._handles else None
        if coded is None:
            raise Uncrossable(f"an object of type {type(value).__name__}")
        return coded

    def _scientific(self, value: Any, depth: int) -> Coded | None:
        if not self._arrays and (plain := science.plain(value)) is not value:
            return self.encode(plain, depth + 1)
        if science.is_array(value):
            self.note(value)
            return self.contents(value, depth)
        return science.encode(value, lambda item: self.encode(item, depth + 1))


_NONE = object()


def _encode_scalar(value: Any) -> Coded:
    """Everything else that has a built-in form; subclasses lose what they add."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        number = int.__index__(value)
        return number if -_BIG < number < _BIG else ["i", hex(number)]
    if isinstance(value, float):
        return float.__float__(value)
    if isinstance(value, bytes):
        return ["b", bytes.decode(value, "latin-1")]
    if isinstance(value, complex):
        return ["c", complex.real.__get__(value), complex.imag.__get__(value)]
    return _encode_library(value)


def _encode_library(value: Any) -> Coded:
    if type(value) is range:
        return ["R", *(hex(part) for part in (value.start, value.stop, value.step))]
    if type(value) is Decimal:
        return ["D", str(value)]
    if type(value) is Fraction:
        return ["F", hex(value.numerator), hex(value.denominator)]
    if type(value) in _TEMPORAL and getattr(value, "tzinfo", None) is None:
        return ["T", type(value).__name__, value.isoformat()]
    if type(value) is datetime.timedelta:
        return ["T", "timedelta", [value.days, value.seconds, value.microseconds]]
    if value is Ellipsis or value is NotImplemented:
        return ["k", "Ellipsis" if value is Ellipsis else "NotImplemented"]
    return _NONE


class Decoder:
    """Rebuilds values from JSON that a hostile process may have written. Raises Uncrossable on anything else."""

    def __init__(self, handles: Handles | None, known: list[Any] | None = None) -> None:
        self._handles = handles
        self.seen: list[Any] = list(known or ())

    def decode(self, coded: Coded, depth: int = 0) -> Any:
        """One value of exact built-in types."""
        if coded is None or type(coded) in (bool, str, float, int):
            return coded
        if type(coded) is not list or not coded or type(coded[0]) is not str or depth > MAX_DEPTH:
            raise Uncrossable("an unreadable value")
        tag = coded[0]
        if tag in _MUTABLE:
            container = _MUTABLE[tag]()
            self.seen.append(container)
            self.fill(container, coded, depth)
            return container
        try:
            if tag in science.TAGS:
                return self._scientific(coded, depth)
            return self._immutable(tag, coded, depth)
        except (ValueError, TypeError, ArithmeticError, IndexError, AttributeError) as error:
            raise Uncrossable("an unreadable value") from error

    def refill(self, container: Any, coded: list[Any]) -> None:
        """Give a container of the caller's other members. Raises Uncrossable, or what the container raises."""
        if science.is_array(container):
            container[...] = science.decode(coded, lambda item: self.decode(item, 1))
            return
        container.clear()
        self.fill(container, coded)

    def fill(self, container: Any, coded: list[Any], depth: int = 0) -> None:
        """Put the coded members into an empty container. Raises Uncrossable."""
        try:
            if type(container) is bytearray:
                container += coded[1].encode("latin-1")
                return
            members = [self.decode(item, depth + 1) for item in coded[1:]]
            if type(container) is list:
                container += members
            elif type(container) is set:
                container.update(members)
            else:
                container.update(zip(members[::2], members[1::2], strict=True))
        except (ValueError, TypeError, AttributeError, IndexError) as error:
            raise Uncrossable("an unreadable value") from error

    def _scientific(self, coded: list[Any], depth: int) -> Any:
        number = len(self.seen)
        try:
            value = science.decode(coded, lambda item: self.decode(item, depth + 1))
        except (ImportError, KeyError, SyntaxError, RecursionError, MemoryError, OverflowError) as error:
            raise Uncrossable("an unreadable value") from error
        if coded[0] == "N":
            self.seen.insert(number, value)  # it was counted before what lies in it
        return value

    def _immutable(self, tag: str, coded: list[Any], depth: int) -> Any:
        if tag == "r":
            return self.seen[_index(coded[1])]
        if tag in ("t", "z"):
            members = [self.decode(item, depth + 1) for item in coded[1:]]
            return tuple(members) if tag == "t" else frozenset(members)
        if tag in _SCALARS:
            return _SCALARS[tag](coded)
        if self._handles is None:
            raise Uncrossable("a handle where none is expected")
        return self._handles.resolve(coded)


def _index(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError("not an index")
    return value


def _temporal(coded: list[Any]) -> Any:
    if coded[1] == "timedelta":
        days, seconds, microseconds = coded[2]
        return datetime.timedelta(days, seconds, microseconds)
    kinds: dict[str, Any] = {kind.__name__: kind for kind in _TEMPORAL}
    return kinds[coded[1]].fromisoformat(coded[2])


_MUTABLE: dict[str, Callable[[], Any]] = {"l": list, "d": dict, "s": set, "a": bytearray}
_SCALARS: dict[str, Callable[[list[Any]], Any]] = {
    "i": lambda coded: int(coded[1], 16),
    "b": lambda coded: coded[1].encode("latin-1"),
    "c": lambda coded: complex(float(coded[1]), float(coded[2])),
    "R": lambda coded: range(*(int(part, 16) for part in coded[1:4])),
    "D": lambda coded: Decimal(coded[1]),
    "F": lambda coded: Fraction(int(coded[1], 16), int(coded[2], 16)),
    "T": _temporal,
    "k": lambda coded: {"Ellipsis": Ellipsis, "NotImplemented": NotImplemented}[coded[1]],
}
