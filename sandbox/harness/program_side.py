"""In the program's process: its functions and objects, as the test driver may use them."""

from __future__ import annotations

import builtins
import contextlib
import os
import sys
import types
from collections.abc import Callable
from typing import Any

from sandbox.harness.callbacks import Callback, Streams
from sandbox.harness.link import Link, Lost, Message, describe_exception, lineage_of
from sandbox.harness.operations import OPERATIONS
from sandbox.harness.values import Coded, Decoder, Encoder, Uncrossable


class ProgramSide:
    """In the program's process: its objects by handle, and what the driver may ask of them."""

    def __init__(self, module: types.ModuleType, fd: int) -> None:
        self._module = module
        self._objects: list[Any] = []
        self._known: dict[int, int] = {}
        self._callbacks: dict[int, Callback] = {}
        self.link = Link(fd, self.answer)

    def export(self, thing: object) -> Coded:
        """The handle of an object of the program: number, kind and type name."""
        if isinstance(thing, Callback):
            return ["cb", thing._pv_number]
        builtin = _builtin_name(thing)
        if builtin:
            return ["g", builtin]
        number = self._known.get(id(thing))
        if number is None:
            number = self._known[id(thing)] = len(self._objects)
            self._objects.append(thing)
        return ["o", number, _kind(thing), lineage_of(thing)]

    def resolve(self, coded: Message) -> object:
        """What a handle of the driver names: one of our own objects, a built-in, or a function of the tests."""
        if coded[0] == "o":
            return self._objects[coded[1]]
        if coded[0] == "g":
            return getattr(builtins, coded[1])
        if coded[0] == "m":
            __import__(coded[1])
            return getattr(sys.modules[coded[1]], coded[2])
        if coded[0] == "cb":
            return self._callbacks.setdefault(coded[1], Callback(self, coded[1]))
        raise Uncrossable("an unknown handle")

    def answer(self, message: Message) -> Message:
        """Do what the driver asks; whatever is raised is the answer, and what was printed, where the tests look."""
        action, coded, wants = message
        with Streams(self.link, wants) as streams:
            answer = self._act(action, coded)
        return [*answer, streams.printed()]

    def _act(self, action: str, coded: Coded) -> Message:
        decoder = Decoder(self)
        try:
            arguments = decoder.decode(coded)
            before = _snapshot(decoder.seen, self)
            result = _ACTIONS[action](self, *arguments)
            encoder = _encoder_with(decoder.seen, self)
            value = encoder.encode(result)
            return ["ok", value, _changes(decoder.seen, before, encoder)]
        except Lost:
            os._exit(0)
        except BaseException as error:  # noqa: BLE001 - the program may raise anything; the test wants to see it
            return ["raise", *describe_exception(error)]

    def name(self, name: str) -> Any:
        """A top-level name of the program."""
        return getattr(self._module, name)

    def names(self) -> list[list[str]]:
        """Every top-level name of the program, with what `import *` would take, and where modules come from."""
        public = getattr(self._module, "__all__", None)
        found = []
        for name, value in list(vars(self._module).items()):
            listed = name in public if isinstance(public, (list, tuple)) else not name.startswith("_")
            origin = _origin(value)
            if not name.startswith("__"):
                found.append([str(name), "public" if listed else "private", origin])
        return found

    def call(self, target: Any, arguments: list[Any], named: dict[str, Any]) -> Any:
        """Call something of the program; coroutines are run to their end."""
        return target(*arguments, **named)

    def run_async(self, awaitable: Any) -> Any:
        """Run a coroutine of the program to its end."""
        import asyncio  # here: it would make every program's process larger

        async def wait() -> Any:
            return await awaitable

        return asyncio.run(wait())

    def flush(self) -> None:
        """Let go of what the program has printed, as far as it has left its streams whole."""
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                stream.flush()

    def rename(self, name: str, value: Any) -> None:
        """Give a top-level name another value, as a test's patch does."""
        setattr(self._module, name, value)

    def unname(self, name: str) -> None:
        """Take a top-level name away."""
        delattr(self._module, name)

    def subclass(self, name: str, bases: list[type], members: dict[str, Any]) -> type:
        """A class of the tests that derives from the program's: it lives here, its methods stay with the tests."""
        return type(name, tuple(bases), {key: _method(value) for key, value in members.items()})

    def operate(self, name: str, target: Any, arguments: list[Any]) -> Any:
        """An operator or built-in function on an object of the program."""
        return OPERATIONS[name](target, *arguments)


_ACTIONS: dict[str, Callable[..., Any]] = {
    "name": ProgramSide.name,
    "names": ProgramSide.names,
    "call": ProgramSide.call,
    "await": ProgramSide.run_async,
    "op": ProgramSide.operate,
    "flush": ProgramSide.flush,
    "rename": ProgramSide.rename,
    "unname": ProgramSide.unname,
    "subclass": ProgramSide.subclass,
}


def _method(value: Any) -> Any:
    return (lambda self, *arguments, **named: value(self, *arguments, **named)) if callable(value) else value


def _encoder_with(containers: list[Any], handles: ProgramSide) -> Encoder:
    encoder = Encoder(handles)
    for container in containers:
        encoder.note(container)
    return encoder


def _snapshot(containers: list[Any], handles: ProgramSide) -> list[Coded]:
    encoder = _encoder_with(containers, handles)
    return [encoder.contents(container) for container in containers]


def _changes(containers: list[Any], before: list[Coded], encoder: Encoder) -> list[Coded]:
    """The arguments that the program changed in place, by number, with their new members."""
    after = [encoder.contents(container) for container in containers]
    return [[number, new] for number, (old, new) in enumerate(zip(before, after, strict=True)) if old != new]


def _builtin_name(thing: object) -> str:
    name = getattr(thing, "__name__", None) if isinstance(thing, (type, types.BuiltinFunctionType)) else None
    return name if type(name) is str and getattr(builtins, name, None) is thing else ""


def _kind(thing: object) -> str:
    if isinstance(thing, type):
        return "exception" if issubclass(thing, BaseException) else "class"
    if isinstance(thing, types.ModuleType):
        return "module"
    if isinstance(thing, types.GeneratorType):
        return "generator"
    if hasattr(type(thing), "__await__"):
        return "awaitable"
    return "function" if callable(thing) and hasattr(thing, "__name__") else "object"


def _origin(value: object) -> str:
    """Where a top-level value comes from, if it comes from a library: the tests can take it from there themselves."""
    with contextlib.suppress(Exception):  # a foreign object's attributes may raise anything
        return _plain_origin(value)
    return ""


def _plain_origin(value: object) -> str:
    if isinstance(value, types.ModuleType):
        return f"{value.__name__}:"
    module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    name = name if isinstance(name, str) else getattr(value, "_name", None)  # typing's aliases
    if isinstance(module, str) and isinstance(name, str) and module.partition(".")[0] in sys.stdlib_module_names:
        return f"{module}:{name}"
    return ""


def await_driver(fd: int) -> None:
    """Wait until the driver is confined and has its tests: nothing of the program may run before."""
    if not os.read(fd, 1):
        os._exit(0)


def serve_program(module: types.ModuleType, fd: int) -> None:
    """Answer the driver until it goes away."""
    side = ProgramSide(module, fd)
    try:
        side.link.say_loaded()
        side.link.listen()
    except Lost:
        os._exit(0)
