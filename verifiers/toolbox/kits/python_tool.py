"""Runs inside the sandbox: a Python interpreter as a tool. Names that a call defines are there in the next ones."""

from __future__ import annotations

import ast
import contextlib
import io
import random
import traceback
from typing import Any

MAX_OUTPUT = 3_000
NAMES: dict[str, Any] = {"__name__": "__main__"}
random.seed(0)  # a session that is replayed gives the same


def run_python(code: str) -> dict[str, Any]:
    """Run Python code and give what it prints and the value of its last expression. Names stay for later calls.

    Args:
        code: The program text.
    """
    printed = io.StringIO()
    value = None
    with contextlib.redirect_stdout(printed):
        body = ast.parse(code)
        last = body.body.pop() if body.body and isinstance(body.body[-1], ast.Expr) else None
        try:
            exec(compile(body, "cell", "exec"), NAMES)  # noqa: S102 - that is the tool
            if isinstance(last, ast.Expr):
                value = eval(compile(ast.Expression(last.value), "cell", "eval"), NAMES)
        except Exception as error:  # noqa: BLE001 - the program's own error is the tool's answer
            words = traceback.format_exception_only(type(error), error)[-1].strip()
            return {"output": printed.getvalue()[:MAX_OUTPUT], "error": words[:300]}
    shown = {} if value is None else {"value": repr(value)[:MAX_OUTPUT]}
    return {"output": printed.getvalue()[:MAX_OUTPUT], **shown}
