"""In the program's process: its functions and objects, as the test driver may use them."""

from __future__ import annotations

import builtins
import io
import operator
import os
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

from sandbox.harness.link import Link, Lost, Message, describe_exception, lineage_of
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
        """Let go of what the program has printed."""
        sys.stdout.flush()
        sys.stderr.flush()

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
}


def _swapped(operation: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda target, other: operation(other, target)


_BINARY = (
    "add", "sub", "mul", "matmul", "truediv", "floordiv", "mod", "pow", "lshift", "rshift", "and_", "or_", "xor",
)  # fmt: skip
_PLAIN = (
    "eq", "ne", "lt", "le", "gt", "ge", "neg", "pos", "abs", "invert", "getitem", "setitem", "delitem", "contains",
    "index",
)  # fmt: skip
_BUILTIN = (
    "getattr", "setattr", "delattr", "len", "iter", "next", "repr", "str", "bool", "int", "float", "complex", "hash",
    "isinstance", "issubclass", "dir", "round", "divmod", "format", "reversed", "bytes",
)  # fmt: skip
OPERATIONS: dict[str, Callable[..., Any]] = {
    **{name: getattr(operator, name) for name in (*_BINARY, *_PLAIN)},
    **{f"r{name}": _swapped(getattr(operator, name)) for name in _BINARY},
    **{f"i{name}": getattr(operator, f"i{name.rstrip('_')}") for name in _BINARY},
    **{name: getattr(builtins, name) for name in _BUILTIN},
}
# What the program may do with an object of a class of the tests, beside using its public attributes.
CALLBACK_OPERATIONS = (
    *_BINARY, "eq", "ne", "lt", "le", "gt", "ge", "neg", "getitem", "setitem", "contains", "len", "bool", "str", "repr",
    "hash", "int", "float",
)  # fmt: skip


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

    def __init__(self, side: ProgramSide, number: int) -> None:
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
    return "function" if callable(thing) and hasattr(thing, "__name__") else "object"


def _origin(value: object) -> str:
    """Where a top-level value comes from, if it comes from a library: the tests can take it from there themselves."""
    if isinstance(value, types.ModuleType):
        return f"{value.__name__}:"
    module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    name = name if isinstance(name, str) else getattr(value, "_name", None)  # typing's aliases
    if isinstance(module, str) and isinstance(name, str) and module.partition(".")[0] in sys.stdlib_module_names:
        return f"{module}:{name}"
    return ""


def serve_program(module: types.ModuleType, fd: int) -> None:
    """Answer the driver until it goes away."""
    side = ProgramSide(module, fd)
    try:
        side.link.say_loaded()
        side.link.listen()
    except Lost:
        os._exit(0)
