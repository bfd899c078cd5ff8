"""The interpreter of a session: runs cells in one namespace, as a notebook does."""

from __future__ import annotations

import _socket
import ast
import linecache
import os
import sys
import traceback
import types
from collections.abc import Callable
from typing import NoReturn

_FD_BYTES = 64  # room for one descriptor in a message's ancillary data
Guard = Callable[[Callable[[], object]], int | None]
RAN, DID_NOT_COMPILE = 0, 1


def serve_cells(module: types.ModuleType, channel: int, guard: Guard) -> NoReturn:
    """Run what comes through the channel until it closes; each cell is answered by two bytes, kind and exit status.

    `guard` runs foreign code and gives the exit status that it ended with, None if it returned.
    """
    sys.excepthook = _show
    link = _socket.socket(fileno=channel)
    link.send(bytes([RAN, 0]))  # ready
    number = 0
    while True:
        _, carried, _, _ = link.recvmsg(1, _FD_BYTES)
        if not carried:
            os._exit(0)
        number += 1
        with open(int.from_bytes(carried[0][2][:4], sys.byteorder), "rb") as file:  # noqa: PTH123
            text = file.read().decode("utf-8", "surrogatepass")
        kind, status = _run_cell(module, text, f"<cell {number}>", guard)
        link.send(bytes([kind, status]))


def _run_cell(module: types.ModuleType, text: str, name: str, guard: Guard) -> tuple[int, int]:
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)  # so that tracebacks show lines
    try:
        body, last = _compile(text, name)
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError) as error:
        sys.excepthook(type(error), error.with_traceback(None), None)
        return DID_NOT_COMPILE, _flush(guard) or 1
    space = module.__dict__
    status = guard(lambda: exec(body, space))  # noqa: S102 - this process exists to do just that
    if status is None and last is not None:
        status = guard(lambda: sys.displayhook(eval(last, space)))
    return RAN, _flush(guard) or status or 0


def _show(kind: type[BaseException], error: BaseException, trace: types.TracebackType | None) -> None:
    """As the interpreter shows an exception, but with the lines of earlier cells, which lie in no file."""
    traceback.print_exception(kind, error, trace)


def _compile(text: str, name: str) -> tuple[types.CodeType, types.CodeType | None]:
    """The cell without its last expression, and that expression; a semicolon at the end silences it."""
    tree = ast.parse(text, name)
    last = None
    if tree.body and isinstance(tree.body[-1], ast.Expr) and not text.rstrip().endswith(";"):
        expression = tree.body.pop()
        assert isinstance(expression, ast.Expr)
        last = compile(ast.Expression(expression.value), name, "eval", dont_inherit=True)
    return compile(tree, name, "exec", dont_inherit=True), last


def _flush(guard: Guard) -> int:
    status = 0
    for stream in (sys.stdout, sys.stderr):
        status = guard(stream.flush) or status
    return status
