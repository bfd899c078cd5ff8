"""Mutants of a program in any language but Python, cut from its syntax tree: one small edit each (C9, C17).

The operators of `verifiers.python_mutants` as far as they need no types: relational, arithmetic, logical, constants,
conditions, statements left out. What does not compile is no mutant; whoever runs them finds out and counts it. Runs in
a worker process.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tree_sitter import Node

from records.types import stable_hash
from verifiers.python_mutants import MAX_SITES, Mutant
from verifiers.script_names import text_of
from verifiers.tree_static import parse_tree

OPERATORS: Mapping[str, tuple[str, ...]] = {
    "<": ("<=", ">="), "<=": ("<", ">"), ">": (">=", "<="), ">=": (">", "<"), "==": ("!=",), "!=": ("==",),
    "===": ("!==",), "!==": ("===",), "&&": ("||",), "||": ("&&",), "+": ("-",), "-": ("+",), "*": ("+",),
    "/": ("*",), "%": ("*",), "<<": (">>",), ">>": ("<<",), "&": ("|",), "|": ("&",), "^": ("|",), "+=": ("-=",),
    "-=": ("+=",), "*=": ("+=",), "++": ("--",), "--": ("++",), "**": ("*",), ".": (), "&^": ("&",),
    "-eq": ("-ne",), "-ne": ("-eq",), "-lt": ("-le", "-ge"), "-le": ("-lt", "-gt"), "-gt": ("-ge", "-le"),
    "-ge": ("-gt", "-lt"), "-z": ("-n",), "-n": ("-z",),
}  # fmt: skip
OF_SQL: Mapping[str, tuple[str, ...]] = {
    "=": ("<>",), "<>": ("=",), "!=": ("=",), "and": ("OR",), "or": ("AND",), "asc": ("DESC",), "desc": ("ASC",),
    "distinct": ("",), "sum": ("max",), "count": ("max",), "max": ("min",), "min": ("max",), "avg": ("sum",),
    "left": ("INNER",), "all": ("",),
} | {name: OPERATORS[name] for name in ("<", "<=", ">", ">=", "+", "-", "*", "/", "%")}  # fmt: skip
OPERATED = re.compile(r"binary_expression|assignment_expr|update_expression|(?:inc|dec)_statement|compound_assignment")
NUMBERS = frozenset({
    "number", "int_literal", "integer_literal", "decimal_integer_literal", "number_literal", "integer", "literal",
})  # fmt: skip
TRUTHS = {"true": "false", "false": "true"}
TEXTS = frozenset({
    "string", "string_literal", "interpreted_string_literal", "encapsed_string", "raw_string",
})  # fmt: skip
STATEMENTS = frozenset({"expression_statement", "continue_statement", "inc_statement", "assignment_statement"})
# Types, imports and comments are no behaviour, and a pattern's constants are syntax.
UNTOUCHED = re.compile(
    r"type_arg|template_arg|type_annot|preproc|import|package|using|attribute|comment|use_decl|namespace|dimensions"
    r"|array_type|slice_type|match_pattern|column_def|create_table|php_tag|throw|dictionary"
)
LOOP_HEADS = re.compile(r"^(?:while|do|for|loop)_")


@dataclass(frozen=True, slots=True)
class Edit:
    """Bytes of the text and what takes their place."""

    line: int
    start: int
    end: int
    after: str


def make_tree_mutants(source: str, language: str, limit: int) -> list[Mutant]:
    """At most `limit` mutants, spread over the lines, the same for the same text."""
    parsed = parse_tree(source, language)
    edits = [edit for _, edit in zip(range(MAX_SITES), _edits(parsed.root, language), strict=False)]
    seen = {b"".join(parsed.text.split())}
    mutants: list[Mutant] = []
    for edit in _spread(edits, parsed.text):
        if len(mutants) == limit:
            break
        text = apply_edit(parsed.text, edit)
        shape = "".join(text.split()).encode()
        if shape not in seen:
            seen.add(shape)
            before = parsed.text[edit.start : edit.end].decode("utf-8", "replace")
            mutants.append(Mutant(edit.line, _shown(before), _shown(edit.after), text))
    return sorted(mutants, key=lambda mutant: (mutant.line, mutant.before, mutant.after))


def apply_edit(text: bytes, edit: Edit) -> str:
    """The text with the edit."""
    return (text[: edit.start] + edit.after.encode() + text[edit.end :]).decode("utf-8", "replace")


def _shown(text: str) -> str:
    return " ".join(text.split())[:120]


def _spread(edits: list[Edit], text: bytes) -> list[Edit]:
    """The first edit of every line before the second of any; within that in an order that is random but fixed."""
    lines: dict[int, list[Edit]] = {}
    for edit in edits:
        lines.setdefault(edit.line, []).append(edit)
    ranked: list[tuple[int, str, int, Edit]] = []
    for line, here in lines.items():
        keyed = sorted(
            (stable_hash(str(line), str(text[edit.start : edit.end]), edit.after), edit.start, edit) for edit in here
        )
        ranked += [(turn, key, start, edit) for turn, (key, start, edit) in enumerate(keyed)]
    return [edit for *_, edit in sorted(ranked, key=lambda item: item[:3])]


def _edits(root: Node, language: str) -> Iterator[Edit]:
    pending: list[tuple[Node, bool]] = [(root, False)]
    while pending:
        node, in_loop = pending.pop()
        if UNTOUCHED.search(node.type):
            continue
        for start, end, after in _replacements(node, language, in_loop):
            yield Edit(node.start_point[0] + 1, start, end, after)
        in_loop = in_loop or bool(LOOP_HEADS.match(node.type))
        pending += [(child, in_loop) for child in reversed(node.children)]


def _replacements(node: Node, language: str, in_loop: bool) -> Iterator[tuple[int, int, str]]:
    """Left out inside loops: taking an update away there gives endless loops, which cost much and teach little."""
    here = (node.start_byte, node.end_byte)
    if language == "sql":
        yield from ((*here, after) for after in _of_sql(node))
        return
    if OPERATED.search(node.type):
        yield from _of_operator(node, in_loop)
    yield from ((*here, after) for after in _of_literal(node, in_loop))
    condition = node.child_by_field_name("condition") if node.type.startswith("if_") else None
    if condition is not None and language != "bash":
        yield condition.start_byte, condition.end_byte, _negated(text_of(condition))
    if node.type in STATEMENTS and not in_loop and _may_go(node):
        yield (*here, "" if language in ("go", "rust") else ";")


def _of_literal(node: Node, in_loop: bool) -> Iterator[str]:
    text = text_of(node) if not node.named_children else ""
    if node.type in NUMBERS and text.isdigit():
        yield str(int(text) + 1)
        if int(text) > 0 and not (in_loop and text == "1"):  # a step of 0 there never ends
            yield str(int(text) - 1)
    if text in TRUTHS and re.search("true|false|bool", node.type):
        yield TRUTHS[text]
    if node.type in TEXTS and len(text_of(node)) > 2 and not _is_message(node):
        yield '""'


def _of_sql(node: Node) -> Iterator[str]:
    word = text_of(node).lower() if not node.named_children else ""
    if word.isdigit() and node.type == "literal":
        yield str(int(word) + 1)
    elif not node.named_children and (word in OF_SQL):
        yield from OF_SQL[word]
    elif node.type == "literal" and word.startswith("'") and len(word) > 2:
        yield "''"


def _of_operator(node: Node, in_loop: bool) -> Iterator[tuple[int, int, str]]:
    operator = node.child_by_field_name("operator")
    if operator is None:
        operator = next((child for child in node.children if text_of(child) in OPERATORS), None)
    if operator is None:
        return
    word = text_of(operator)
    if in_loop and word in ("++", "--", "+=", "-="):
        return
    yield from ((operator.start_byte, operator.end_byte, after) for after in OPERATORS.get(word, ()))


def _negated(condition: str) -> str:
    return f"(!{condition})" if condition.startswith("(") else f"!({condition})"


def _is_message(node: Node) -> bool:
    """Of an exception or an include: what people read."""
    parent = node.parent
    while parent is not None:
        if re.search(r"throw|raise|preproc|import|include", parent.type):
            return True
        parent = parent.parent
    return False


def _may_go(node: Node) -> bool:
    """Not the value of a block in Rust, and not what only ends a branch."""
    inner = node.named_children[0].type if node.named_children else ""
    return not re.search(r"return|if_|match_|for_|while_|loop_|yield|break", inner)
