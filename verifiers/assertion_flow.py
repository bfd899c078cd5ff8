"""Which names in a test hold values that came from calls of the function under test."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from verifiers.python_source import Function, last_name

PROGRAM_MODULES = frozenset({"solution", "program", "main"})  # names under which tests may import the program
PASSES = 3  # a value that travels through more loops than this is not followed


@dataclass(frozen=True, slots=True)
class LocalCall:
    """A call of a function that the tests define."""

    name: str
    text: str


@dataclass(slots=True)
class Scope:
    """One test function or the module level (empty name), and what is known about its names."""

    name: str
    body: Sequence[ast.stmt]
    aliases: frozenset[str]  # names of the function under test
    bound: dict[str, frozenset[str]] = field(default_factory=dict)  # name -> calls its value depends on
    origins: dict[str, str] = field(default_factory=dict)  # name -> text of the only expression assigned to it
    local_calls: list[LocalCall] = field(default_factory=list)

    def is_tested(self, function: ast.expr) -> bool:
        """Whether this expression is the function under test: `solve`, `solution.solve`."""
        if isinstance(function, ast.Attribute):
            return last_name(function.value) in PROGRAM_MODULES and function.attr in self.aliases
        return last_name(function) in self.aliases

    def calls_in(self, node: ast.AST) -> frozenset[str]:
        """Texts of the calls of the function under test that the value of this node depends on."""
        calls: set[str] = set()
        pending = [node]
        while pending:
            part = pending.pop()
            if isinstance(part, ast.Call) and self.is_tested(part.func):
                calls.add(ast.unparse(part))  # with the calls among its arguments
                continue
            if isinstance(part, ast.Name):
                calls |= self.bound.get(part.id, frozenset())
            pending += ast.iter_child_nodes(part)
        return frozenset(calls)


def statements(
    body: Sequence[ast.stmt], swallows: Callable[[ast.stmt], bool], inside: bool = False
) -> Iterator[tuple[ast.stmt, bool]]:
    """Every statement, nested ones too, with whether a statement around it `swallows` what its body raises."""
    for statement in body:
        yield statement, inside
        for name, value in ast.iter_fields(statement):
            blocks = value if isinstance(value, list) else []
            if name == "body" and blocks:
                yield from statements(blocks, swallows, inside or swallows(statement))
            elif name in {"orelse", "finalbody"}:
                yield from statements(blocks, swallows, inside)
            elif name in {"handlers", "cases"}:
                for block in blocks:
                    yield from statements(block.body, swallows, inside)


def build_scopes(tree: ast.Module, entry_point: str) -> list[Scope]:
    """The module level first, then functions and methods in order; nested functions belong to the one around them."""
    functions = list(_functions(tree))
    rest = [node for node in tree.body if not isinstance(node, Function | ast.ClassDef)]
    everywhere = _module_aliases(rest, entry_point)
    given = _given_functions(tree, dict(functions), everywhere)
    module = Scope("", rest, everywhere)
    _follow(module)
    scopes = [module]
    for name, function in functions:
        own = given.get(name, frozenset())
        shadowed = frozenset(argument.arg for argument in _parameters(function)) - own
        scope = Scope(name, function.body, (everywhere | own) - shadowed, dict(module.bound))
        _follow(scope)
        scopes.append(scope)
    names = frozenset(name for name, _ in functions)
    for scope in scopes:
        scope.local_calls = list(_local_calls(scope.body, names))
    return scopes


def _functions(tree: ast.Module) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for node in tree.body:
        if isinstance(node, Function):
            yield node.name, node
        elif isinstance(node, ast.ClassDef):
            yield from ((f"{node.name}.{method.name}", method) for method in node.body if isinstance(method, Function))


def _module_aliases(body: Sequence[ast.stmt], entry_point: str) -> frozenset[str]:
    """The entry point and names that are plainly assigned from it: `candidate = solve`."""
    aliases = {entry_point}
    for node in body:
        if isinstance(node, ast.Assign) and last_name(node.value) in aliases:
            aliases |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.ImportFrom) and node.module in PROGRAM_MODULES:
            aliases |= {alias.asname for alias in node.names if alias.name == entry_point and alias.asname}
    return frozenset(aliases)


def _given_functions(
    tree: ast.Module, functions: Mapping[str, ast.FunctionDef | ast.AsyncFunctionDef], aliases: frozenset[str]
) -> Mapping[str, frozenset[str]]:
    """Parameters through which the function under test is handed to a local function: `check(solve)`."""
    given: dict[str, frozenset[str]] = {}
    for node in ast.walk(tree):
        function = functions.get(last_name(node.func)) if isinstance(node, ast.Call) else None
        if isinstance(node, ast.Call) and function is not None:
            pairs = zip(node.args, _parameters(function), strict=False)
            names = {parameter.arg for argument, parameter in pairs if last_name(argument) in aliases}
            given[function.name] = given.get(function.name, frozenset()) | names
    return given


def _parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.arg]:
    return [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]


def _local_calls(body: Sequence[ast.stmt], names: frozenset[str]) -> Iterator[LocalCall]:
    for statement in body:
        for node in ast.walk(statement):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names:
                yield LocalCall(node.func.id, ast.unparse(node))


def _follow(scope: Scope) -> None:
    """Fill in `bound` and `origins`: repeated, since a loop may use a name before the line that binds it."""
    every = [statement for statement, _ in statements(scope.body, lambda _: False)]
    for _ in range(PASSES):
        before = dict(scope.bound)
        for statement in every:
            for names, calls in _flows(statement, scope):
                scope.bound.update({name: scope.bound.get(name, frozenset()) | calls for name in names if calls})
        if scope.bound == before:
            break
    scope.origins.update(_single_assignments(scope.body, every))


def _single_assignments(body: Sequence[ast.stmt], every: Sequence[ast.stmt]) -> dict[str, str]:
    """The text of the value of each name that is bound exactly once."""
    stored = Counter(name for statement in body for part in ast.walk(statement) for name in _stored_here(part))
    return {
        last_name(node.targets[0]): ast.unparse(node.value)
        for node in every
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and stored[last_name(node.targets[0])] == 1
    }


def _stored_here(node: ast.AST) -> set[str]:
    return {node.id} if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) else set()


def _flows(statement: ast.stmt, scope: Scope) -> Iterator[tuple[set[str], frozenset[str]]]:
    """(names, calls) for each way in which a statement lets results of calls into names."""
    if isinstance(statement, ast.Assign | ast.AnnAssign | ast.AugAssign) and statement.value is not None:
        yield _stored(statement), scope.calls_in(statement.value)
    elif isinstance(statement, ast.For | ast.AsyncFor):
        yield _names(statement.target), scope.calls_in(statement.iter)
    elif isinstance(statement, ast.With | ast.AsyncWith):
        # A redirected stream or a mock receives what the body does.
        involved = set().union(*(_names(item) for item in statement.items))
        yield involved, frozenset(call for inner in statement.body for call in scope.calls_in(inner))
    elif isinstance(statement, ast.Try):
        # Which branch runs depends on the calls in the body: `raised = True` in a handler tells about them.
        yield _stored(statement), frozenset(call for inner in statement.body for call in scope.calls_in(inner))
    for node in ast.walk(statement) if not hasattr(statement, "body") else ():
        if isinstance(node, ast.NamedExpr):
            yield _names(node.target), scope.calls_in(node.value)
        elif isinstance(node, ast.Call) and (receivers := _receivers(node, scope)):
            yield receivers, scope.calls_in(node)


def _receivers(node: ast.Call, scope: Scope) -> set[str]:
    """Names that a call may change: arguments of the function under test, and `out` of `out.append(solve(1))`."""
    if scope.is_tested(node.func):
        return {argument.id for argument in node.args if isinstance(argument, ast.Name)}
    return _names(node.func.value) if isinstance(node.func, ast.Attribute) else set()


def _names(node: ast.AST) -> set[str]:
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


def _stored(node: ast.AST) -> set[str]:
    """Names bound here, and owners of the items and attributes that are set: `box` of `box[0] = 1`."""
    names = {part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)}
    for part in ast.walk(node):
        if isinstance(part, ast.Subscript | ast.Attribute) and isinstance(part.ctx, ast.Store):
            names |= _names(part.value)
    return names
