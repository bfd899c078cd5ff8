"""In the test driver: the handles of both sides, the exceptions and calls that cross, and what may be asked back."""

from __future__ import annotations

import builtins
import operator
import sys
import types
from collections.abc import Callable
from typing import Any

from sandbox.harness.link import Link, Message, describe_exception
from sandbox.harness.operations import CALLBACK_OPERATIONS, OPERATIONS
from sandbox.harness.remote import Remote, RemoteAwaitable
from sandbox.harness.values import Coded, Decoder, Encoder, Uncrossable


class TestSide:
    """In the driver: the handles of both sides, and the exceptions and calls that cross."""

    __test__ = False

    def __init__(self, fd: int) -> None:
        self.link = Link(fd, self._answer)
        self.decided = False  # the program's own code decided a comparison
        self.touched = False  # the program was called at all
        self._streams = (sys.stdout, sys.stdin, builtins.input)
        self._exported: list[Any] = []
        self._numbers: dict[int, int] = {}
        self._errors: dict[str, type[BaseException]] = {}

    def request(self, action: str, *arguments: Any) -> Any:
        """Ask the program's process; raises what it raises, and peer.Lost where it is gone."""
        self.touched = self.touched or action == "call"
        encoder = Encoder(self)
        try:
            coded = encoder.encode(list(arguments))
        except Uncrossable as error:
            raise TypeError(f"cannot be passed to the program: {error}") from None
        wants = self._wants()
        answer = self.link.ask([action, coded, wants])
        if "out" in wants and type(answer[-1]) is str:
            sys.stdout.write(answer[-1])
        if answer[:1] == ["ok"] and len(answer) == 4:
            return self._taken(answer, encoder.seen)
        raise self._error(answer)

    def _wants(self) -> list[str]:
        """Which standard streams the tests have replaced, so that the program has to use theirs."""
        out, source, ask = self._streams
        wants = ["out"] if sys.stdout is not out else []
        return [*wants, "in"] if sys.stdin is not source or builtins.input is not ask else wants

    def _taken(self, answer: Message, containers: list[Any]) -> Any:
        decoder = Decoder(self, containers)
        try:
            value = decoder.decode(answer[1])
            for number, coded in answer[2]:
                decoder.refill(containers[number], coded)
        except (Uncrossable, TypeError, ValueError, IndexError, AttributeError, RecursionError) as error:
            raise TypeError(f"the program's answer cannot be read: {error}") from None
        return value

    def export(self, thing: object) -> Coded:
        """The handle under which the program may use something of the tests."""
        if isinstance(thing, Remote):
            return ["o", thing._pv_number]
        if isinstance(thing, types.ModuleType):
            return None
        name = getattr(thing, "__name__", None)
        if isinstance(thing, (type, types.BuiltinFunctionType)) and isinstance(name, str):
            if getattr(builtins, name, None) is thing:
                return ["g", name]
            module = getattr(thing, "__module__", None) or ""
            if module.partition(".")[0] in sys.stdlib_module_names and hasattr(sys.modules.get(module), name):
                return ["m", module, name]
        number = self._numbers.setdefault(id(thing), len(self._exported))
        if number == len(self._exported):
            self._exported.append(thing)
        return ["cb", number]

    def resolve(self, coded: Message) -> object:
        """What a handle of the program stands for. Everything in it is checked: it comes from a hostile process."""
        if coded[0] == "o" and len(coded) == 4 and type(coded[1]) is int and type(coded[2]) is str:
            lineage = [str(name) for name in coded[3]]
            if coded[2] == "exception":
                return self.error_class(lineage)
            kind = RemoteAwaitable if coded[2] == "awaitable" else Remote
            return kind(self, coded[1], coded[2], lineage)
        if coded[0] == "g" and type(coded[1]) is str:
            thing = getattr(builtins, coded[1], None)
            if isinstance(thing, type):
                return thing
        if coded[0] == "cb" and type(coded[1]) is int and 0 <= coded[1] < len(self._exported):
            return self._exported[coded[1]]
        raise Uncrossable("an unknown handle")

    def error_class(self, lineage: list[str]) -> type[BaseException]:
        """An exception class here for one of the program's: same name, same built-in bases."""
        bases: list[type[BaseException]] = []
        for name in lineage:
            kind = getattr(builtins, name, None)
            covered = isinstance(kind, type) and any(issubclass(base, kind) for base in bases)
            if isinstance(kind, type) and issubclass(kind, BaseException) and not covered:
                bases.append(kind)
        made: type[BaseException] = bases[0] if bases else Exception
        for name in reversed([name for name in lineage if getattr(builtins, name, None) is None]):
            made = self._errors.get(name) or self._new_error(name, made, bases)
            self._errors[name] = made
        return made

    @staticmethod
    def _new_error(name: str, base: type[BaseException], bases: list[type[BaseException]]) -> type[BaseException]:
        short, members = name.rpartition(".")[2], {"__str__": _foreign_text}
        try:
            return type(short, (base, *(other for other in bases if not issubclass(base, other))), members)
        except TypeError:  # bases whose layouts do not fit together
            return type(short, (base,), members)

    def _error(self, answer: Message) -> BaseException:
        """The exception that the program raised, as one of ours."""
        try:
            _, lineage, text, coded, attributes, _ = answer
            kind = self.error_class([str(name) for name in lineage])
            arguments = Decoder(None).decode(coded)
            error = _made(kind, arguments or ((str(text),) if text else ()))
            error.__dict__.update({str(name): Decoder(None).decode(value) for name, value in attributes.items()})
        except (ValueError, TypeError, AttributeError, Uncrossable):
            return RuntimeError(f"the program raised something unreadable: {str(answer)[:200]}")
        error.__dict__.update(_pv_foreign=True, _pv_text=str(text))
        return error

    def _answer(self, message: Message) -> Message:
        """A call of something of the tests by the program; only what was passed to it can be named."""
        try:
            action, number, coded = message
            if number == -1:
                return ["ok", _STREAM_ACTIONS[action](*coded[1:])]
            target = self._exported[number] if type(number) is int and number >= 0 else None
            arguments = Decoder(self).decode(coded)
            result = _CALLBACK_ACTIONS[action](target, *arguments)
            return ["ok", Encoder(self).encode(result)]
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a test's function may raise anything; passed on
            return ["raise", *describe_exception(error)]


def _foreign_text(error: BaseException) -> str:
    """What the program's own `__str__` said, for an exception that comes from it."""
    text = error.__dict__.get("_pv_text")
    return text if isinstance(text, str) else BaseException.__str__(error)


def _made(kind: type[BaseException], arguments: tuple[Any, ...]) -> BaseException:
    try:
        return kind(*arguments)
    except TypeError:
        error = kind.__new__(kind)
        error.args = arguments
        return error


def _call_back(target: Any, arguments: list[Any], named: dict[str, Any]) -> Any:
    if not callable(target):
        raise TypeError("not callable")
    return target(*arguments, **named)


def _attribute(target: Any, name: str) -> Any:
    """An attribute of an object of the tests: data and methods of their own classes, nothing that leads elsewhere."""
    if name.startswith("_") or not _is_own_object(target):
        raise AttributeError(name)
    return getattr(target, name)


def _is_own_object(target: Any) -> bool:
    return type(target).__module__ in ("__main__", "unittest.mock") and not isinstance(target, type)


def _set_attribute(target: Any, name: str, value: Any) -> None:
    _attribute(target, name)
    setattr(target, name, value)


def _own_operation(operation: Callable[..., Any]) -> Callable[..., Any]:
    def act(target: Any, *arguments: Any) -> Any:
        if not _is_own_object(target) and operation not in (len, bool, repr, str, hash, operator.eq):
            raise TypeError("not an object of a class of the tests")
        return operation(target, *arguments)

    return act


_STREAM_ACTIONS: dict[str, Callable[..., str]] = {
    "input": lambda prompt: str(input(str(prompt))),
    "readline": lambda: sys.stdin.readline(),
    "read": lambda: sys.stdin.read(),
}
_CALLBACK_ACTIONS: dict[str, Callable[..., Any]] = {
    "call": _call_back,
    "getattr": _attribute,
    "setattr": _set_attribute,
    "iter": lambda target: iter(target),
    "next": lambda target: next(target),
    **{name: _own_operation(OPERATIONS[name]) for name in CALLBACK_OPERATIONS},
}
