"""What a model's tests assert about a function, in every language but Python: read from their syntax tree.

The same questions as in `verifiers.assertions`, asked less finely: an assertion is real when it holds a call of the
function, or a name that was given one, when its two sides are not the same text, and when nothing swallows it. What
this misses, running the tests against wrong programs and mutants finds. Runs in a worker process.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from tree_sitter import Node

from sandbox.languages.scan import blanked, blanked_php, blanked_rust
from verifiers.assertion_truth import PINNED, WEAK
from verifiers.assertions import MAX_TEST_CHARS, Assertion, Inventory
from verifiers.python_source import Finding
from verifiers.script_names import text_of
from verifiers.tree_static import INEXACT, defined_names, parse_tree, syntax_findings

BLANK: Mapping[str, Callable[[str], str]] = {"php": blanked_php, "rust": blanked_rust}
_ASSERTS = {
    "javascript": re.compile(r"console\s*\.\s*assert|assert(?:\s*\.\s*\w+)*"),
    "php": re.compile(r"\\?assert"),
    "c": re.compile(r"assert"),
    "go": re.compile(r"(?:assert|require)\s*\.\s*\w+"),
    "rust": re.compile(r"(?:debug_)?assert(?:_eq|_ne)?"),
}
_ASSERTS |= {"typescript": _ASSERTS["javascript"], "cpp": _ASSERTS["c"]}
_CALLS = frozenset({"call_expression", "function_call_expression", "macro_invocation"})
_FAILS = {"go": re.compile(r"\bt\s*\.\s*(?:Error|Fatal|Fail)\w*\s*\("), "java": re.compile(r"throw\s+new\s+\w*Error\b")}
_TEST_FUNCTION = {"go": re.compile(r"Test"), "rust": re.compile(r"")}
_EQUAL = re.compile(r"===?|_eq\b|(?i:equal)|(?:^|\s)-eq\s|(?<![<>!=])=(?!=)|\bis\b|!=.*\bt\s*\.", re.DOTALL)
_EITHER = re.compile(r"\|\||\bor\b", re.IGNORECASE)
# Chance and clock: a rerun finds what depends on them only by luck.
_CHANCE = {
    "javascript": re.compile(
        r"\bMath\s*\.\s*random\b|\bDate\s*\.\s*now\b|\bnew\s+Date\s*\(\s*\)|\bperformance\s*\.\s*now\b"
    ),
    "php": re.compile(r"\b(?:mt_rand|rand|random_int|random_bytes|shuffle|array_rand|time|microtime|date)\s*\("),
    "go": re.compile(r"\brand\s*\.|\btime\s*\.\s*Now\b"),
    "rust": re.compile(r"\brand\s*::|\bSystemTime\b|\bInstant\s*::"),
    "java": re.compile(
        r"\bMath\s*\.\s*random\b|\bnew\s+Random\s*\(\s*\)|\bSystem\s*\.\s*(?:currentTime|nano)\w+|\bThreadLocalRandom\b"
    ),
    "c": re.compile(r"\bs?rand(?:om)?\s*\(|\btime\s*\(|\bclock\s*\(|\brandom_device\b|\bsystem_clock\b"),
    "bash": re.compile(r"\$\{?S?RANDOM\b|\$\(\(.*\bRANDOM\b|\bshuf\b|\$\(\s*date\b|\$\{?EPOCH\w+"),
    "sql": re.compile(r"\brandom(?:blob)?\s*\(|\bcurrent_(?:time|date|timestamp)\b|'now'", re.IGNORECASE),
}
_CHANCE |= {"typescript": _CHANCE["javascript"], "cpp": _CHANCE["c"]}
_BROAD = re.compile(r"\b(?:Throwable|Error|AssertionError)\b")
_VALUED = (("name", "value"), ("left", "right"), ("pattern", "value"), ("declarator", "value"))
_WORD = re.compile(r"\$?[A-Za-z_]\w*")


@dataclass
class _Reader:
    """Walks the tests once, in the order of the text."""

    language: str
    entry_point: str
    asserted: dict[str, list[Assertion]] = field(default_factory=dict)  # by test function; "" outside of any
    problems: list[Finding] = field(default_factory=list)
    origins: dict[str, tuple[str, ...]] = field(default_factory=dict)  # name -> calls that its value depends on
    before: list[str] = field(default_factory=list)  # SQL's statements since the last assertion: rows that it is about

    def read(self, node: Node, function: str = "", swallowed: bool = False) -> None:
        name = _test_function(node, self.language)
        if name is not None:
            function, self.origins = name, {}
        swallowed = swallowed or _swallows(node, self.language)
        self._bind(node)
        if self.language == "sql" and node.type == "statement":
            self.before.append(" ".join(text_of(node).split()))
        if _is_assertion(node, self.language):
            self._enter(node, function, swallowed)
            self.before = []
            if self.language != "go" or node.type != "if_statement":
                return
        for child in node.named_children:
            self.read(child, function, swallowed)

    def _bind(self, node: Node) -> None:
        """A name that is given a value with a call in it stands for that call from here on."""
        for left, right in _VALUED:
            target, value = node.child_by_field_name(left), node.child_by_field_name(right)
            if target is not None and value is not None:
                self._stand_for(text_of(target), self._calls(value))
        if node.type == "try_statement":  # what is noted there about an exception
            self._stand_for(" ".join(_assigned(node)), self._calls(node))
        if node.type == "expression_statement" and self.language in ("c", "cpp"):  # buffers for results
            self._stand_for(text_of(node), self._calls(node))

    def _stand_for(self, names: str, calls: tuple[str, ...]) -> None:
        for word in _WORD.findall(names) if calls else ():
            self.origins[word] = calls

    def _calls(self, node: Node) -> tuple[str, ...]:
        text = text_of(node)
        direct = list(calls_in(text, self.language, self.entry_point))
        words = _WORD.findall(BLANK.get(self.language, blanked)(text) if self.language != "bash" else text)
        known = [call for word in words for call in self.origins.get(word.lstrip("$"), self.origins.get(word, ()))]
        return tuple(dict.fromkeys([*direct, *known]))

    def _enter(self, node: Node, function: str, swallowed: bool) -> None:
        line, column = node.start_point[0] + 1, node.start_point[1] + 1
        calls = self._calls(node)
        if self.language == "go" and node.type == "if_statement" and not calls:
            return  # an `if` that only guards others
        text = "; ".join(self.before) or " ".join(text_of(node).split())
        calls = (text,) if calls and self.before else calls
        if swallowed:
            message = "the failure of this assertion is caught and forgotten"
            self.problems.append(Finding(line, column, "swallowed-assertion", message))
        elif not calls:
            message = "this assertion does not depend on the function under test"
            self.problems.append(Finding(line, column, "unrelated-assertion", message))
        elif _compares_with_itself(node):
            message = "this assertion compares a value with itself"
            self.problems.append(Finding(line, column, "self-comparison", message))
        else:
            strength = PINNED if _EQUAL.search(text) and not _EITHER.search(text) else WEAK
            self.asserted.setdefault(function, []).append(Assertion(text, calls, strength))


def take_tree_inventory(source: str, language: str, entry_point: str) -> Inventory:
    """Read the tests of the function. Text that does not parse has no cases and one problem."""
    if len(source) > MAX_TEST_CHARS:
        finding = Finding(1, 1, "too-complex", f"the tests are longer than {MAX_TEST_CHARS} characters")
        return Inventory((), (), (finding,))
    root = parse_tree(source, language).root
    broken = [] if language in INEXACT else list(syntax_findings(root))
    if broken:
        return Inventory((), (), tuple(broken[:1]))
    reader = _Reader(language, entry_point)
    try:
        reader.read(root)
    except RecursionError:
        finding = Finding(1, 1, "too-complex", "the tests are nested too deeply to be read")
        return Inventory((), (), (finding,))
    reader.problems += _chance(source, language)
    if entry_point in defined_names(root):
        message = f"the tests define `{entry_point}` themselves"
        reader.problems.append(Finding(1, 1, "rebinds-entry-point", message))
    every = tuple(assertion for found in reader.asserted.values() for assertion in found)
    named = [name for name in reader.asserted if name]
    cases = tuple(named) if named else tuple(dict.fromkeys(assertion.text for assertion in every))
    return Inventory(cases, every, tuple(reader.problems))


def _chance(source: str, language: str) -> Iterator[Finding]:
    code = source if language in ("bash", "sql") else BLANK.get(language, blanked)(source)
    found = _CHANCE[language].search(code)
    if found is not None:
        line = source.count("\n", 0, found.start()) + 1
        yield Finding(line, 1, "chance-or-clock", f"the tests depend on `{' '.join(found.group().split())}`")


def calls_in(text: str, language: str, entry_point: str) -> Iterator[str]:
    """The calls of the function in a piece of code, blanks taken together. Of a view: the text that reads it."""
    if language == "sql":
        if re.search(rf"\b{re.escape(entry_point)}\b", text):
            yield " ".join(text.split())
        return
    if language == "bash":
        for found in re.finditer(rf"(?<![\w-]){re.escape(entry_point)}(?![\w-])(?P<rest>[^\n;|&)]*)", text):
            yield " ".join(found.group().split())
        return
    code = BLANK.get(language, blanked)(text)
    for found in re.finditer(rf"(?<![\w$]){re.escape(entry_point)}\s*\(", code):
        depth, end = 0, found.end() - 1
        while end < len(code):
            depth += {"(": 1, ")": -1}.get(code[end], 0)
            end += 1
            if depth == 0:
                break
        yield " ".join(text[found.start() : end].split())


def _assigned(node: Node) -> Iterator[str]:
    """Names that are given a value anywhere below the node."""
    pending = [node]
    while pending:
        part = pending.pop()
        left = part.child_by_field_name("left") or part.child_by_field_name("name")
        if left is not None and re.search(r"assignment|declarat", part.type):
            yield text_of(left)
        pending += part.named_children


def _test_function(node: Node, language: str) -> str | None:
    """The name of the test function that begins here; None elsewhere, and where a language has none."""
    pattern = _TEST_FUNCTION.get(language)
    if pattern is None or node.type not in ("function_declaration", "function_item"):
        return None
    name = node.child_by_field_name("name")
    return text_of(name) if name is not None and pattern.match(text_of(name)) else None


def _is_assertion(node: Node, language: str) -> bool:
    if language == "bash":
        return _is_bash_assertion(node)
    if language == "sql":
        return node.type == "statement" and any(child.type == "select" for child in node.named_children)
    if node.type == "assert_statement":
        return True
    if node.type == "if_statement":
        body = node.child_by_field_name("consequence")
        return language in _FAILS and body is not None and bool(_FAILS[language].search(text_of(body)))
    if node.type not in _CALLS or language not in _ASSERTS:
        return False
    called = node.child_by_field_name("function") or node.child_by_field_name("macro")
    return called is not None and bool(_ASSERTS[language].fullmatch(text_of(called)))


def _is_bash_assertion(node: Node) -> bool:
    """A bare `[ ... ]` or `[[ ... ]]`, or one whose failure ends the tests."""
    if node.type == "list" and node.named_children and node.named_children[0].type == "test_command":
        return bool(re.search(r"\|\|\s*(?:\{[^}]*)?\b(?:exit|return)\s+[1-9]", text_of(node)))
    parent = node.parent
    return node.type == "test_command" and parent is not None and parent.type == "program"


def _swallows(node: Node, language: str) -> bool:
    """A `try` of Java whose handler takes the failed assertion and does not throw it on. In the other languages the
    harness counts a failure where it happens."""
    if language != "java" or node.type != "try_statement":
        return False
    handlers = [child for child in node.named_children if child.type == "catch_clause"]
    return any(_BROAD.search(text_of(one).partition("{")[0]) and "throw" not in text_of(one) for one in handlers)


def _compares_with_itself(node: Node) -> bool:
    """`f(1) === f(1)`, `assert_eq!(f(1), f(1))`."""
    pending = [node]
    while pending:
        part = pending.pop()
        left, right = part.child_by_field_name("left"), part.child_by_field_name("right")
        sides = {"".join(text_of(side).split()) for side in (left, right) if side is not None}
        if part.type == "binary_expression" and left is not None and right is not None and len(sides) == 1:
            return True
        pending += part.named_children
    arguments = re.search(r"\((.*)\)", text_of(node), re.DOTALL)
    parts = ["".join(part.split()) for part in _split(arguments.group(1))] if arguments else []
    parts = [part for part in parts if "(" in part]
    return len(parts) != len(set(parts))


def _split(text: str) -> list[str]:
    """The arguments of a call, at the commas outside of brackets."""
    parts, depth, start = [], 0, 0
    for place, letter in enumerate(blanked(text)):
        depth += letter in "([{"
        depth -= letter in ")]}"
        if letter == "," and depth == 0:
            parts.append(text[start:place])
            start = place + 1
    return [*parts, text[start:]]
