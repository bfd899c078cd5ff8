"""Signatures of functions in statically typed languages: what they take and return, read from the syntax tree.

Runs in a worker process: it parses what a model wrote.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from tree_sitter import Node

from verifiers.script_names import text_of
from verifiers.tree_static import parser_of

INT_BITS = {
    "int": 32, "long": 64, "long long": 64, "long long int": 64, "short": 16, "char": 8, "size_t": 64, "int64_t": 64,
    "int32_t": 32, "long int": 64, "Integer": 32, "Long": 64, "int8": 8, "int16": 16, "int32": 32, "int64": 64,
    "i8": 8, "i16": 16, "i32": 32, "i64": 64, "i128": 127, "isize": 64,
}  # fmt: skip
UNSIGNED_BITS = {
    "unsigned": 32, "unsigned int": 32, "unsigned long": 64, "unsigned long long": 64, "size_t": 64, "uint": 64,
    "uint8": 8, "uint16": 16, "uint32": 32, "uint64": 64, "u8": 8, "u16": 16, "u32": 32, "u64": 64, "u128": 127,
    "usize": 64, "uint64_t": 64, "uint32_t": 32,
}  # fmt: skip
FLOATS = {"float": 32, "double": 64, "Double": 64, "Float": 32, "float32": 32, "float64": 64, "f32": 32, "f64": 64}
WORDS = {"string": "text", "String": "text", "str": "text", "bool": "bool", "boolean": "bool", "Boolean": "bool"}
LISTS = frozenset({"vector", "List", "ArrayList", "Vec", "LinkedList", "Collection"})
MAPS = frozenset({"map", "unordered_map", "Map", "HashMap", "TreeMap", "BTreeMap"})
OPTIONS = frozenset({"Optional", "Option", "optional"})
TUPLES = frozenset({"pair", "tuple"})
GO_INT = {"int": 64}


@dataclass(frozen=True, slots=True)
class Type:
    """`kind` is int, uint, float, bool, text, char, list, map, option, tuple, any or other; `spelled` as the program
    has it; `borrowed` where Rust passes a reference to it."""

    kind: str
    spelled: str
    parts: tuple[Type, ...] = ()
    bits: int = 0
    borrowed: bool = False


@dataclass(frozen=True, slots=True)
class Signature:
    """What the function takes and returns; `owner` is the class that it is a method of."""

    parameters: tuple[Type, ...]
    returns: Type
    owner: str = ""


def read_signature(language: str, program: str, entry_point: str) -> Signature | None:
    """The signature of the function; None where the program defines none of that name."""
    root = parser_of(language).parse(program.encode("utf-8", "replace")).root_node
    node = _find(root, entry_point)
    if node is None:
        return None
    readers = {"cpp": _cpp, "java": _java, "go": _go, "rust": _rust}
    parameters, returns = readers[language](node)
    owner = node.parent
    while owner is not None and owner.type != "class_declaration":
        owner = owner.parent
    name = owner.child_by_field_name("name") if owner is not None else None
    types = tuple(parse_type(language, text) for text in parameters)
    return Signature(types, parse_type(language, returns), text_of(name) if name is not None else "")


def _find(root: Node, entry_point: str) -> Node | None:
    """The last definition of the function."""
    found, pending = None, [root]
    while pending:
        node = pending.pop()
        if node.type in ("function_definition", "function_declaration", "function_item", "method_declaration"):
            name = node.child_by_field_name("name") or _declared(node)
            if name is not None and text_of(name) == entry_point:
                found = node
        pending += reversed(node.named_children)
    return found


def _declared(node: Node) -> Node | None:
    """The name of a C++ function, below its declarators."""
    declarator = node.child_by_field_name("declarator")
    while declarator is not None and declarator.child_by_field_name("declarator") is not None:
        declarator = declarator.child_by_field_name("declarator")
    return declarator


def _cpp(node: Node) -> tuple[list[str], str]:
    declarator = node.child_by_field_name("declarator")
    while declarator is not None and declarator.type != "function_declarator":
        declarator = declarator.child_by_field_name("declarator")
    given = declarator.child_by_field_name("parameters") if declarator is not None else None
    children = given.named_children if given is not None else []
    return [_field(child, "type") for child in children if child.type == "parameter_declaration"], _field(node, "type")


def _java(node: Node) -> tuple[list[str], str]:
    given = node.child_by_field_name("parameters")
    children = given.named_children if given is not None else []
    return [_field(child, "type") for child in children if child.type == "formal_parameter"], _field(node, "type")


def _go(node: Node) -> tuple[list[str], str]:
    given = node.child_by_field_name("parameters")
    types: list[str] = []
    for child in given.named_children if given is not None else []:
        names = [part for part in child.named_children if part.type == "identifier"]
        types += [_field(child, "type")] * max(1, len(names))
    return types, _field(node, "result")


def _rust(node: Node) -> tuple[list[str], str]:
    given = node.child_by_field_name("parameters")
    children = given.named_children if given is not None else []
    return [_field(child, "type") for child in children if child.type == "parameter"], _field(node, "return_type")


def _field(node: Node, name: str) -> str:
    child = node.child_by_field_name(name)
    return " ".join(text_of(child).split()) if child is not None else ""


def parse_type(language: str, text: str) -> Type:
    """The type that a text spells; kind "other" where it is none that values can be written for."""
    text = re.sub(r"\b(?:const|mut|std|final|boost)\b\s*(?:::)?|'\w+\s*|&\s*$", "", text).strip()
    if language == "go":
        return _go_type(text)
    if language == "rust" and text.startswith("&"):
        inner = parse_type(language, text[1:].strip())
        return inner if inner.spelled == "str" else replace(inner, borrowed=True)
    if language == "rust":
        if text.startswith("[") and text.endswith("]") and ";" not in text:
            return Type("list", text, (parse_type(language, text[1:-1]),))
        if text.startswith("(") and text.endswith(")"):
            return Type("tuple", text, tuple(parse_type(language, part) for part in _split(text[1:-1])))
    if language == "java" and text.endswith("[]"):
        return Type("list", text, (parse_type(language, text[:-2]),))
    return _generic(language, text.rstrip("& "))


def _generic(language: str, text: str) -> Type:
    name, bracket, rest = text.partition("<")
    name = name.strip().rpartition("::")[2] if language == "rust" else name.strip()
    if not bracket:
        return _plain(language, name)
    parts = tuple(parse_type(language, part) for part in _split(rest.rstrip().removesuffix(">")))
    kinds = ((LISTS, "list", 1), (MAPS, "map", 2), (OPTIONS, "option", 1), (TUPLES, "tuple", None))
    for names, kind, count in kinds:
        if name in names and count in (None, len(parts)):
            return Type(kind, text, parts)
    return Type("other", text)


def _plain(language: str, name: str) -> Type:
    if name in ("char", "Character", "rune"):
        return Type("char", name)
    bits = GO_INT.get(name) if language == "go" else None
    if name in UNSIGNED_BITS and not bits:
        return Type("uint", name, bits=UNSIGNED_BITS[name])
    if bits or name in INT_BITS:
        return Type("int", name, bits=bits or INT_BITS[name])
    if name in FLOATS:
        return Type("float", name, bits=FLOATS[name])
    return Type(WORDS.get(name, "any" if name in ("Object", "interface{}", "any") else "other"), name)


def _go_type(text: str) -> Type:
    array = re.match(r"\[\d*\]", text)
    if array:
        return Type("list", text, (_go_type(text[array.end() :].strip()),))
    if text.startswith("map["):
        key, _, value = text[4:].partition("]")
        return Type("map", text, (_go_type(key), _go_type(value)))
    if text.startswith("(") and text.endswith(")"):
        return Type("tuple", text, tuple(_go_type(part) for part in _split(text[1:-1])))
    return _plain("go", text)


def _split(text: str) -> list[str]:
    """At the commas that stand in no brackets."""
    parts, depth, start = [], 0, 0
    for place, letter in enumerate(text):
        depth += (letter in "<([") - (letter in ">)]")
        if letter == "," and depth == 0:
            parts.append(text[start:place].strip())
            start = place + 1
    return [*parts, text[start:].strip()]
