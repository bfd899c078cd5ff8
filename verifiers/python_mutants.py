"""Mutants of a Python program: copies with one small edit each, for asking tests whether they would notice (C9, C17).

The operators are the sufficient set of Offutt et al. (1996: relational, arithmetic, logical, unary, absolute values by
way of constants) with the statement and return-value operators of mutmut and PIT. Nothing is run here; it runs in a
worker process. Edits whose bytecode equals that of the program or of an earlier mutant are no mutants (trivial compiler
equivalence, Papadakis et al. 2015).
"""

from __future__ import annotations

import ast
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from records.types import stable_hash
from verifiers.python_source import Function, Unparsable, last_name, parse

MAX_SITES = 2_000  # edits looked at in one program; larger ones are sampled from their first part

COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE), ast.LtE: (ast.Lt, ast.Gt), ast.Gt: (ast.GtE, ast.LtE), ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.In: (ast.NotIn,), ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,), ast.IsNot: (ast.Is,),
}  # fmt: skip
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv, ast.Pow: ast.Mult, ast.LShift: ast.RShift, ast.RShift: ast.LShift, ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd, ast.BitXor: ast.BitOr,
}  # fmt: skip
TWINS = {
    "min": "max", "max": "min", "any": "all", "all": "any", "upper": "lower", "lower": "upper", "lstrip": "rstrip",
    "rstrip": "lstrip", "startswith": "endswith", "endswith": "startswith", "find": "rfind", "ceil": "floor",
    "floor": "ceil", "bisect_left": "bisect_right", "bisect_right": "bisect_left", "append": "clear",
}  # fmt: skip
UNWRAPPED = frozenset({"sorted", "reversed", "abs", "round", "set"})
UNTOUCHED = {"annotation", "returns", "decorator_list", "type_comment", "type_params", "bases", "format_spec", "msg"}


@dataclass(frozen=True, slots=True)
class Mutant:
    """One edited copy: the line of the edit, what it was and what it became, and the whole program."""

    line: int
    before: str
    after: str
    source: str


@dataclass(frozen=True, slots=True)
class _Edit:
    """A node of the tree that may be replaced: where it hangs, and by what."""

    parent: ast.AST
    name: str
    index: int | None
    node: ast.AST
    replacement: ast.AST

    def put(self, node: ast.AST) -> None:
        if self.index is None:
            setattr(self.parent, self.name, node)
        else:
            getattr(self.parent, self.name)[self.index] = node


def make_mutants(source: str, limit: int) -> list[Mutant]:
    """At most `limit` mutants, spread over the lines, the same for the same text. None for text that does not parse."""
    try:
        tree = parse(source)
    except Unparsable:
        return []
    seen = {_shape(compile(tree, "m", "exec", dont_inherit=True))}
    mutants: list[Mutant] = []
    for edit in _spread(_edits(tree)):
        if len(mutants) == limit:
            break
        mutant, shape = _apply(tree, edit)
        if mutant is not None and shape not in seen:
            seen.add(shape)
            mutants.append(mutant)
    return sorted(mutants, key=lambda mutant: (mutant.line, mutant.before, mutant.after))


def _apply(tree: ast.Module, edit: _Edit) -> tuple[Mutant | None, Any]:
    """The mutant and the shape of its bytecode; no mutant where the edit gives no program."""
    before, after = _shown(edit.node), _shown(edit.replacement)
    edit.put(edit.replacement)
    try:
        text = ast.unparse(ast.fix_missing_locations(tree)) + "\n"
        shape = _shape(compile(text, "m", "exec", dont_inherit=True))
    except (SyntaxError, ValueError, RecursionError):
        return None, None
    finally:
        edit.put(edit.node)
    return Mutant(getattr(edit.node, "lineno", 1), before, after, text), shape


def _shown(node: ast.AST) -> str:
    return " ".join(ast.unparse(node).split())[:120]


def _shape(code: types.CodeType) -> Any:
    """What of a code object decides what it does, without lines and names of files."""
    constants = tuple(
        _shape(part) if isinstance(part, types.CodeType) else (type(part).__name__, repr(part))
        for part in code.co_consts
    )
    return code.co_code, constants, code.co_names, code.co_varnames, code.co_freevars, code.co_exceptiontable


def _spread(edits: Iterator[_Edit]) -> list[_Edit]:
    """The first edit of every line before the second of any; within that in an order that is random but fixed."""
    lines: dict[int, list[_Edit]] = {}
    for _, edit in zip(range(MAX_SITES), edits, strict=False):
        lines.setdefault(getattr(edit.node, "lineno", 1), []).append(edit)
    ranked: list[tuple[int, str, _Edit]] = []
    for line, here in lines.items():
        keyed = [(stable_hash(str(line), _shown(edit.node), _shown(edit.replacement)), edit) for edit in here]
        ordered = sorted(keyed, key=lambda pair: pair[0])
        ranked += [(turn, key, edit) for turn, (key, edit) in enumerate(ordered)]
    return [edit for _, _, edit in sorted(ranked, key=lambda item: item[:2])]


def _edits(tree: ast.Module) -> Iterator[_Edit]:
    """Every edit of the program, in the order of a walk; nothing that only people read is edited."""
    pending: list[tuple[ast.AST, bool]] = [(tree, False)]
    while pending:
        parent, in_while = pending.pop(0)
        for name, index, node in _children(parent):
            if not _is_for_readers(parent, name, node):
                for one in _replacements(node, name, in_while):
                    yield _Edit(parent, name, index, node, one)
                pending.append((node, in_while or isinstance(node, ast.While)))


def _children(parent: ast.AST) -> Iterator[tuple[str, int | None, ast.AST]]:
    for name, value in ast.iter_fields(parent):
        if name in UNTOUCHED:
            continue
        if isinstance(value, ast.AST):
            yield name, None, value
        elif isinstance(value, list):
            yield from ((name, index, item) for index, item in enumerate(value) if isinstance(item, ast.AST))


def _is_for_readers(parent: ast.AST, name: str, node: ast.AST) -> bool:
    """Docstrings, imports, what an exception says, and constants in match patterns (they are syntax)."""
    if isinstance(node, ast.Import | ast.ImportFrom | ast.ExceptHandler | ast.pattern | ast.JoinedStr):
        return not isinstance(node, ast.ExceptHandler)
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return True
    return isinstance(parent, ast.Raise) and name == "exc"


def _replacements(node: ast.AST, name: str, in_while: bool) -> Iterator[ast.AST]:
    """Left out inside `while`: taking an update away there gives endless loops, which cost much and teach little."""
    operator = OPERATORS.get(type(node))
    if operator is not None:
        yield from operator(node)
    updating = OPERATORS_OF_UPDATES.get(type(node))
    if updating is not None and not in_while:
        yield from updating(node)
    if isinstance(node, ast.Constant) and not (in_while and node.value == 1):  # a step of 0 there never ends
        yield from _lowered(node)
    if name == "test" and not isinstance(node, ast.Constant | ast.UnaryOp | ast.Compare) and isinstance(node, ast.expr):
        yield ast.UnaryOp(ast.Not(), node)


def _comparison(node: Any) -> Iterator[ast.expr]:
    for index, operator in enumerate(node.ops):
        for kind in COMPARISONS[type(operator)]:
            yield ast.Compare(node.left, [*node.ops[:index], kind(), *node.ops[index + 1 :]], node.comparators)


def _arithmetic(node: Any) -> Iterator[ast.expr]:
    if type(node.op) in ARITHMETIC:
        yield ast.BinOp(node.left, ARITHMETIC[type(node.op)](), node.right)


def _logical(node: Any) -> Iterator[ast.expr]:
    yield ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
    yield node.values[0]


def _unary(node: Any) -> Iterator[ast.expr]:
    if not isinstance(node.operand, ast.Constant):
        yield node.operand


def _constant(node: Any) -> Iterator[ast.expr]:
    value = node.value
    if isinstance(value, bool):
        yield ast.Constant(not value)
    elif isinstance(value, int | float):
        yield ast.Constant(value + 1)
    elif isinstance(value, str):
        yield ast.Constant(value + "?")


def _lowered(node: ast.Constant) -> Iterator[ast.expr]:
    if isinstance(node.value, int) and not isinstance(node.value, bool):
        yield ast.Constant(node.value - 1)


def _call(node: Any) -> Iterator[ast.expr]:
    twin = TWINS.get(last_name(node.func))
    if twin and isinstance(node.func, ast.Attribute):
        yield ast.Call(ast.Attribute(node.func.value, twin, ast.Load()), [] if twin == "clear" else node.args, [])
    elif twin and isinstance(node.func, ast.Name):
        yield ast.Call(ast.Name(twin, ast.Load()), node.args, node.keywords)
    if last_name(node.func) in UNWRAPPED and len(node.args) == 1:
        yield node.args[0]
    for index, keyword in enumerate(node.keywords):
        if keyword.arg in ("reverse", "key", "default"):
            yield ast.Call(node.func, node.args, [*node.keywords[:index], *node.keywords[index + 1 :]])


def _return(node: Any) -> Iterator[ast.stmt]:
    if node.value is not None and not _is_none(node.value):
        yield ast.Return(ast.Constant(None))


def _update(node: Any) -> Iterator[ast.stmt]:
    if type(node.op) in ARITHMETIC:
        yield ast.AugAssign(node.target, ARITHMETIC[type(node.op)](), node.value)
    yield ast.Pass()


def _branch(node: Any) -> Iterator[ast.stmt]:
    if not any(isinstance(part, Function) for part in node.body):
        yield ast.If(ast.Constant(True), node.body, node.orelse)


def _nothing(_: Any) -> Iterator[ast.stmt]:
    yield ast.Pass()


def _on(_: Any) -> Iterator[ast.stmt]:
    yield ast.Continue()


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


OPERATORS: dict[type[ast.AST], Callable[[Any], Iterator[ast.AST]]] = {
    ast.Compare: _comparison, ast.BinOp: _arithmetic, ast.BoolOp: _logical, ast.UnaryOp: _unary,
    ast.Constant: _constant, ast.Call: _call, ast.Return: _return, ast.Continue: _nothing, ast.Raise: _nothing,
    ast.If: _branch,
}  # fmt: skip
OPERATORS_OF_UPDATES: dict[type[ast.AST], Callable[[Any], Iterator[ast.AST]]] = {
    ast.AugAssign: _update, ast.Expr: _nothing, ast.Break: _on,
}  # fmt: skip
