"""What a model's Python tests really assert about a function: read from their syntax tree, in a worker process.

An assertion is real when its truth depends on a call of the function, it can be false, and its failure is not
swallowed. How values flow from calls to assertions is followed by name, in one function at a time; what this misses,
running the tests against wrong programs finds (`verifiers.tests_quality`).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from verifiers.assertion_flow import PROGRAM_MODULES, Scope, build_scopes, statements
from verifiers.assertion_forms import asserted, expected_exceptions, is_failure, swallows
from verifiers.assertion_truth import PINNED, WEAK, always_true, compares_with_itself, strength
from verifiers.python_source import Finding, Function, Unparsable, caught_names, parse, unavailable_imports

TEST_PREFIX = "test"
MAX_TEST_CHARS = 60_000  # bounds what reading hostile tests may cost; usual ones have 2,000
AVAILABLE = PROGRAM_MODULES | {"pytest"}  # what the sandbox's test driver lets tests import beyond the library
ANY_EXCEPTION = frozenset({"Exception", "BaseException"})


@dataclass(frozen=True, slots=True)
class Assertion:
    """One real assertion: its text without the message, the calls it depends on, how much it pins down (1 to 3)."""

    text: str
    calls: tuple[str, ...]
    strength: int


@dataclass(frozen=True, slots=True)
class Inventory:
    """What the tests hold. `problems` are findings about assertions that are not real; `cases` are test functions
    with real assertions or, where there are no test functions, the real assertions themselves."""

    cases: tuple[str, ...]
    assertions: tuple[Assertion, ...]
    problems: tuple[Finding, ...]

    def calls(self) -> dict[str, int]:
        """Every asserted call with the strength of its strongest assertion."""
        found: dict[str, int] = {}
        for assertion in self.assertions:
            for call in assertion.calls:
                found[call] = max(found.get(call, 0), assertion.strength)
        return found


def take_inventory(source: str, entry_point: str) -> Inventory:
    """Read the tests of the function `entry_point`. Text that does not parse has no cases and one problem."""
    if len(source) > MAX_TEST_CHARS:
        return Inventory(
            (), (), (Finding(1, 1, "too-complex", f"the tests are longer than {MAX_TEST_CHARS} characters"),)
        )
    try:
        return _read(parse(source), entry_point)
    except Unparsable as error:
        return Inventory((), (), (error.finding,))
    except RecursionError:
        finding = Finding(1, 1, "too-complex", "the tests are nested too deeply to be read")
        return Inventory((), (), (finding,))


def _read(tree: ast.Module, entry_point: str) -> Inventory:
    problems = [*unavailable_imports(tree, AVAILABLE), *_rebindings(tree, entry_point)]
    scopes = build_scopes(tree, entry_point)
    found: dict[str, list[Assertion]] = {scope.name: [] for scope in scopes}
    for scope in scopes:
        for statement, swallowed in statements(scope.body, swallows):
            for item in _judge(statement, swallowed, scope):
                if isinstance(item, Assertion):
                    found[scope.name].append(item)
                else:
                    problems.append(item)
    _add_helper_calls(scopes, found)
    every = tuple(assertion for scope in scopes for assertion in found[scope.name])
    tests = [scope.name for scope in scopes if scope.name.rpartition(".")[2].startswith(TEST_PREFIX)]
    cases = tuple(name for name in tests if found[name]) if tests else tuple(item.text for item in every)
    return Inventory(cases, every, tuple(sorted(problems, key=lambda finding: (finding.line, finding.column))))


def _rebindings(tree: ast.Module, entry_point: str) -> Iterator[Finding]:
    """Tests that define the function themselves would test their own program."""
    for node in ast.walk(tree):
        if isinstance(node, Function | ast.ClassDef):
            bound = node.name == entry_point
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names = {alias.asname or alias.name for alias in node.names}
            bound = entry_point in names and not _from_program(node)
        else:
            bound = isinstance(node, ast.Name) and node.id == entry_point and not isinstance(node.ctx, ast.Load)
        if bound:
            message = f"the tests define `{entry_point}` themselves"
            yield Finding(getattr(node, "lineno", 1), 1, "rebinds-entry-point", message)


def _from_program(node: ast.Import | ast.ImportFrom) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module in PROGRAM_MODULES and not node.level


def _judge(statement: ast.stmt, swallowed: bool, scope: Scope) -> Iterator[Assertion | Finding]:
    if isinstance(statement, ast.Try):
        yield from _expected_by_try(statement, swallowed, scope)
    elif isinstance(statement, ast.With | ast.AsyncWith):
        yield from _expected_by_block(statement, swallowed, scope)
    test = asserted(statement)
    if test is None:
        return
    calls = scope.calls_in(test)
    rule, message = _flaw(test, calls, swallowed, scope)
    if rule:
        yield Finding(statement.lineno, statement.col_offset + 1, rule, message)
    else:
        yield Assertion(ast.unparse(test), tuple(sorted(calls)), strength(test))


def _flaw(test: ast.expr, calls: frozenset[str], swallowed: bool, scope: Scope) -> tuple[str, str]:
    """Rule and message where the assertion proves nothing; empty texts where it is real."""
    if swallowed:
        return "swallowed-assertion", "the failure of this assertion is caught and forgotten"
    if always_true(test):
        return "constant-assertion", "this assertion can never fail"
    if not calls:
        return "unrelated-assertion", "this assertion does not depend on the function under test"
    if compares_with_itself(test, scope.origins):
        return "self-comparison", "this assertion compares a value with itself"
    return "", ""


def _expected_by_block(node: ast.With | ast.AsyncWith, swallowed: bool, scope: Scope) -> Iterator[Assertion | Finding]:
    """`with pytest.raises(ValueError): f(bad)`."""
    kinds = expected_exceptions(node)
    calls = frozenset(call for statement in node.body for call in scope.calls_in(statement))
    asserts = any(isinstance(part, ast.Assert) for part in ast.walk(node))
    if not kinds or (asserts and swallows(node)):  # the assertions in it are the findings then
        return
    if swallowed or not calls:
        rule = "swallowed-assertion" if swallowed else "unrelated-assertion"
        yield Finding(node.lineno, node.col_offset + 1, rule, "this expected exception proves nothing")
    else:
        yield _raising(calls, kinds)


def _raising(calls: frozenset[str], kinds: frozenset[str]) -> Assertion:
    """Any exception at all is a weak expectation: a typing error in the program fulfils it."""
    text = f"{'; '.join(sorted(calls))} raises {', '.join(sorted(kinds))}"
    return Assertion(text, tuple(sorted(calls)), WEAK if kinds & ANY_EXCEPTION else PINNED)


def _expected_by_try(node: ast.Try, swallowed: bool, scope: Scope) -> Iterator[Assertion | Finding]:
    """`try: f(bad); assert False` with an `except` for the right exception, or the failure in `else`."""
    calls = frozenset(call for statement in node.body for call in scope.calls_in(statement))
    in_body = [statement for statement in node.body if is_failure(statement)]
    in_else = [statement for statement in node.orelse if is_failure(statement)]
    if not calls or not (in_body or in_else):
        return
    if swallowed or (in_body and swallows(node)):
        place = (in_body or in_else)[0]
        message = "the `except` that should see the expected exception also hides this failure"
        yield Finding(place.lineno, place.col_offset + 1, "swallowed-assertion", message)
    else:
        names = (caught_names(handler) for handler in node.handlers)
        yield _raising(calls, frozenset().union(*(kinds or {"Exception"} for kinds in names)))


def _add_helper_calls(scopes: list[Scope], found: dict[str, list[Assertion]]) -> None:
    """A call of a local function that asserts counts as an assertion where it stands, helpers of helpers included."""
    holders = {name for name, assertions in found.items() if assertions and name}
    pending = set(holders)
    while pending:
        added: set[str] = set()
        for scope in scopes:
            used = [call for call in scope.local_calls if call.name in pending and call.name != scope.name]
            found[scope.name] += [Assertion(call.text, (call.text,), PINNED) for call in used]
            if used and scope.name and scope.name not in holders:
                added.add(scope.name)
        holders |= added
        pending = added
