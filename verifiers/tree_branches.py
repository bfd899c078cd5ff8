"""The branches of a program in any language but Python, each with a copy of the program that ends where it begins.

A branch is covered where the tests notice that its copy ends there. No instrument has to be trusted: what is looked at
is the same report as for a mutant. Runs in a worker process.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tree_sitter import Node

from verifiers.python_coverage import Branch
from verifiers.script_names import text_of
from verifiers.tree_mutants import Edit, apply_edit
from verifiers.tree_static import parse_tree

MAX_BRANCHES = 24  # copies that are run for one program; more branches are sampled evenly
# Ends that nothing in the program or its tests can catch, and after which no compiler calls the rest unreachable.
TRAPS: Mapping[str, str] = {
    "javascript": "process.exit(97);",
    "typescript": "process.exit(97);",
    "java": "Runtime.getRuntime().halt(97);",
    "go": 'panic("branch");',
    "rust": "std::process::abort();",
    "c": "__builtin_trap();",
    "cpp": "__builtin_trap();",
    "php": "exit(97);",
    "bash": "kill -9 $$;",
}
BLOCKS = frozenset({"statement_block", "block", "compound_statement"})
LOOPS = frozenset({
    "for_statement", "for_in_statement", "for_expression", "while_statement", "while_expression", "foreach_statement",
    "for_range_loop", "enhanced_for_statement", "c_style_for_statement",
})  # fmt: skip
CASES = frozenset({
    "switch_case", "switch_default", "expression_case", "default_case", "switch_block_statement_group",
    "case_statement", "default_statement",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Trapped:
    """A branch and the program that ends there."""

    branch: Branch
    program: str


def trap_branches(source: str, language: str) -> list[Trapped]:
    """The branches in the order of the text; none for a language without statements."""
    if language not in TRAPS:
        return []
    parsed = parse_tree(source, language)
    found = sorted(_found(parsed.root, language), key=lambda item: (item[1].start, item[0]))
    step = -(-len(found) // MAX_BRANCHES) or 1
    return [Trapped(Branch(edit.line, what), apply_edit(parsed.text, edit)) for what, edit in found[::step]]


def _found(root: Node, language: str) -> Iterator[tuple[str, Edit]]:
    pending = [root]
    while pending:
        node = pending.pop()
        if language == "bash":
            yield from _of_bash(node)
        elif node.type in ("if_statement", "if_expression", "else_if_clause"):
            yield from _of_if(node, language)
        elif node.type in LOOPS and (body := node.child_by_field_name("body")) is not None:
            yield "the loop is entered", _ended(body, language)
        elif node.type in CASES and (colon := next((c for c in node.children if c.type == ":"), None)) is not None:
            yield "the case is taken", _inserted(colon, f" {TRAPS[language]}")
        pending += reversed(node.children)


def _of_if(node: Node, language: str) -> Iterator[tuple[str, Edit]]:
    taken = node.child_by_field_name("consequence") or node.child_by_field_name("body")
    if taken is None or text_of(taken).startswith(":"):
        return
    yield "the condition holds", _ended(taken, language)
    others = [child for child in node.children if child.type in ("else_clause", "else_if_clause")]
    direct = node.child_by_field_name("alternative")
    last = others[-1] if others else direct
    if last is None:
        if node.type != "else_if_clause":
            inner = text_of(taken) if taken.type in BLOCKS else f"{{ {text_of(taken)} }}"
            after = f"{inner} else {{ {TRAPS[language]} }}"
            yield "the condition does not hold", Edit(_line(taken), taken.start_byte, taken.end_byte, after)
        return
    body = last
    if last.type == "else_clause":
        body = last.child_by_field_name("body") or last.named_children[-1]
    if not body.type.startswith(("if_", "else_if")):
        yield "the condition does not hold", _ended(body, language)


def _of_bash(node: Node) -> Iterator[tuple[str, Edit]]:
    keyword = {"if_statement": "then", "elif_clause": "then", "else_clause": "else", "do_group": "do", "case_item": ")"}
    word = next((child for child in node.children if child.type == keyword.get(node.type)), None)
    if word is not None:
        what = {"do_group": "the loop is entered", "case_item": "the case is taken"}.get(
            node.type, "the branch is taken"
        )
        yield what, _inserted(word, f" {TRAPS['bash']}")
    if node.type == "if_statement" and not any(child.type == "else_clause" for child in node.children):
        end = node.children[-1]
        edit = Edit(_line(end), end.start_byte, end.start_byte, f"else {TRAPS['bash']} ")
        yield "the condition does not hold", edit


def _ended(body: Node, language: str) -> Edit:
    """The body with an end before its first statement."""
    trap = TRAPS[language]
    if body.type in BLOCKS:
        return Edit(_line(body), body.start_byte, body.start_byte + 1, f"{{ {trap} ")
    return Edit(_line(body), body.start_byte, body.end_byte, f"{{ {trap} {text_of(body)} }}")


def _inserted(after: Node, text: str) -> Edit:
    return Edit(_line(after), after.end_byte, after.end_byte, text)


def _line(node: Node) -> int:
    return node.start_point[0] + 1
