"""The forms in which tests assert: `assert`, unittest's methods, blocks that expect an exception."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from verifiers.python_source import caught_names, last_name

RAISING = frozenset({"raises", "assertRaises", "assertRaisesRegex"})
EQUAL = frozenset({
    "assertEqual", "assertEquals", "assertAlmostEqual", "assertCountEqual", "assertDictEqual", "assertIs",
    "assertListEqual", "assertMultiLineEqual", "assertSequenceEqual", "assertSetEqual", "assertTupleEqual",
})  # fmt: skip
ASSERTION_CATCHERS = frozenset({"AssertionError", "Exception", "BaseException"})


def asserted(statement: ast.stmt) -> ast.expr | None:
    """What the statement asserts, as one expression; None where it asserts nothing or only says "never here"."""
    if isinstance(statement, ast.Assert):
        return None if is_failure(statement) else statement.test
    call = statement.value if isinstance(statement, ast.Expr) else None
    if (
        not isinstance(call, ast.Call)
        or not isinstance(call.func, ast.Attribute)
        or last_name(call.func.value) != "self"
    ):
        return None
    method, arguments = call.func.attr, call.args
    if not method.startswith("assert") or method in RAISING or not arguments:
        return None
    return _as_expression(method, arguments, call)


def _as_expression(method: str, arguments: Sequence[ast.expr], call: ast.Call) -> ast.expr:
    if method in EQUAL and len(arguments) > 1:
        return ast.Compare(arguments[0], [ast.Eq()], [arguments[1]])
    if method == "assertIsNone":
        return ast.Compare(arguments[0], [ast.Is()], [ast.Constant(None)])
    if method == "assertTrue":
        return arguments[0]
    return ast.UnaryOp(ast.Not(), arguments[0]) if method == "assertFalse" else call


def expected_exceptions(node: ast.With | ast.AsyncWith) -> frozenset[str]:
    """Names of the exceptions that a `with pytest.raises(...)` or its like expects; empty for other blocks."""
    calls = [item.context_expr for item in node.items if isinstance(item.context_expr, ast.Call)]
    kinds = [call.args[0] for call in calls if last_name(call.func) in RAISING and call.args]
    parts = [part for kind in kinds for part in (kind.elts if isinstance(kind, ast.Tuple) else [kind])]
    return frozenset(last_name(part) for part in parts)


def is_failure(statement: ast.stmt) -> bool:
    """`assert False`, `raise AssertionError(...)`, `self.fail()`, `pytest.fail()`."""
    if isinstance(statement, ast.Assert):
        return isinstance(statement.test, ast.Constant) and not statement.test.value
    if isinstance(statement, ast.Expr):
        return isinstance(statement.value, ast.Call) and last_name(statement.value.func) == "fail"
    if not isinstance(statement, ast.Raise) or statement.exc is None:
        return False
    raised = statement.exc.func if isinstance(statement.exc, ast.Call) else statement.exc
    return last_name(raised) == "AssertionError"


def swallows(node: ast.stmt) -> bool:
    """Whether failures of assertions in the body of this statement are caught and forgotten."""
    if isinstance(node, ast.Try | ast.TryStar):
        return any(_catches(handler) and not _fails_again(handler) for handler in node.handlers)
    if not isinstance(node, ast.With | ast.AsyncWith):
        return False
    managers = [item.context_expr for item in node.items]
    suppressed = [
        last_name(argument)
        for manager in managers
        if isinstance(manager, ast.Call) and last_name(manager.func) == "suppress"
        for argument in manager.args
    ]
    return not ASSERTION_CATCHERS.isdisjoint((*suppressed, *expected_exceptions(node)))


def _catches(handler: ast.ExceptHandler) -> bool:
    names = caught_names(handler)
    return names is None or bool(names & ASSERTION_CATCHERS)


def _fails_again(handler: ast.ExceptHandler) -> bool:
    return any(isinstance(node, ast.stmt) and (is_failure(node) or isinstance(node, ast.Raise | ast.Assert))
               for node in ast.walk(handler))  # fmt: skip
