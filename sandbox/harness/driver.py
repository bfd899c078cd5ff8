"""The test driver: runs a test source in a process of its own, against stand-ins for the program's functions."""

from __future__ import annotations

import ast
import builtins
import json
import os
import random
import sys
import types
from collections.abc import Callable
from typing import Any, NoReturn

from sandbox import child, syscalls
from sandbox.harness import running, shims
from sandbox.harness.instrument import HOOK, Instrumenter, Site
from sandbox.harness.link import Lost, text_of
from sandbox.harness.remote import Remote, looks_like_class, mark
from sandbox.harness.tests_side import TestSide
from sandbox.program import SEED
from sandbox.wire import read_frame

_REPORT = 4
_MODULES = ("solution", "program", "main")  # names under which tests may import the program
_MAX_FAILURES = 200
_PURE = (
    "math", "random", "re", "itertools", "functools", "collections", "string", "json", "copy", "datetime", "decimal",
    "fractions", "statistics", "operator", "heapq", "bisect", "typing", "cmath", "dataclasses", "enum",
)  # fmt: skip
# What tests use without importing it, because the program imports it: taken from the library, never from the program.
_LIBRARY = (*_PURE, "time", "os", "sys", "io", "asyncio", "unittest", "contextlib", "tempfile", "threading", "pytest")


_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


class Report:
    """What the hooks of the instrumented source tell; each new fact goes to the agent at once."""

    def __init__(self, sites: list[Site], functions: list[str]) -> None:
        self._sites = sites
        self._functions = functions
        self._said: set[tuple[str, int]] = set()
        self._failures = 0
        self._left: Any = None
        self._right: Any = None
        self._open: dict[int, int] = {}
        self.reached = 0
        self.entered: set[str] = set()
        self.say("sites", [[site.line, site.text, site.function, site.required] for site in sites])

    def say(self, *fact: Any) -> None:
        """One line to the agent."""
        data = json.dumps(fact).encode() + b"\n"
        while data:
            data = data[os.write(_REPORT, data) :]

    def _once(self, what: str, number: int) -> None:
        if (what, number) not in self._said:
            self._said.add((what, number))
            self.say(what, number)

    def enter(self, number: int) -> None:
        """A function was entered."""
        self.entered.add(self._functions[number])
        self._once("enter", number)

    def reach(self, number: int) -> None:
        """An assertion is about to be evaluated."""
        self.reached += 1
        self._open[number] = self._open.get(number, 0) + 1
        self._once("reach", number)

    def held(self, number: int) -> None:
        """An assertion held."""
        self._open[number] = self._open.get(number, 0) - 1
        self._once("held", number)

    def left(self, value: Any) -> Any:
        """Keep the left side of the comparison that is being asserted."""
        self._left = value
        return value

    def right(self, value: Any) -> Any:
        """Keep its right side."""
        self._right = value
        return value

    def failed(self, number: int, *message: Any) -> AssertionError:
        """An assertion did not hold; noted before anybody can catch the error."""
        site = self._sites[number]
        seen = ""
        if " == " in site.text or any(f" {sign} " in site.text for sign in ("!=", "<", ">", "in", "is")):
            seen = f"left: {text_of(_Shown(self._left), 200)}, right: {text_of(_Shown(self._right), 200)}"
        said = text_of(message[0], 200) if message else ""
        self._open[number] -= 1
        if not shims.expecting_assertion_error():
            self.failure(number, "; ".join(part for part in (said, seen) if part))
        return AssertionError(*message)

    def failure(self, number: int, detail: str) -> None:
        """Report one failure of an assertion."""
        self._failures += 1
        if self._failures <= _MAX_FAILURES:
            self.say("failed", number, detail)

    def close(self) -> None:
        """Report the assertions that were begun but left by an exception, whoever caught it."""
        for number, count in self._open.items():
            if count > 0:
                self.say("left", number)

    def error(self, name: str, error: BaseException) -> None:
        """Report that a test ended by an exception."""
        origin = "" if getattr(error, "_pv_foreign", False) else " (in the tests)"
        self.say("error", name, f"{type(error).__name__}: {text_of(error, 300)}{origin}")


class _Shown:
    """Shows a value by its repr when asked for text."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def __str__(self) -> str:
        return repr(self._value)


def main(header: dict[str, Any], place: child.Place) -> NoReturn:
    """Confine this process, take the test source, run it."""
    child.offer_to_memory_killer(b"500")
    syscalls.prctl(syscalls.PR_SET_DUMPABLE, 0)
    _, blobs = read_frame(place.control)
    source = bytes(blobs[0])
    child.arrange_descriptors(None, place, place.channel, place.out["report"])
    os.chdir(f"{place.work}/work")
    child.confine(header, place)
    syscalls.prctl(syscalls.PR_SET_DUMPABLE, 0)  # closes /proc/<pid>/mem and fd to the program, whatever its user id
    os.umask(0)
    os.write(child.CHANNEL, b"g")  # only now does the program begin
    run_tests(source)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(0)


def run_tests(source: bytes) -> None:
    """Run the source and everything in it that looks like a test; the last line says that nothing is missing."""
    tree, instrumenter = _parse(source)
    report = Report(instrumenter.sites, instrumenter.functions)
    if tree is None:
        report.say("broken", "the test source does not compile")
    side = TestSide(child.CHANNEL)
    try:
        side.link.await_loaded()  # also without tests: what is said of the program must not depend on who is faster
        namespace = _namespace(tree, side, report) if tree else None
        if tree and namespace is not None:
            _run_all(compile(tree, "tests.py", "exec", dont_inherit=True), namespace, report)
        side.request("flush")
    except Lost:
        side.link.lost = True
    report.close()
    if side.link.lost:
        report.say("lost", "")
    else:
        report.say("end", {"touched": side.touched, "decided": side.decided})


def _parse(source: bytes) -> tuple[ast.Module | None, Instrumenter]:
    instrumenter = Instrumenter()
    try:
        tree = ast.parse(source.decode("utf-8", "surrogatepass"))
        return instrumenter.visit_Module(tree), instrumenter
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        sys.excepthook(type(error), error.with_traceback(None), None)
        return None, Instrumenter()


def _namespace(tree: ast.Module, side: TestSide, report: Report) -> dict[str, Any] | None:
    """The tests' globals: the program's names that they use, the library modules, and the hooks."""
    answer = side.request("names")
    names = {str(name): (kind, origin) for name, kind, origin in answer if not str(name).startswith("__")}
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    made = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    made |= {node.name for node in ast.walk(tree) if isinstance(node, _DEFINITIONS)}
    imported = {alias.asname or alias.name for node in ast.walk(tree) for alias in getattr(node, "names", ())
                if isinstance(alias, ast.alias)}  # fmt: skip
    redefined = sorted(name for name in used & set(names) if hasattr(builtins, name) and name not in imported | made)
    if redefined:
        report.say("broken", f"the program redefines built-in names that the tests use: {', '.join(redefined)}")
        return None
    _install_modules(side, names)
    if "asyncio" in used | imported:
        running.let_asyncio_run(Remote)
    module = types.ModuleType("__main__")
    module.__dict__.update({HOOK: report, "__builtins__": builtins, "__file__": "tests.py"})
    for name in sorted(used - made - imported):
        if name in _LIBRARY:
            module.__dict__[name] = __import__(name)
        elif name in names and not hasattr(builtins, name):
            module.__dict__[name] = _from_program(side, name, names[name][1])
    sys.modules["__main__"] = module
    return module.__dict__


def _from_program(side: TestSide, name: str, origin: str) -> Any:
    library, _, attribute = str(origin).partition(":")
    if library in _PURE and attribute.isidentifier() and hasattr(__import__(library), attribute):
        return getattr(sys.modules[library], attribute)
    return mark(side.request("name", name), looks_like_class(name))


def _install_modules(side: TestSide, names: dict[str, tuple[str, str]]) -> None:
    """`import solution` and `from solution import f` find the program; `import pytest` finds at least the usual."""
    program = ProgramModule(side, names)
    sys.modules.update(dict.fromkeys(_MODULES, program))
    sys.modules["pytest"] = shims.pytest_module()
    sys.path[:] = [path for path in sys.path if path]  # never a directory that the program can write to
    sys.argv = ["tests.py"]
    random.seed(SEED)


class ProgramModule(types.ModuleType):
    """What `import solution` gives: the program's top-level names, which tests may also patch."""

    def __init__(self, side: TestSide, names: dict[str, tuple[str, str]]) -> None:
        public = [name for name, (kind, _) in names.items() if kind == "public"]
        self.__dict__.update(__name__="solution", __all__=public, _pv_side=side, _pv_names=names)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name not in self._pv_names:
            raise AttributeError(f"the program has no {name!r}")
        return _from_program(self._pv_side, name, self._pv_names[name][1])

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("__"):  # what the import system sets
            self.__dict__[name] = value
        else:
            self._pv_side.request("rename", name, value)
            self._pv_names[name] = ("private", "")

    def __delattr__(self, name: str) -> None:
        self._pv_side.request("unname", name)
        self._pv_names.pop(name, None)


def _run_all(code: types.CodeType, namespace: dict[str, Any], report: Report) -> None:
    if not _attempt("<top level>", lambda: exec(code, namespace), report):  # noqa: S102
        return
    called = set(report.entered)
    for name, thing in list(namespace.items()):
        if isinstance(thing, types.FunctionType) and name.startswith("test") and name not in called:
            for label, body in running.expand(name, thing):
                _run_test(label, body, report)
        elif isinstance(thing, type) and thing.__module__ == "__main__":
            _run_class(name, thing, report, called)


def _run_class(name: str, kind: type, report: Report, called: set[str]) -> None:
    unittest = sys.modules.get("unittest")
    if unittest and issubclass(kind, unittest.TestCase):
        running.run_test_case(kind, report.error, lambda label, body: _run_test(label, body, report))
    elif name.startswith("Test"):
        for method, function in list(vars(kind).items()):
            if method.startswith("test") and callable(function) and method not in called:
                for label, body in running.expand(f"{name}.{method}", function, kind):
                    _run_test(label, body, report)


def _run_test(label: str, body: Callable[[], Any], report: Report) -> None:
    before = report.reached
    fine = _attempt(label, body, report)
    if fine and report.reached == before:
        report.say("idle", label)  # a test that asserted nothing has proved nothing


def _attempt(label: str, body: Callable[[], Any], report: Report) -> bool:
    try:
        body()
    except Lost:
        raise
    except SystemExit as stop:
        if getattr(stop, "_pv_foreign", False) or stop.code not in (None, 0):
            report.error(label, stop)
            return False
    except BaseException as error:  # noqa: BLE001 - tests may raise anything; it is their report
        report.error(label, error)
        return False
    return True
