"""Python functions as tool definitions and back (feature row T1): signature, annotations and docstring <-> JSON Schema.

Sources are read as text, never imported. `to_python` writes a stub that `from_python` reads as the same definition, for
every definition whose schemas use the keywords that annotations can say; others are shown as JSON to the model.
"""

from __future__ import annotations

import ast
import keyword
import re
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from records.types import JSON
from verifiers.toolbox.box import definition

PLAIN = {"str": "string", "int": "integer", "float": "number", "bool": "boolean"}
NAMES = {kind: name for name, kind in PLAIN.items()}
ARGUMENT = re.compile(r"^(?P<name>[A-Za-z_]\w*)\s*(?:\([^)]*\))?:\s*(?P<text>.*)$")
SECTION = re.compile(r"^(Args|Arguments|Parameters):\s*$")
OTHER_SECTION = re.compile(r"^[A-Z]\w*:\s*$")


class NoTool(Exception):
    """A function that makes no tool, or a definition that Python cannot say; the message is a snake_case reason."""


def functions_of(source: str, hidden: str = "") -> list[tuple[str, Mapping[str, Any] | str]]:
    """Every public top-level function: its name, and its definition or why there is none.

    With `hidden`, only functions whose first parameter has that name count, and the parameter is left out. Raises
    NoTool where the source is no Python.
    """
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise NoTool("not_python") from None
    found: list[tuple[str, Mapping[str, Any] | str]] = []
    for node in body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_") and _takes(node, hidden):
            try:
                found.append((node.name, _definition(node, hidden)))
            except NoTool as error:
                found.append((node.name, str(error)))
    return found


def from_python(source: str) -> dict[str, Any]:
    """The definition of the one function in a source. Raises NoTool."""
    found = functions_of(source)
    if len(found) != 1:
        raise NoTool("not_one_function")
    _, tool = found[0]
    if isinstance(tool, str):
        raise NoTool(tool)
    return dict(tool)


def _takes(node: ast.FunctionDef, hidden: str) -> bool:
    return not hidden or bool(node.args.args and node.args.args[0].arg == hidden)


def _definition(node: ast.FunctionDef, hidden: str) -> dict[str, Any]:
    description, about = _docstring(ast.get_docstring(node) or "")
    if not description:
        raise NoTool("undocumented")
    if node.args.vararg or node.args.kwarg or node.args.posonlyargs:
        raise NoTool("open_signature")
    given = node.args.args[1:] if hidden else node.args.args
    defaults: list[ast.expr | None] = [None] * (len(given) - len(node.args.defaults)) + list(node.args.defaults)
    pairs = [*zip(given, defaults, strict=True), *zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)]
    properties: dict[str, Any] = {}
    required = []
    for argument, default in pairs:
        schema = _schema(argument.annotation)
        if argument.arg in about:
            schema["description"] = about[argument.arg]
        if default is None:
            required.append(argument.arg)
        else:
            schema["default"] = _literal(default)
        properties[argument.arg] = schema
    parameters = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    return definition(node.name, description, parameters)


def _docstring(text: str) -> tuple[str, dict[str, str]]:
    """The text before the first section, and what the section of arguments says of each."""
    lines = text.splitlines()
    start = next((at for at, line in enumerate(lines) if OTHER_SECTION.match(line)), len(lines))
    about: dict[str, str] = {}
    inside, last = False, ""
    for line in lines[start:]:
        if OTHER_SECTION.match(line):
            inside = bool(SECTION.match(line))
        elif inside and (match := ARGUMENT.match(line.strip())) and len(line) - len(line.lstrip()) <= 4:
            last = match["name"]
            about[last] = match["text"].strip()
        elif inside and last and line.strip():
            about[last] += " " + line.strip()
    return " ".join(" ".join(lines[:start]).split()), about


def _literal(node: ast.expr) -> JSON:
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        raise NoTool("default_is_no_literal") from None
    if isinstance(value, tuple):
        value = list(value)
    if value is not None and not isinstance(value, bool | int | float | str | list | dict):
        raise NoTool("default_is_no_literal")
    return value


def _schema(node: ast.expr | None) -> dict[str, Any]:
    if node is None:
        raise NoTool("no_annotation")
    if isinstance(node, ast.Constant):
        return _schema_of_constant(node)
    if isinstance(node, ast.Name):
        return _schema_of_name(node.id)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return {"anyOf": [*_branches(node.left), *_branches(node.right)]}
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
        return _schema_of_generic(node.value.id, node.slice)
    raise NoTool("unknown_annotation")


def _schema_of_constant(node: ast.Constant) -> dict[str, Any]:
    if node.value is None:
        return {"type": "null"}
    if isinstance(node.value, str):  # an annotation in quotes
        return _schema(ast.parse(node.value, mode="eval").body)
    raise NoTool("unknown_annotation")


def _branches(node: ast.expr) -> list[dict[str, Any]]:
    schema = _schema(node)
    return schema["anyOf"] if set(schema) == {"anyOf"} else [schema]


def _schema_of_name(name: str) -> dict[str, Any]:
    if name in PLAIN:
        return {"type": PLAIN[name]}
    if name in ("list", "dict"):
        return {"type": {"list": "array", "dict": "object"}[name]}
    if name == "Any":
        return {}
    raise NoTool("unknown_annotation")


def _schema_of_generic(name: str, inner: ast.expr) -> dict[str, Any]:
    if name in ("list", "List", "Sequence"):
        return {"type": "array", "items": _schema(inner)}
    if name in ("dict", "Dict", "Mapping") and isinstance(inner, ast.Tuple) and len(inner.elts) == 2:
        return {"type": "object", "additionalProperties": _schema(inner.elts[1])}
    if name == "Literal":
        elements = inner.elts if isinstance(inner, ast.Tuple) else [inner]
        return {"enum": [_literal(one) for one in elements]}
    if name == "Optional":
        return {"anyOf": [*_branches(inner), {"type": "null"}]}
    raise NoTool("unknown_annotation")


def to_python(tool: Mapping[str, Any]) -> str:
    """A stub with signature and docstring. Raises NoTool("not_in_python") where Python cannot say the definition."""
    function = tool["function"]
    parameters = function.get("parameters") or {}
    properties: Mapping[str, Any] = parameters.get("properties", {})
    required: Sequence[str] = parameters.get("required", ())
    names = [function["name"], *properties]
    if any(not name.isidentifier() or keyword.iskeyword(name) for name in names):
        raise NoTool("not_in_python")
    written = [_parameter(name, schema, name in required) for name, schema in properties.items()]
    about = [f"    {name}: {schema['description']}" for name, schema in properties.items() if "description" in schema]
    doc = "\n".join([function.get("description", ""), *(["", "Args:", *about] if about else [])])
    doc = doc.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    return f'def {function["name"]}({", ".join(["*", *written] if written else [])}):\n    """{_indented(doc)}"""\n'


def _indented(doc: str) -> str:
    return textwrap.indent(doc, "    ").lstrip() + ("\n    " if "\n" in doc or doc.endswith('"') else "")


def _parameter(name: str, schema: Mapping[str, Any], required: bool) -> str:
    plain = {key: value for key, value in schema.items() if key not in ("description", "default")}
    if required != ("default" not in schema):
        raise NoTool("not_in_python")
    default = "" if required else f" = {schema['default']!r}"
    return f"{name}: {_annotation(plain)}{default}"


def _annotation(schema: Mapping[str, Any]) -> str:
    keys = set(schema)
    if not keys:
        return "Any"
    if keys == {"enum"}:
        return f"Literal[{', '.join(map(repr, schema['enum']))}]"
    if keys == {"anyOf"}:
        return " | ".join(_annotation(one) for one in schema["anyOf"])
    kind = schema.get("type")
    if keys == {"type"} and isinstance(kind, str):
        return {**NAMES, "array": "list", "object": "dict", "null": "None"}[kind]
    if keys == {"type", "items"} and kind == "array":
        return f"list[{_annotation(schema['items'])}]"
    if (
        keys == {"type", "additionalProperties"}
        and kind == "object"
        and isinstance(schema["additionalProperties"], dict)
    ):
        return f"dict[str, {_annotation(schema['additionalProperties'])}]"
    raise NoTool("not_in_python")
