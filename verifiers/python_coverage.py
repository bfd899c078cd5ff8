"""Branch coverage of tests over a Python program, by instrumenting both texts; nothing is run here.

Each branch of the program marks itself when it is taken, and each gets one more test, put after all others, that asks
whether it was. So the answers come as cases of the test report, from outside the program's process. The names of the
marks hold a hash of both texts, which a program cannot know while it is being written.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass

from records.types import stable_hash
from verifiers.python_source import Function, Unparsable, parse

MARKS = """
{taken} = set()


def {mark}(number, *value):
    if not value:
        {taken}.add(number)
        return None
    {taken}.add(number if value[0] else number + 1)
    return value[0]


def {asked}(number):
    return number in {taken}
"""


@dataclass(frozen=True, slots=True)
class Branch:
    """One way through the program: the line and what takes it ("if true", "if false", "loop body", "function f")."""

    line: int
    what: str


@dataclass(frozen=True, slots=True)
class Instrumented:
    """Program and tests with marks. `branches[n]` was taken where the case whose text is `question(n)` passed."""

    program: str
    tests: str
    branches: tuple[Branch, ...]
    asked: str

    def question(self, number: int) -> str:
        """The text of the assertion about one branch."""
        return f"assert {self.asked}({number})"


def instrument(program: str, tests: str) -> Instrumented | None:
    """Both texts with marks and questions; None where the program does not parse."""
    nonce = stable_hash(program, tests)
    names = {"taken": f"taken_{nonce}", "mark": f"mark_{nonce}", "asked": f"asked_{nonce}"}
    try:
        tree = parse(program)
    except Unparsable:
        return None
    marker = _Marker(names["mark"])
    marked = marker.visit(tree)
    prelude = ast.parse(MARKS.format(**names)).body
    start = _after_head(marked)
    marked.body[start:start] = prelude
    text = ast.unparse(ast.fix_missing_locations(marked)) + "\n"
    found = Instrumented(text, "", tuple(marker.branches), names["asked"])
    questions = [
        f"def test_branch_{nonce}_{number}():\n    {found.question(number)}\n" for number in range(len(marker.branches))
    ]
    whole = tests.rstrip() + "\n\n\n" + "\n\n".join(questions)
    return Instrumented(text, whole, found.branches, found.asked)


def with_random_seed(source: str, seed: int) -> tuple[str, int]:
    """The text with `random` seeded differently, and the line before which one line was put in. Itself and 0 where it
    does not parse."""
    try:
        tree = parse(source)
    except Unparsable:
        return source, 0
    start = _after_head(tree)
    if start < len(tree.body):
        first = tree.body[start]
        lines = [first.lineno, *(mark.lineno for mark in getattr(first, "decorator_list", []))]
        line = min(lines)
    else:
        line = len(source.splitlines()) + 1
    texts = source.splitlines()
    texts.insert(line - 1, f"__import__('random').seed({seed})")
    return "\n".join(texts) + "\n", line


def _after_head(tree: ast.Module) -> int:
    """Index of the first statement after the docstring and the imports from the future."""
    for index, node in enumerate(tree.body):
        is_docstring = index == 0 and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if not is_docstring and not (isinstance(node, ast.ImportFrom) and node.module == "__future__"):
            return index
    return len(tree.body)


class _Marker(ast.NodeTransformer):
    """Puts the marks in. A condition that is a constant is no branch; a loop's branch is its body."""

    def __init__(self, mark: str) -> None:
        self._mark = mark
        self.branches: list[Branch] = []

    def _note(self, line: int, *what: str) -> ast.Constant:
        number = len(self.branches)
        self.branches += [Branch(line, one) for one in what]
        return ast.Constant(number)

    def _passing(self, number: ast.Constant) -> ast.stmt:
        return ast.Expr(ast.Call(ast.Name(self._mark, ast.Load()), [number], []))

    def _condition(self, test: ast.expr, kind: str) -> ast.expr:
        if isinstance(test, ast.Constant):
            return test
        number = self._note(test.lineno, f"{kind} true", f"{kind} false")
        return ast.Call(ast.Name(self._mark, ast.Load()), [number, test], [])

    def visit_If(self, node: ast.If) -> ast.AST:
        """Both outcomes."""
        self.generic_visit(node)
        node.test = self._condition(node.test, "if")
        return node

    def visit_While(self, node: ast.While) -> ast.AST:
        """Both outcomes."""
        self.generic_visit(node)
        node.test = self._condition(node.test, "while")
        return node

    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
        """Both outcomes."""
        self.generic_visit(node)
        node.test = self._condition(node.test, "if")
        return node

    def visit_comprehension(self, node: ast.comprehension) -> ast.AST:
        """Both outcomes of each filter."""
        self.generic_visit(node)
        node.ifs = [self._condition(test, "filter") for test in node.ifs]
        return node

    def visit_For(self, node: ast.For) -> ast.AST:
        """The body."""
        number = self._note(node.lineno, "loop body")
        self.generic_visit(node)
        node.body.insert(0, self._passing(number))
        return node

    def visit_AsyncFor(self, node: ast.AsyncFor) -> ast.AST:
        """The body."""
        number = self._note(node.lineno, "loop body")
        self.generic_visit(node)
        node.body.insert(0, self._passing(number))
        return node

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> ast.AST:
        """The handler."""
        number = self._note(node.lineno, "except")
        self.generic_visit(node)
        node.body.insert(0, self._passing(number))
        return node

    def visit_match_case(self, node: ast.match_case) -> ast.AST:
        """The case."""
        number = self._note(node.pattern.lineno, "case")
        self.generic_visit(node)
        node.body.insert(0, self._passing(number))
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """That it was called at all."""
        return self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        """That it was called at all."""
        return self._function(node)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST:
        assert isinstance(node, Function)
        number = self._note(node.lineno, f"function {node.name}")
        for index, statement in enumerate(node.body):
            node.body[index] = self.visit(statement)
        is_docstring = isinstance(node.body[0], ast.Expr) and isinstance(node.body[0].value, ast.Constant)
        node.body.insert(1 if is_docstring else 0, self._passing(number))
        return node
