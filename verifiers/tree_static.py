"""The static stage for every language but Python: tree-sitter parses, names are looked up where that can be done.

Runs in a worker process. Compiled languages have their names and types checked by their own compiler, when their tests
run; here their text only has to parse and to define the entry point.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import tree_sitter_bash
import tree_sitter_c
import tree_sitter_cpp
import tree_sitter_go
import tree_sitter_java
import tree_sitter_javascript
import tree_sitter_php
import tree_sitter_rust
import tree_sitter_sql
import tree_sitter_typescript
from tree_sitter import Language, Node, Parser

from verifiers.insecure import insecure_findings
from verifiers.python_source import MAX_CHARS, Finding
from verifiers.script_names import Names, read_names, text_of

MAX_FINDINGS = 50

GRAMMARS: dict[str, Callable[[], Any]] = {
    "javascript": tree_sitter_javascript.language,
    "typescript": tree_sitter_typescript.language_typescript,
    "java": tree_sitter_java.language,
    "go": tree_sitter_go.language,
    "rust": tree_sitter_rust.language,
    "php": tree_sitter_php.language_php,
    "bash": tree_sitter_bash.language,
    "c": tree_sitter_c.language,
    "cpp": tree_sitter_cpp.language,
    "sql": tree_sitter_sql.language,
}
SCRIPTS = frozenset({"javascript", "typescript"})
# Macros and templates make any grammar of the first two inexact, and SQL has as many grammars as engines: what cannot
# be parsed is left to the compiler or the engine.
INEXACT = frozenset({"c", "cpp", "sql"})
VIEWS = frozenset({"create_view", "create_table"})
DEFINES = re.compile(
    r"^(?!.*(?:invocation|call|access|reference)).*(?:function|method|declarator|class|struct)"
)  # kinds of nodes that give a program its names


@lru_cache(maxsize=16)
def parser_of(language: str) -> Parser:
    """One parser per language and process."""
    return Parser(Language(GRAMMARS[language]()))


@dataclass(frozen=True, slots=True)
class Parsed:
    """A tree with the text that it was made from."""

    text: bytes
    root: Node


def parse_tree(source: str, language: str) -> Parsed:
    """PHP without an opening tag is taken for code, as the sandbox takes it; its lines stay where they are."""
    if language == "php" and "<?" not in source:
        source = f"<?php {source}"
    text = source.encode("utf-8", "replace")
    return Parsed(text, parser_of(language).parse(text).root_node)


def analyse_tree(source: str, language: str, entry_point: str, judge_imports: bool) -> dict[str, list[dict[str, Any]]]:
    """`findings` that decide, `insecure` ones beside them, each in the order of the text."""
    if len(source) > MAX_CHARS:
        finding = Finding(1, 1, "too-complex", f"the program is longer than {MAX_CHARS} characters")
        return {"findings": [finding.as_json()], "insecure": []}
    root = parse_tree(source, language).root
    findings = list(syntax_findings(root))
    if not findings:
        names = read_names(root, judge_imports) if language in SCRIPTS else Names(frozenset(), [])
        findings = names.findings
        if entry_point and entry_point not in names.top | defined_names(root):
            findings.append(Finding(1, 1, "missing-entry-point", f"no `{entry_point}` is defined"))
    if language in INEXACT:
        findings = [finding for finding in findings if finding.rule != "syntax"]
    listed = [finding.as_json() for finding in findings[:MAX_FINDINGS]]
    return {"findings": listed, "insecure": [one.as_json() for one in insecure_findings(source, language)]}


def syntax_findings(root: Node) -> Iterator[Finding]:
    """What the parser could not read, outermost first; what it had to make up, too."""
    pending = [root]
    while pending:
        node = pending.pop()
        line, column = node.start_point[0] + 1, node.start_point[1] + 1
        if node.is_missing:
            yield Finding(line, column, "syntax", f"`{node.type}` is missing")
        elif node.is_error:
            shown = " ".join(text_of(node).split())[:60]
            yield Finding(line, column, "syntax", f"cannot be parsed: {shown}" if shown else "cannot be parsed")
        elif node.has_error:
            pending += reversed(node.children)


def defined_names(root: Node) -> frozenset[str]:
    """Names of functions, methods and types, wherever they are defined."""
    found: set[str] = set()
    pending = [root]
    while pending:
        node = pending.pop()
        if node.type in VIEWS:
            found |= {text_of(child) for child in node.named_children if child.type == "object_reference"}
        if DEFINES.search(node.type):
            for name in ("name", "declarator"):
                child = node.child_by_field_name(name)
                found |= {text_of(child)} if child is not None and not child.named_children else set()
        pending += node.named_children
    return frozenset(found)
