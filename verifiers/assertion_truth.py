"""Whether an asserted expression can be false, and how much it pins down when it holds."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from verifiers.python_source import last_name

WEAK, TRUTH, PINNED = 1, 2, 3
CLOSE = frozenset({"isclose", "allclose", "assert_allclose"})


def always_true(test: ast.expr) -> bool:
    """Whether the expression is true whatever the program does, as far as its shape tells."""
    if isinstance(test, ast.Constant):
        return bool(test.value)
    if isinstance(test, ast.Tuple | ast.List | ast.Set):
        return bool(test.elts) and not all(isinstance(element, ast.Starred) for element in test.elts)
    if isinstance(test, ast.BoolOp):
        decide = any if isinstance(test.op, ast.Or) else all
        return decide(always_true(value) for value in test.values)
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return isinstance(test.operand, ast.Constant) and not test.operand.value
    if isinstance(test, ast.NamedExpr):
        return always_true(test.value)
    # These are objects, never called or iterated by `assert`: `assert (f(x) for x in y)`, `assert lambda: f(1)`.
    return isinstance(test, ast.GeneratorExp | ast.Lambda) or (isinstance(test, ast.Dict) and bool(test.keys))


def compares_with_itself(test: ast.expr, origins: Mapping[str, str]) -> bool:
    """`f(1) == f(1)`, also when a side is a name whose value has the same text (`origins`), and within and/or."""
    if isinstance(test, ast.BoolOp):
        decide = any if isinstance(test.op, ast.Or) else all
        return decide(compares_with_itself(value, origins) for value in test.values)
    if not isinstance(test, ast.Compare):
        return False
    texts = [ast.unparse(side) for side in (test.left, *test.comparators)]
    reflexive = all(isinstance(operator, ast.Eq | ast.Is | ast.LtE | ast.GtE) for operator in test.ops)
    return reflexive and len({origins.get(text, text) for text in texts}) == 1


def strength(test: ast.expr) -> int:
    """3: one value only (`==`, `is`, within a tolerance); 2: only true or false; 1: anything weaker."""
    if isinstance(test, ast.BoolOp):
        decide = min if isinstance(test.op, ast.Or) else max
        return decide(strength(value) for value in test.values)
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return TRUTH if isinstance(test.operand, ast.Call) else WEAK
    if isinstance(test, ast.Compare):
        return _of_comparison(test)
    if isinstance(test, ast.Call):
        name = last_name(test.func)
        return PINNED if name in CLOSE else WEAK if name in {"isinstance", "hasattr", "callable"} else TRUTH
    return TRUTH if isinstance(test, ast.Name) else WEAK


def _of_comparison(test: ast.Compare) -> int:
    sides = [test.left, *test.comparators]
    if all(isinstance(operator, ast.Eq | ast.Is) for operator in test.ops):
        boolean = any(isinstance(side, ast.Constant) and isinstance(side.value, bool) for side in sides)
        return TRUTH if boolean else PINNED
    if all(isinstance(operator, ast.Lt | ast.LtE) for operator in test.ops):
        return PINNED if any(isinstance(side, ast.Call) and last_name(side.func) == "abs" for side in sides) else WEAK
    return WEAK
