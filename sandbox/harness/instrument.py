"""Marks every assertion of a test source, so that the driver knows which were reached and which held."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

HOOK = "__pv__"
_ASSERTING = re.compile(r"(assert[A-Z_]\w*|raises|warns|deprecated_call|fail)$")
_LEAVES = (ast.Return, ast.Continue, ast.Break, ast.Raise)


@dataclass(frozen=True, slots=True)
class Site:
    """One assertion of the source."""

    line: int
    text: str
    function: int | None  # number of the innermost function it stands in
    required: bool  # it must be reached once its function has been entered


class Instrumenter(ast.NodeTransformer):
    """Rewrites a test module.

    An assertion is *required* unless it stands in a branch that need not be taken: `if`/`else`, `match`, an exception
    handler, a `try` body whose handlers name the exceptions that they expect, or after a conditional way out of its
    block. Each time that a required assertion is begun, it must be brought to its end. A loop body is required: an
    assertion in a loop that never ran has proved nothing.
    """

    def __init__(self) -> None:
        self.sites: list[Site] = []
        self.functions: list[str] = []
        self._function: int | None = None
        self._conditional = False

    def block(self, body: list[ast.stmt]) -> list[ast.stmt]:
        """Rewrite the statements of one block."""
        before, out = self._conditional, []
        for statement in body:
            done = self.visit(statement)
            out += done if isinstance(done, list) else [done]
            if isinstance(statement, (ast.If, ast.Try, ast.Match)) and _has_way_out(statement):
                self._conditional = True
        self._conditional = before
        return out

    def visit_Module(self, node: ast.Module) -> ast.Module:
        """Rewrite the whole module."""
        node.body = self.block(node.body)
        return ast.fix_missing_locations(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        """Note that the function was entered, and rewrite its body."""
        self._enter(node)
        return node

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AsyncFunctionDef:
        """Like a function."""
        self._enter(node)
        return node

    def _enter(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        outer, self._function = self._function, len(self.functions)
        conditional, self._conditional = self._conditional, False
        self.functions.append(node.name)
        node.body = [_hook("enter", self._function, node), *self.block(node.body)]
        self._function, self._conditional = outer, conditional

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        """Rewrite the methods."""
        node.body = self.block(node.body)
        return node

    def visit_Lambda(self, node: ast.Lambda) -> ast.Lambda:
        """Nothing to do: a lambda holds no statement."""
        return node

    def visit_For(self, node: ast.For | ast.While | ast.AsyncFor) -> ast.stmt:
        """A loop body must run at least once."""
        node.body = self.block(node.body)
        node.orelse = self.block(node.orelse)
        return node

    visit_While = visit_AsyncFor = visit_For

    def visit_If(self, node: ast.If) -> ast.stmt:
        """Either branch may be the one that is not taken, except under the usual main guard."""
        if _is_main_guard(node.test):
            node.body = self.block(node.body)
        else:
            node.body = self._branch(node.body)
        node.orelse = self._branch(node.orelse)
        return node

    def visit_Match(self, node: ast.Match) -> ast.stmt:
        """One case of many is taken."""
        for case in node.cases:
            case.body = self._branch(case.body)
        return node

    def visit_Try(self, node: ast.Try) -> ast.stmt | list[ast.stmt]:
        """A body that is expected to raise, with `assert False` behind it, is itself an assertion."""
        expects = bool(node.handlers) and any(_never(statement) for statement in (*node.body, *node.orelse))
        number = self._site(node) if expects else None
        chosen = bool(node.handlers) and not all(_catches_all(handler) for handler in node.handlers)
        node.body = self._branch(node.body) if chosen else self.block(node.body)
        node.orelse = self._branch(node.orelse)
        node.finalbody = self.block(node.finalbody)
        for handler in node.handlers:
            handler.body = self._branch(handler.body)
            if number is not None:
                handler.body.insert(0, _hook("held", number, handler))
        return node if number is None else [_hook("reach", number, node), node]

    def visit_With(self, node: ast.With | ast.AsyncWith) -> ast.stmt | list[ast.stmt]:
        """`with pytest.raises(...)` and its like are assertions."""
        asserting = any(_asserts(item.context_expr) for item in node.items)
        number = self._site(node) if asserting else None
        node.body = self.block(node.body)
        if number is None:
            return node
        return [_hook("reach", number, node), node, _hook("held", number, node)]

    visit_AsyncWith = visit_With

    def visit_Expr(self, node: ast.Expr) -> ast.stmt | list[ast.stmt]:
        """`self.assertEqual(...)` and its like are assertions."""
        call = node.value.value if isinstance(node.value, ast.Await) else node.value
        if not _asserts(call) or _never(node):
            return node
        number = self._site(node)
        return [_hook("reach", number, node), node, _hook("held", number, node)]

    def visit_Assert(self, node: ast.Assert) -> ast.stmt | list[ast.stmt]:
        """Evaluate, note what was compared, and note whether it held, whoever catches the error."""
        number = self._site(node, required=not _never(node))
        test = _watched(node.test)
        message = [node.msg] if node.msg else []
        failed = ast.Raise(exc=_call("failed", [ast.Constant(number), *message]), cause=None)
        check = ast.If(test=test, body=[_hook("held", number, node)], orelse=[failed])
        return [_hook("reach", number, node), ast.copy_location(check, node)]

    def _branch(self, body: list[ast.stmt]) -> list[ast.stmt]:
        before, self._conditional = self._conditional, True
        out = self.block(body)
        self._conditional = before
        return out

    def _site(self, node: ast.stmt, required: bool = True) -> int:
        text = " ".join(ast.unparse(node).split("\n", 1)[0].split())[:160]
        self.sites.append(Site(node.lineno, text, self._function, required and not self._conditional))
        return len(self.sites) - 1


def _call(name: str, arguments: list[ast.expr]) -> ast.Call:
    hook = ast.Attribute(value=ast.Name(id=HOOK, ctx=ast.Load()), attr=name, ctx=ast.Load())
    return ast.Call(func=hook, args=arguments, keywords=[])


def _hook(name: str, number: int, near: ast.stmt | ast.ExceptHandler) -> ast.stmt:
    return ast.copy_location(ast.Expr(value=_call(name, [ast.Constant(number)])), near)


def _watched(test: ast.expr) -> ast.expr:
    """A plain comparison keeps its two values, for the report of a failure."""
    if isinstance(test, ast.Compare) and len(test.ops) == 1:
        test.left = _call("left", [test.left])
        test.comparators = [_call("right", [test.comparators[0]])]
    return test


def _asserts(node: ast.expr) -> bool:
    if not isinstance(node, ast.Call):
        return False
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    return bool(_ASSERTING.match(name))


def _never(node: ast.stmt) -> bool:
    """Whether a statement says "this must not be reached"."""
    if isinstance(node, ast.Assert):
        return isinstance(node.test, ast.Constant) and not node.test.value
    if isinstance(node, ast.Raise):
        return "AssertionError" in ast.unparse(node)
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        function = node.value.func
        return (function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")) == "fail"
    return False


def _catches_all(handler: ast.ExceptHandler) -> bool:
    """Whether a handler takes any exception: it cannot be what the test waits for."""
    return handler.type is None or ast.unparse(handler.type) in ("Exception", "BaseException", "AssertionError")


def _has_way_out(node: ast.stmt) -> bool:
    return any(isinstance(inner, _LEAVES) for inner in ast.walk(node))


def _is_main_guard(test: ast.expr) -> bool:
    return isinstance(test, ast.Compare) and "__name__" in ast.unparse(test)
