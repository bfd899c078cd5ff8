"""The talk between the program's process and the test driver: one message each way, requests may nest.

Both sides may be in the middle of a request of the other (a test passes a function, the program calls it); every
request gets one answer, in order. The program's side is hostile: what it sends is only ever data.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from sandbox.harness.values import Coded, Encoder, Uncrossable
from sandbox.wire import read_exactly, write_all

MAX_MESSAGE = 32 << 20
Message = list[Any]


class Lost(BaseException):
    """The other process is gone or does not keep to the protocol. Not an Exception: no test may swallow it."""


class Link:
    """Messages over one socket; answers requests of the other side while it waits for its own answer."""

    def __init__(self, fd: int, serve: Callable[[Message], Message]) -> None:
        self._fd = fd
        self._serve = serve
        self.lost = False  # remembered, because a test may catch everything

    def ask(self, message: Message) -> Message:
        """Send a request and return its answer. Raises Lost."""
        self._send(["?", message])
        while True:
            kind, body = self._receive()
            if kind == "!":
                return body
            self._send(["!", self._serve(body)])

    def await_loaded(self) -> None:
        """Wait for the program to say that it has been loaded. Raises Lost."""
        if self._receive() != ("!", ["loaded"]):
            raise self._loss("an unreadable message")

    def say_loaded(self) -> None:
        """Tell the driver that it may begin."""
        self._send(["!", ["loaded"]])

    def listen(self) -> None:
        """Answer requests until the other side goes away."""
        while True:
            kind, body = self._receive()
            if kind == "?":
                self._send(["!", self._serve(body)])

    def _send(self, message: Message) -> None:
        data = json.dumps(message).encode()
        if len(data) > MAX_MESSAGE:
            raise self._loss("a message too large")
        try:
            write_all(self._fd, len(data).to_bytes(4, "big") + data)
        except OSError as error:
            raise self._loss(str(error)) from error

    def _loss(self, reason: str) -> Lost:
        self.lost = True
        return Lost(reason)

    def _receive(self) -> tuple[str, Message]:
        try:
            size = int.from_bytes(read_exactly(self._fd, 4), "big")
            if size > MAX_MESSAGE:
                raise self._loss("a message too large")
            message = json.loads(read_exactly(self._fd, size))
        except (OSError, EOFError, ValueError, RecursionError) as error:
            raise self._loss(str(error)) from error
        if type(message) is not list or len(message) != 2 or type(message[1]) is not list:
            raise self._loss("an unreadable message")
        return str(message[0]), message[1]


def text_of(error: object, limit: int = 500) -> str:
    """The text of an exception or value whose own methods may do anything."""
    try:
        text = str.__str__(str(error))
    except BaseException:  # noqa: BLE001 - a foreign __str__ may raise anything
        return "<unprintable>"
    return text if len(text) <= limit else text[:limit] + "..."


def lineage_of(thing: object) -> list[str]:
    """The names of a class and its bases, nearest first; a class outside the built-ins is marked by its module."""
    kind = thing if isinstance(thing, type) else type(thing)
    names = []
    for base in kind.__mro__:
        module = base.__dict__.get("__module__", "builtins")
        names.append(str(base.__name__) if base.__module__ == "builtins" else f"{module}.{base.__qualname__}")
    return names


def describe_exception(error: BaseException) -> tuple[list[str], str, Coded, Coded]:
    """An exception as data: the names of its class and bases, its text, and its arguments and attributes that cross."""
    arguments = _crossing(tuple(error.args))
    attributes = {name: coded for name, value in vars(error).items() if (coded := _crossing(value)) is not None}
    return lineage_of(error), text_of(error), arguments or ["t", text_of(error)], attributes


def _crossing(value: object) -> Coded:
    try:
        return Encoder(None).encode(value)
    except (Uncrossable, TypeError, AttributeError):
        return None
