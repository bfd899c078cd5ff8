"""In the program's process: stand-ins for what belongs to the tests, their functions, objects and streams."""

from __future__ import annotations

import builtins
import io
import sys
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from sandbox.harness.link import Link
from sandbox.harness.operations import CALLBACK_OPERATIONS
from sandbox.harness.values import Decoder, Encoder, Handles


class Side(Handles, Protocol):
    """The program's side of the link."""

    link: Link


class Streams:
    """For one request: the program prints to, and reads from, the streams that the tests have put in place."""

    def __init__(self, link: Link, wants: list[str]) -> None:
        self._link = link
        self._wants = wants
        self._out = io.StringIO()
        self._before = (sys.stdout, sys.stdin, builtins.input)

    def __enter__(self) -> Streams:
        if "out" in self._wants:
            sys.stdout = self._out
        if "in" in self._wants:
            sys.stdin = self
            builtins.input = lambda prompt="": self._ask("input", [str(prompt)])
        return self

    def __exit__(self, *_: object) -> None:
        if self._wants:
            sys.stdout, sys.stdin, builtins.input = self._before

    def printed(self) -> str:
        """What was printed during the request."""
        return self._out.getvalue()

    def readline(self, *_: object) -> str:
        """One line of the tests' standard input."""
        return self._ask("readline", [])

    def read(self, *_: object) -> str:
        """All of it."""
        return self._ask("read", [])

    def __iter__(self) -> Iterator[str]:
        return iter(self.readline, "")

    def _ask(self, action: str, arguments: list[Any]) -> str:
        answer = self._link.ask([action, -1, ["l", *arguments]])
        if answer[0] == "ok":
            return str(answer[1])
        raise _rebuilt(answer[1], answer[2])


class Callback:
    """In the program's process: a function, iterator or object of the tests, which stays with them."""

    def __init__(self, side: Side, number: int) -> None:
        object.__setattr__(self, "_pv_side", side)
        object.__setattr__(self, "_pv_number", number)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return self._pv_ask("call", [list(arguments), named])

    def __getattr__(self, name: str) -> Any:
        if name == "__name__":
            return "test_function"
        if name.startswith("_"):
            raise AttributeError(name)
        return self._pv_ask("getattr", [name])

    def __setattr__(self, name: str, value: Any) -> None:
        self._pv_ask("setattr", [name, value])

    def __iter__(self) -> Any:
        return self._pv_ask("iter", [])

    def __next__(self) -> Any:
        return self._pv_ask("next", [])

    def __eq__(self, other: object) -> Any:
        return self is other or self._pv_ask("eq", [other])

    def __ne__(self, other: object) -> Any:
        return not self == other

    def _pv_ask(self, action: str, arguments: list[Any]) -> Any:
        encoder = Encoder(self._pv_side)
        answer = self._pv_side.link.ask([action, self._pv_number, encoder.encode(arguments)])
        if answer[0] == "ok":
            return Decoder(self._pv_side).decode(answer[1])
        raise _rebuilt(answer[1], answer[2])


def _asking(operation: str) -> Callable[..., Any]:
    return lambda self, *arguments: self._pv_ask(operation, list(arguments))


for _name in CALLBACK_OPERATIONS:
    if _name not in ("eq", "ne"):
        setattr(Callback, f"__{_name.rstrip('_')}__", _asking(_name))


def _rebuilt(lineage: list[str], text: str) -> BaseException:
    for name in lineage:
        kind = getattr(builtins, name, None)
        if isinstance(kind, type) and issubclass(kind, BaseException):
            try:
                return kind(text)
            except TypeError:
                continue
    return RuntimeError(text)
