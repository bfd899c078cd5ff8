"""What tests expect of pytest, which is not installed in the jail: the part that plain test functions use."""

from __future__ import annotations

import math
import re
import types
from collections.abc import Callable
from typing import Any

PARAMETERS, FIXTURE, SKIPPED = "_pv_parameters", "_pv_fixture", "_pv_skipped"  # marks on test functions
_expected: list[Any] = []  # what the innermost `raises` blocks wait for


class Skipped(Exception):
    """The test asked not to be run."""


class Failed(AssertionError):
    """`pytest.fail` or a `raises` block that saw nothing."""


def expecting_assertion_error() -> bool:
    """Whether the running code stands in a block that wants an AssertionError."""
    return any(AssertionError in (kinds if isinstance(kinds, tuple) else (kinds,)) for kinds in _expected)


class Raises:
    """`pytest.raises` as a context manager."""

    def __init__(self, expected: Any, match: str | None = None, **_: Any) -> None:
        self.expected = expected
        self.match_text = match
        self.value: Any = None
        self.type: Any = None

    def __enter__(self) -> Raises:
        _expected.append(self.expected)
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> bool:
        _expected.pop()
        if kind is None:
            raise Failed(f"DID NOT RAISE {self.expected}")
        if not issubclass(kind, self.expected):
            return False
        self.value, self.type = error, kind
        if self.match_text is not None:
            self.match(self.match_text)
        return True

    def match(self, pattern: str) -> bool:
        """Whether the text of the exception matches."""
        if not re.search(pattern, str(self.value)):
            raise Failed(f"pattern {pattern!r} not found in {str(self.value)!r}")
        return True


def raises(expected: Any, *call: Any, **named: Any) -> Raises:
    """`pytest.raises`, both forms."""
    if not call:
        return Raises(expected, **named)
    block = Raises(expected)
    with block:
        call[0](*call[1:], **named)
    return block


class Approx:
    """`pytest.approx` for numbers and flat or nested sequences and mappings of them."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, expected: Any, rel: float | None = None, abs: float | None = None, nan_ok: bool = False) -> None:
        self.expected = expected
        self._rel, self._abs, self._nan_ok = rel, abs, nan_ok

    def __repr__(self) -> str:
        return f"approx({self.expected!r})"

    def __eq__(self, actual: object) -> bool:
        return self._same(actual, self.expected)

    def _same(self, actual: Any, expected: Any) -> bool:
        if isinstance(expected, dict):
            same_keys = isinstance(actual, dict) and actual.keys() == expected.keys()
            return same_keys and all(self._same(actual[key], expected[key]) for key in expected)
        if isinstance(expected, (list, tuple)):
            fits = isinstance(actual, (list, tuple)) and len(actual) == len(expected)
            return fits and all(self._same(one, other) for one, other in zip(actual, expected, strict=True))
        return self._close(actual, expected)

    def _close(self, actual: Any, expected: Any) -> bool:
        if actual == expected:
            return True
        try:
            if math.isnan(expected):
                return self._nan_ok and math.isnan(actual)
            if math.isinf(expected) or math.isinf(actual):
                return False
            absolute = 1e-12 if self._abs is None else self._abs
            relative = (1e-6 if self._abs is None else 0.0) if self._rel is None else self._rel
            return bool(abs(actual - expected) <= max(absolute, relative * abs(expected)))
        except TypeError:
            return False


class _Marks:
    def __getattr__(self, name: str) -> Any:
        if name == "parametrize":
            return _parametrize
        if name in ("skip", "skipif"):
            return lambda *arguments, **_: _skipper(bool(arguments[0]) if name == "skipif" and arguments else True)
        return _plain_mark


def _plain_mark(*arguments: Any, **_: Any) -> Any:
    if len(arguments) == 1 and callable(arguments[0]):
        return arguments[0]
    return lambda function: function


def _skipper(really: bool) -> Callable[[Any], Any]:
    def mark(function: Any) -> Any:
        setattr(function, SKIPPED, really)
        return function

    return mark


def _parametrize(names: Any, rows: Any, **_: Any) -> Callable[[Any], Any]:
    listed = [name.strip() for name in names.split(",")] if isinstance(names, str) else list(names)

    def mark(function: Any) -> Any:
        values = [getattr(row, "values", row) if isinstance(row, types.SimpleNamespace) else row for row in rows]
        cases = [dict(zip(listed, (row,) if len(listed) == 1 else row, strict=True)) for row in values]
        setattr(function, PARAMETERS, [*getattr(function, PARAMETERS, []), cases])
        return function

    return mark


def _param(*values: Any, **_: Any) -> Any:
    return types.SimpleNamespace(values=values[0] if len(values) == 1 else values)


def _fixture(*arguments: Any, **_: Any) -> Any:
    def mark(function: Any) -> Any:
        setattr(function, FIXTURE, True)
        return function

    return mark(arguments[0]) if arguments and callable(arguments[0]) else mark


def _fail(reason: str = "", **_: Any) -> None:
    raise Failed(reason)


def _skip(reason: str = "", **_: Any) -> None:
    raise Skipped(reason)


def pytest_module() -> types.ModuleType:
    """The stand-in for pytest."""
    module = types.ModuleType("pytest")
    module.__dict__.update(
        raises=raises, approx=Approx, mark=_Marks(), param=_param, fixture=_fixture, fail=_fail, skip=_skip,
        main=lambda *_, **__: 0, importorskip=lambda name, **_: __import__(name),
    )  # fmt: skip
    return module
