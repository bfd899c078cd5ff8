"""Names in JavaScript and TypeScript: what is declared where, and which uses have no declaration. Never runs anything.

Scopes are read from the syntax tree. Types and values share one table, hoisting and the temporal dead zone are ignored:
a name that is declared in or around the place of its use counts as defined, so that what is found is really missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from tree_sitter import Node

from verifiers.python_source import Finding
from verifiers.script_globals import EXPORTS, GLOBALS, MODULES, TYPES

FUNCTIONS = frozenset({
    "function_declaration", "generator_function_declaration", "function_expression", "generator_function",
    "arrow_function", "method_definition",
})  # fmt: skip
SCOPES = FUNCTIONS | {
    "statement_block", "for_statement", "for_in_statement", "catch_clause", "switch_body", "class_declaration", "class",
    "abstract_class_declaration", "interface_declaration", "type_alias_declaration", "function_type", "enum_body",
    "constructor_type", "method_signature", "abstract_method_signature", "call_signature", "construct_signature",
    "function_signature", "object_type", "conditional_type", "class_static_block", "index_signature", "internal_module",
}  # fmt: skip
NAMED = frozenset({
    "function_declaration", "generator_function_declaration", "class_declaration", "abstract_class_declaration",
    "interface_declaration", "type_alias_declaration", "enum_declaration", "internal_module", "function_signature",
})  # fmt: skip
ONCE = frozenset({"class_declaration", "abstract_class_declaration", "enum_declaration"})
INSIDE = frozenset({"function_expression", "generator_function", "class"})  # their own name is seen inside only
OWN_NAME = INSIDE | {"enum_declaration", "type_parameter", "mapped_type_clause", "index_signature"}
BINDING_FIELDS = {"arrow_function": "parameter", "catch_clause": "parameter", "for_in_statement": "left"}
PARAMETERS = frozenset({"required_parameter", "optional_parameter", "rest_pattern"})
USES = frozenset({"identifier", "shorthand_property_identifier", "type_identifier"})
BINDINGS = frozenset({"identifier", "shorthand_property_identifier_pattern", "type_identifier"})
LOOPS = frozenset({"for_statement", "for_in_statement", "while_statement", "do_statement"})


@dataclass(slots=True)
class _Scope:
    """The names of one part of the text."""

    outer: _Scope | None
    is_function: bool
    names: set[str] = field(default_factory=set)
    once: set[str] = field(default_factory=set)  # declared by let, const, class, enum: not again in the same scope

    def function(self) -> _Scope:
        scope = self
        while scope.outer is not None and not scope.is_function:
            scope = scope.outer
        return scope

    def knows(self, name: str) -> bool:
        scope: _Scope | None = self
        while scope is not None:
            if name in scope.names:
                return True
            scope = scope.outer
        return False


@dataclass(slots=True)
class Names:
    """What was read of one text."""

    top: frozenset[str]  # declared at the top level
    findings: list[Finding]


def read_names(root: Node, judge_imports: bool) -> Names:
    """Undefined names, missing and unavailable imports, names declared twice, jumps out of nothing."""
    reader = _Reader(judge_imports)
    top = _Scope(None, is_function=True)
    reader.read(root, top)
    findings = [*reader.findings, *reader.unresolved()]
    return Names(frozenset(top.names), sorted(findings, key=lambda finding: (finding.line, finding.column)))


@dataclass(slots=True)
class _Reader:
    judge_imports: bool
    findings: list[Finding] = field(default_factory=list)
    uses: list[tuple[Node, _Scope]] = field(default_factory=list)

    def read(self, root: Node, top: _Scope) -> None:
        """One walk; uses are looked up when all declarations are known. Iterative: hostile trees are deep."""
        pending: list[tuple[Node, _Scope]] = [(root, top)]
        while pending:
            node, scope = pending.pop()
            if node.type in SCOPES:
                self._declare_outside(node, scope)
                scope = _Scope(scope, node.type in FUNCTIONS)
            self._declare(node, scope)
            if node.type in USES and _is_use(node):
                self.uses.append((node, scope))
            pending += [(child, scope) for child in reversed(node.named_children) if _is_read(node, child)]
            self._judge_jump(node)

    def unresolved(self) -> Iterator[Finding]:
        """One finding for each name that nothing declares, at its first use."""
        seen: set[str] = set()
        for node, scope in self.uses:
            name = text_of(node)
            if (
                name in seen
                or scope.knows(name)
                or name in GLOBALS
                or (node.type == "type_identifier" and name in TYPES)
            ):
                continue
            seen.add(name)
            yield _undefined(node, name)

    def _declare_outside(self, node: Node, scope: _Scope) -> None:
        """The name of a declaration that has a scope of its own stands in the scope around it."""
        name = node.child_by_field_name("name")
        if node.type in NAMED and name is not None:
            target = scope.function() if "function" in node.type else scope
            self._add(name, target, once=node.type in ONCE)

    def _declare(self, node: Node, scope: _Scope) -> None:
        """`scope` is the node's own where it has one."""
        kind, name = node.type, node.child_by_field_name("name")
        if kind == "variable_declarator" and name is not None:
            self._declare_variable(node, name, scope)
        elif kind in OWN_NAME and name is not None:
            self._add(name, scope, once=kind in ONCE)
        elif kind == "enum_body":
            members = [*node.named_children, *(part for child in node.named_children for part in child.named_children)]
            scope.names |= {text_of(child) for child in members if child.type == "property_identifier"}
        else:
            hoisted = kind == "for_in_statement" and _kind_of(node) == "var"
            self._declare_pattern(_bound_by(node), scope.function() if hoisted else scope)
        self._judge_import(node)

    def _declare_variable(self, node: Node, name: Node, scope: _Scope) -> None:
        parent = node.parent
        is_var = parent is not None and parent.type == "variable_declaration"
        self._declare_pattern(name, scope.function() if is_var else scope, once=not is_var)
        is_const = parent is not None and text_of(parent).startswith("const")
        around = parent.parent if parent is not None else None
        needs_value = around is None or around.type not in ("for_in_statement", "ambient_declaration")
        if is_const and needs_value and node.child_by_field_name("value") is None:
            self._find(node, "syntax", "a constant is declared without a value")

    def _declare_pattern(self, pattern: Node | list[Node] | None, scope: _Scope, once: bool = False) -> None:
        """Every name that a pattern binds; default values and keys bind nothing."""
        pending = list(pattern) if isinstance(pattern, list) else [pattern] if pattern is not None else []
        while pending:
            node = pending.pop()
            if node.type in BINDINGS:
                self._add(node, scope, once)
            elif node.type in ("assignment_pattern", "object_assignment_pattern"):
                left = node.child_by_field_name("left")
                pending += [left] if left is not None else []
            elif node.type == "pair_pattern":
                value = node.child_by_field_name("value")
                pending += [value] if value is not None else []
            elif node.type in ("object_pattern", "array_pattern", "rest_pattern"):
                pending += node.named_children

    def _add(self, node: Node, scope: _Scope, once: bool = False) -> None:
        name = text_of(node)
        if once and name in scope.once:
            self._find(node, "syntax", f"`{name}` is declared twice in one scope")
        scope.names.add(name)
        scope.once |= {name} if once else set()

    def _judge_jump(self, node: Node) -> None:
        if node.type == "return_statement" and not _stands_in(node, FUNCTIONS | {"class_static_block"}, frozenset()):
            self._find(node, "syntax", "`return` outside of a function")
        elif node.type in ("break_statement", "continue_statement") and not node.named_children:
            targets = LOOPS | ({"switch_statement"} if node.type == "break_statement" else set())
            if not _stands_in(node, targets, FUNCTIONS):
                self._find(node, "syntax", f"`{text_of(node).rstrip(';')}` outside of a loop")

    def _judge_import(self, node: Node) -> None:
        source = _imported(node)
        if not self.judge_imports or source is None:
            return
        name = source.removeprefix("node:")
        if name.split("/")[0] not in MODULES:
            self._find(node, "unavailable-import", f"`{source}` is not available: only Node's own modules are")

    def _find(self, node: Node, rule: str, message: str) -> None:
        self.findings.append(Finding(node.start_point[0] + 1, node.start_point[1] + 1, rule, message))


def _bound_by(node: Node) -> list[Node]:
    """The patterns that a node binds in its scope, apart from those of variables and named declarations."""
    kind = node.type
    if kind in PARAMETERS:
        pattern = node.child_by_field_name("pattern") or node.child_by_field_name("name")  # the name labels a tuple
        return [pattern] if pattern is not None else node.named_children[-1:]
    if kind == "infer_type":
        return node.named_children[-1:]
    if kind in ("formal_parameters", "import_clause", "namespace_import"):
        return [child for child in node.named_children if child.type not in PARAMETERS]
    if kind == "import_specifier":
        return [node.child_by_field_name("alias") or node.named_children[0]]
    bound = node.child_by_field_name(BINDING_FIELDS[kind]) if kind in BINDING_FIELDS else None
    if kind == "for_in_statement" and not _kind_of(node):
        return []
    return [bound] if bound is not None else []


def _kind_of(loop: Node) -> str:
    """`let`, `const` or `var` of `for (let x of xs)`; empty where the loop declares nothing."""
    kind = loop.child_by_field_name("kind")
    return text_of(kind) if kind is not None else ""


def text_of(node: Node) -> str:
    """The node's text."""
    return (node.text or b"").decode("utf-8", "replace")


def _is_read(parent: Node, child: Node) -> bool:
    """Whether the walk goes into a child: not into names that are no uses of anything declared here."""
    if parent.type == "export_specifier":
        exported_here = parent.parent is not None and not _comes_from_elsewhere(parent)
        return exported_here and child == parent.child_by_field_name("name")
    if parent.type == "import_specifier":
        return False
    if parent.type == "unary_expression" and child.type == "identifier":
        return not text_of(parent).startswith("typeof")  # the one place where an undefined name is no error
    return not (parent.type == "nested_type_identifier" and child == parent.child_by_field_name("name"))


def _comes_from_elsewhere(specifier: Node) -> bool:
    node: Node | None = specifier
    while node is not None and node.type != "export_statement":
        node = node.parent
    return node is not None and node.child_by_field_name("source") is not None


def _is_use(node: Node) -> bool:
    parent = node.parent
    return parent is None or parent.type not in ("import_clause", "namespace_import", "meta_property")


def _imported(node: Node) -> str | None:
    """The module that an `import` or a `require("...")` names."""
    source = node.child_by_field_name("source") if node.type == "import_statement" else None
    if node.type == "call_expression":
        function, arguments = node.child_by_field_name("function"), node.child_by_field_name("arguments")
        if function is not None and text_of(function) == "require" and arguments is not None:
            source = next((child for child in arguments.named_children if child.type == "string"), None)
    return text_of(source)[1:-1] if source is not None else None


def _stands_in(node: Node, targets: frozenset[str], walls: frozenset[str]) -> bool:
    around = node.parent
    while around is not None and around.type not in walls:
        if around.type in targets:
            return True
        around = around.parent
    return False


def _undefined(node: Node, name: str) -> Finding:
    line, column = node.start_point[0] + 1, node.start_point[1] + 1
    home = name if name in MODULES else EXPORTS.get(name)
    if home is None:
        return Finding(line, column, "undefined-name", f"Undefined name `{name}`")
    statement = f'const {name} = require("{home}")' if name in MODULES else f'const {{ {name} }} = require("{home}")'
    return Finding(line, column, "missing-import", f"Undefined name `{name}`: missing `{statement}`")
