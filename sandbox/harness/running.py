"""Runs test functions and classes as pytest and unittest would: parameters, fixtures, set-up."""

from __future__ import annotations

import builtins
import functools
import io
import os
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

from sandbox.harness.shims import FIXTURE, PARAMETERS, SKIPPED

Run = Callable[[], Any]


def expand(name: str, function: Any, owner: type | None = None) -> Iterator[tuple[str, Run]]:
    """The runs of one test function: one, or one per set of parameters; fixtures are made for each."""
    if getattr(function, SKIPPED, False):
        return
    combinations: list[dict[str, Any]] = [{}]
    for cases in getattr(function, PARAMETERS, []):
        combinations = [{**one, **other} for one in combinations for other in cases]
    for number, chosen in enumerate(combinations):
        label = f"{name}[{number}]" if len(combinations) > 1 else name
        yield label, functools.partial(_run_with_fixtures, function, chosen, owner)


def _run_with_fixtures(function: Any, chosen: dict[str, Any], owner: type | None) -> Any:
    bound, plain = _bind(function, owner)
    fixtures = _Fixtures(plain.__globals__)
    bound_self = owner is not None and not isinstance(function, staticmethod)
    needed = [name for name in _parameters_of(plain)[1 if bound_self else 0 :] if name not in chosen]
    arguments = {name: fixtures.make(name) for name in needed}
    try:
        result = bound(**chosen, **arguments)
        return finish(result)
    finally:
        fixtures.close()


def finish(result: Any) -> Any:
    """Run what an asynchronous test gave back."""
    if isinstance(result, types.CoroutineType):
        import asyncio  # here: it would make every program's process larger

        return asyncio.run(result)
    return result


def _bind(function: Any, owner: type | None) -> tuple[Any, Any]:
    """The function ready to be called, and the plain function behind it."""
    plain = getattr(function, "__func__", function)
    if owner is None or isinstance(function, staticmethod):
        return plain, plain
    if isinstance(function, classmethod):
        return functools.partial(plain, owner), plain
    instance = owner()
    if hasattr(instance, "setup_method"):
        instance.setup_method()
    return functools.partial(plain, instance), plain


def _parameters_of(function: Any) -> list[str]:
    count = function.__code__.co_argcount - len(function.__defaults__ or ())
    return list(function.__code__.co_varnames[:count])


class _Fixtures:
    """The fixtures of one test run."""

    def __init__(self, scope: dict[str, Any]) -> None:
        self._scope = scope
        self._made: dict[str, Any] = {}
        self._open: list[types.GeneratorType[Any, None, None]] = []

    def make(self, name: str) -> Any:
        """The value of a fixture, made once per run. Raises TypeError where there is none of that name."""
        function = self._scope.get(name)
        if not getattr(function, FIXTURE, False):
            function = _BUILT_IN.get(name)
        if function is None:
            raise TypeError(f"the test needs a fixture {name!r} that is not defined")
        if name not in self._made:
            value = function(**{part: self.make(part) for part in _parameters_of(function)})
            if isinstance(value, types.GeneratorType):
                self._open.append(value)
                value = next(value)
            self._made[name] = value
        return self._made[name]

    def close(self) -> None:
        """Run what stands behind the `yield` of the fixtures, last first."""
        for generator in reversed(self._open):
            next(generator, None)


def _tmp_path() -> Any:
    import pathlib
    import tempfile

    folder = pathlib.Path(tempfile.mkdtemp())
    folder.chmod(0o777)  # the program runs under another user id
    return folder


class _Captured:
    """`capsys`: what has been printed since the last look."""

    def __init__(self) -> None:
        self.streams = (io.StringIO(), io.StringIO())

    def readouterr(self) -> Any:
        """What was written to standard output and standard error."""
        out, err = (stream.getvalue() for stream in self.streams)
        for stream in self.streams:
            stream.seek(0)
            stream.truncate()
        return types.SimpleNamespace(out=out, err=err)


def _capsys() -> Iterator[_Captured]:
    captured = _Captured()
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = captured.streams
    try:
        yield captured
    finally:
        sys.stdout, sys.stderr = before


_UNSET = object()


class _MonkeyPatch:
    """`monkeypatch`: attributes, items and environment variables, put back afterwards."""

    def __init__(self) -> None:
        self._undo: list[Run] = []

    def setattr(self, target: Any, name: Any, value: Any = _UNSET, raising: bool = True) -> None:
        """Both forms: an object and a name, or one dotted name."""
        if value is _UNSET:
            dotted, value = target, name
            module, _, name = dotted.rpartition(".")
            target = __import__(module, fromlist=[name])
        before = getattr(target, name) if raising else getattr(target, name, _UNSET)
        self._undo.append(functools.partial(_put_back, target, name, before))
        setattr(target, name, value)

    def setitem(self, mapping: Any, key: Any, value: Any) -> None:
        """An item of a mapping."""
        before = mapping.get(key, _UNSET)
        self._undo.append(lambda: mapping.pop(key, None) if before is _UNSET else mapping.update({key: before}))
        mapping[key] = value

    def setenv(self, name: str, value: str) -> None:
        """An environment variable, of the tests' process."""
        self.setitem(os.environ, name, value)

    def undo(self) -> None:
        """Put everything back."""
        while self._undo:
            self._undo.pop()()


def _put_back(target: Any, name: str, before: Any) -> None:
    if before is _UNSET:
        delattr(target, name)
    else:
        setattr(target, name, before)


def _monkeypatch() -> Iterator[_MonkeyPatch]:
    patch = _MonkeyPatch()
    try:
        yield patch
    finally:
        patch.undo()


_BUILT_IN: dict[str, Callable[..., Any]] = {
    "tmp_path": _tmp_path,
    "capsys": _capsys,
    "monkeypatch": _monkeypatch,
}


def run_test_case(kind: Any, error: Callable[[str, BaseException], None], run: Callable[[str, Run], None]) -> None:
    """Run the methods of a unittest.TestCase class; failures and errors go to `error`."""
    import unittest

    class Result(unittest.TestResult):
        def addError(self, test: Any, err: Any) -> None:
            error(str(test).split()[0], err[1])

        addFailure = addError

        def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:
            if err is not None:
                error(str(subtest).split()[0], err[1])

        def addUnexpectedSuccess(self, test: Any) -> None:
            error(str(test).split()[0], AssertionError("unexpected success"))

    for method in unittest.defaultTestLoader.getTestCaseNames(kind):
        run(f"{kind.__name__}.{method}", functools.partial(kind(method).run, Result()))


def let_asyncio_run(remote: type) -> None:
    """Have `asyncio.run` take a coroutine of the program, which is no coroutine here."""
    import asyncio

    plain = asyncio.run

    async def wait(awaitable: Any) -> Any:
        return await awaitable

    def run(main: Any, **named: Any) -> Any:
        return plain(wait(main) if builtins.isinstance(main, remote) else main, **named)

    asyncio.run = run
