"""In the test driver: stand-ins for the program's functions, classes and objects.

Results cross as exact built-in values and are compared here, by the tests' own code. Where an object of the program
itself has to answer a comparison (a class under test that defines equality), the program decides, and the report says
so. A function's result that is not a plain value is never asked whether it equals one: it does not.

Known difference to running in one process: a list, set or dict read from a program's object is a copy, so changing it
there (`stack.items.append(1)`) changes nothing in the program; arguments that the program changes in place are updated.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Generator, Iterator
from typing import TYPE_CHECKING, Any

from sandbox.harness.operations import OPERATIONS

if TYPE_CHECKING:
    from sandbox.harness.tests_side import TestSide

# Questions that only a built-in value may answer: a made-up object would say yes to whatever constant the test names.
_QUESTIONS = ("startswith", "endswith", "issubset", "issuperset", "isdisjoint")


_CLASSES: dict[str, type] = {"generator": types.GeneratorType, "function": types.FunctionType}


class Remote:
    """An object of the program. Everything done to it happens in the program's process."""

    __slots__ = ("__weakref__", "_pv_built", "_pv_kind", "_pv_lineage", "_pv_number", "_pv_side")

    def __init__(self, side: TestSide, number: int, kind: str, lineage: list[str]) -> None:
        for name, value in (("side", side), ("number", number), ("kind", kind), ("lineage", lineage)):
            object.__setattr__(self, f"_pv_{name}", value)
        # whether the tests treat it as an object of a class under test: decided by their spelling, never by the program
        object.__setattr__(self, "_pv_built", False)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return mark(self._pv_side.request("call", self, list(arguments), named), self._pv_built)

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return _CLASSES.get(self._pv_kind, Remote)

    def __getattr__(self, name: str) -> Any:
        if name == "__dict__":
            raise AttributeError(name)
        if name in _QUESTIONS and not self._pv_built:
            raise TypeError(f"{_what(self)} is not a built-in value: its {name}() is not judged")
        found = self._pv_side.request("op", "getattr", self, [name])
        return mark(found, self._pv_built or looks_like_class(name))

    def __setattr__(self, name: str, value: Any) -> None:
        self._pv_side.request("op", "setattr", self, [name, value])

    def __delattr__(self, name: str) -> None:
        self._pv_side.request("op", "delattr", self, [name])

    def __eq__(self, other: object) -> Any:
        return self._pv_compare("eq", other, False)

    def __ne__(self, other: object) -> Any:
        return self._pv_compare("ne", other, True)

    def __hash__(self) -> int:
        return int(self._pv_side.request("op", "hash", self, []))

    def __bool__(self) -> bool:
        return bool(self._pv_side.request("op", "bool", self, []))

    def __len__(self) -> int:
        return int(self._pv_side.request("op", "len", self, []))

    def __iter__(self) -> Iterator[Any]:
        iterator = self._pv_side.request("op", "iter", self, [])
        return iterator if isinstance(iterator, Remote) else iter(iterator)

    def __next__(self) -> Any:
        return mark(self._pv_side.request("op", "next", self, []), self._pv_built)

    def __contains__(self, item: object) -> bool:
        if self._pv_built:
            self._pv_side.decided = True
            return bool(self._pv_side.request("op", "contains", self, [item]))
        return any(member is item or member == item for member in self)

    def __repr__(self) -> str:
        return str(self._pv_side.request("op", "repr", self, []))

    def __str__(self) -> str:
        return str(self._pv_side.request("op", "str", self, []))

    def __deepcopy__(self, memo: object) -> Any:
        return mark(self._pv_side.request("op", "deepcopy", self, []), self._pv_built)

    def __instancecheck__(self, thing: object) -> bool:
        return isinstance(thing, Remote) and bool(self._pv_side.request("op", "isinstance", thing, [self]))

    def __subclasscheck__(self, thing: object) -> bool:
        return isinstance(thing, Remote) and bool(self._pv_side.request("op", "issubclass", thing, [self]))

    def __enter__(self) -> Any:
        return mark(self.__getattr__("__enter__")(), self._pv_built)

    def __exit__(self, *_: object) -> bool:
        return bool(self.__getattr__("__exit__")(None, None, None))

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[type, ...]:
        return (_Deriving("Deriving", (), {"_pv_base": self}),)

    def _pv_compare(self, operation: str, other: object, unequal: bool) -> Any:
        if isinstance(other, Remote) or self._pv_built:
            self._pv_side.decided = True
            return self._pv_side.request("op", operation, self, [other])
        return unequal

    def _pv_operate(self, operation: str, arguments: list[Any]) -> Any:
        plain = [argument for argument in arguments if not isinstance(argument, Remote)]
        if plain and not self._pv_built and operation not in ("getitem", "round", "format"):
            raise TypeError(f"{_what(self)} is not a built-in value: {operation} with one is not judged")
        if arguments and operation not in ("getitem", "setitem", "delitem"):
            self._pv_side.decided = True
        return mark(self._pv_side.request("op", operation, self, arguments), self._pv_built)


class RemoteAwaitable(Remote):
    """A coroutine of the program; a class of its own, because having `__await__` is what makes an awaitable."""

    __slots__ = ()

    def __await__(self) -> Generator[None, None, Any]:
        yield from ()
        return mark(self._pv_side.request("await", self), self._pv_built)


class _Deriving(type):
    """Stands where the tests derive a class from one of the program's; the class is made in the program's process."""

    def __new__(mcs, name: str, bases: tuple[Any, ...], members: dict[str, Any]) -> Any:
        if "_pv_base" in members:
            return super().__new__(mcs, name, bases, members)
        if "__classcell__" in members:
            raise TypeError(f"class {name} uses super() of a class of the program, which is in another process")
        remotes: list[Remote] = [base.__dict__["_pv_base"] for base in bases if isinstance(base, _Deriving)]
        kept = {key: value for key, value in members.items() if key not in ("__module__", "__qualname__")}
        made = remotes[0]._pv_side.request("subclass", name, remotes, kept)
        return mark(made, looks_like_class(name))

    def __init__(cls, *_: Any) -> None:
        """Nothing: what was made may be no class of ours."""


def _operator(operation: str) -> Callable[..., Any]:
    def method(self: Remote, *arguments: Any) -> Any:
        return self._pv_operate(operation, list(arguments))

    return method


for _name in OPERATIONS:
    _dunder = f"__{_name.rstrip('_')}__"
    if _dunder not in Remote.__dict__ and _name not in ("getattr", "isinstance", "issubclass", "dir"):
        setattr(Remote, _dunder, _operator(_name))


def _what(thing: Remote) -> str:
    return f"an object of type {thing._pv_lineage[0] if thing._pv_lineage else '?'}"


def looks_like_class(name: str) -> bool:
    """Whether the tests' spelling says that a name is a class (PEP 8: CapWords)."""
    return name[:1].isupper()


def mark(value: Any, built: bool) -> Any:
    """Note on an object of the program how the tests came by it."""
    if built and isinstance(value, Remote):
        object.__setattr__(value, "_pv_built", True)
    return value
