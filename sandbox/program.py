"""The program's process once it is confined: runs a Python program as a script, or serves calls of its functions."""

from __future__ import annotations

import atexit
import builtins
import json
import os
import random
import signal
import site
import sys
import threading
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from sandbox.harness import interpreter, program_side, values
from sandbox.harness.link import text_of

WARM = (
    "math", "random", "re", "collections", "itertools", "functools", "operator", "typing", "heapq", "bisect",
    "string", "json", "copy", "dataclasses", "datetime", "decimal", "fractions", "statistics", "enum", "abc",
    "contextlib", "traceback", "linecache", "io", "time", "textwrap", "hashlib", "base64", "array", "numbers",
)  # fmt: skip
SEED = 0  # of `random`, in every program: the same program does the same thing each time
_TESTED_NAME = "solution"


@dataclass(frozen=True, slots=True)
class Job:
    """What the program's process has to do."""

    mode: str  # script, calls, tests or session
    source: bytes
    extra: bytes  # in calls mode: entry point and arguments, as JSON
    filename: str
    channel: int
    progress: int


def warm_up() -> None:
    """Import what programs import most, and compile once: the compiler's first use is its slowest."""
    for name in WARM:
        __import__(name)
    site.setquit()
    site.setcopyright()
    for loaded in [loaded for loaded in sys.modules if loaded.partition(".")[0] == "sandbox"]:
        del sys.modules[loaded]  # programs and tests shall not find the harness by its name
    compile("def f(x):\n    return [y for y in x if y]\nprint(f([1]))\n", "warm", "exec")


def main(job: Job) -> NoReturn:
    """Load the program and do what the mode asks; ends the process."""
    if job.mode == "session":
        _open_session(job)
    script = job.mode == "script"
    module = _new_module("__main__" if script else _TESTED_NAME, job.filename)
    code = _compile(job)
    if job.mode == "tests":
        program_side.await_driver(job.channel)
    os.write(job.progress, b".")
    os.close(job.progress)
    status = run_guarded(lambda: exec(code, module.__dict__))  # noqa: S102 - this process exists to do just that
    if script or status is not None:
        finish(status)
    if job.mode == "calls":
        answer_calls(module, job)
    program_side.serve_program(module, job.channel)
    finish(None)


def _open_session(job: Job) -> NoReturn:
    module = _new_module("__main__", "")
    os.write(job.progress, b".")
    os.close(job.progress)
    interpreter.serve_cells(module, job.channel, run_guarded)


def _new_module(name: str, filename: str) -> types.ModuleType:
    """The module the program runs in."""
    module = types.ModuleType(name)
    module.__dict__["__file__"] = filename
    module.__dict__["__builtins__"] = builtins
    sys.modules["__main__"] = sys.modules[name] = module
    sys.argv = [filename]
    sys.orig_argv = ["python3", filename]
    sys.path.insert(0, "")
    random.seed(SEED)  # here, because a fork seeds it anew
    if "numpy" in sys.modules:  # its generator would go on from where the agent left it
        sys.modules["numpy"].random.seed(SEED)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    return module


def _compile(job: Job) -> types.CodeType:
    try:
        text = job.source.decode("utf-8", "surrogatepass")
        return compile(text, job.filename, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError) as error:
        sys.excepthook(type(error), error.with_traceback(None), None)
        os.write(job.progress, b"c")
        os._exit(1)


def run_guarded(body: Callable[[], object]) -> int | None:
    """Run foreign code as the interpreter would; None if it returned, else the exit status it ended with."""
    try:
        body()
    except SystemExit as stop:
        return _exit_status(stop)
    except BaseException as error:  # noqa: BLE001 - a foreign program may raise anything; shown as Python shows it
        trace = error.__traceback__
        for _ in range(2):  # our own frames: this function and the lambda
            trace = trace.tb_next if trace else None
        sys.excepthook(type(error), error.with_traceback(trace), trace)
        return 1
    return None


def _exit_status(stop: SystemExit) -> int:
    if stop.code is None:
        return 0
    if isinstance(stop.code, int):
        return int(stop.code) & 0xFF
    print(stop.code, file=sys.stderr)  # noqa: T201 - what the interpreter does with any other code
    return 1


def finish(status: int | None) -> NoReturn:
    """End the process the way the interpreter does: wait for threads, run exit functions, flush."""
    late = run_guarded(threading._shutdown)  # type: ignore[attr-defined]
    late = late or run_guarded(atexit._run_exitfuncs)
    for stream in (sys.stdout, sys.stderr):
        late = run_guarded(stream.flush) or late
    os._exit(status or late or 0)


def answer_calls(module: types.ModuleType, job: Job) -> NoReturn:
    """Calls mode: make each call, write each result as one line, and never learn what was expected."""
    request = json.loads(job.extra)
    encoder = values.Encoder(None, arrays=False)  # what is expected is JSON
    with open(job.channel, "w", encoding="ascii", closefd=False) as report:
        for arguments in request["arguments"]:
            line = _answer_one(module, request["entry_point"], arguments, encoder)
            report.write(json.dumps(line) + "\n")
            report.flush()
    run_guarded(sys.stdout.flush)
    run_guarded(sys.stderr.flush)
    os._exit(0)


def _answer_one(module: types.ModuleType, name: str, arguments: list[Any], encoder: values.Encoder) -> list[Any]:
    try:
        target: Any = module
        for part in name.split("."):
            target = getattr(target() if isinstance(target, type) else target, part)
        return ["value", encoder.encode(target(*arguments))]
    except values.Uncrossable as error:
        return ["odd", str(error)]
    except BaseException as error:  # noqa: BLE001 - whatever the function raises is its answer
        return ["raised", type(error).__name__, text_of(error)]
