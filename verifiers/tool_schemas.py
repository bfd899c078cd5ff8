"""Tool definitions, and arguments against them (feature row T2): OpenAI tool schemas and BFCL's function dicts.

The type policy. JSON Schema by `jsonschema`, with these rules for the types: an integer is good for a number, a number
with a fraction part (`5.0` too) is not good for an integer, a boolean is neither. BFCL's own type names are read as
`dict` = object, `float` = number, `tuple` = array, `any` = everything. A top-level argument that the schema does not
list is refused unless the schema itself says `additionalProperties`; deeper down JSON Schema's own rule holds.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from jsonschema import Draft202012Validator, ValidationError
from jsonschema.exceptions import SchemaError, best_match
from jsonschema.validators import extend
from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped]
from referencing.exceptions import Unresolvable

from records.types import JSON, canonical_json
from verifiers.strict_json import NotJson, check

TYPE_NAMES = {"dict": "object", "float": "number", "tuple": "array"}
SCHEMAS_BY_NAME = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
LISTS_OF_SCHEMAS = ("allOf", "anyOf", "oneOf", "prefixItems")
SCHEMAS = (
    "items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames", "unevaluatedItems",
    "unevaluatedProperties",
)  # fmt: skip
REASONS = {
    "type": "wrong_type",
    "enum": "not_in_enum",
    "const": "not_in_enum",
    "required": "missing_argument",
    "additionalProperties": "unknown_argument",
    "unevaluatedProperties": "unknown_argument",
}

# Keywords whose cost is linear in the schema and the value. Others (patterns, references, uniqueness) may take forever.
CHEAP = frozenset(
    ("type", "description", "title", "properties", "required", "items", "enum", "const", "default", "optional",
     "format", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minLength", "maxLength", "minItems",
     "maxItems", "additionalProperties", "examples", "anyOf")
)  # fmt: skip

StrictTypes = extend(  # type: ignore[no-untyped-call]
    Draft202012Validator,
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine(
        "integer", lambda _, value: isinstance(value, int) and not isinstance(value, bool)
    ),
)


class BadTools(Exception):
    """The list of tools cannot be used; nothing is known about calls of them."""


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool: its name and the JSON Schema of its arguments, in standard types."""

    name: str
    schema: Mapping[str, Any]

    @property
    def properties(self) -> Mapping[str, Any]:
        """The schema of each parameter, in the order of the definition."""
        listed: Mapping[str, Any] = self.schema.get("properties", {})
        return listed

    @property
    def required(self) -> tuple[str, ...]:
        """The parameters that every call must give."""
        return tuple(self.schema.get("required", ()))

    @property
    def is_open(self) -> bool:
        """Whether the schema says that arguments which it does not list are welcome."""
        return bool(self.schema.get("additionalProperties")) or "patternProperties" in self.schema

    @property
    def is_cheap(self) -> bool:
        """Whether checking a call cannot take long; otherwise it belongs into a worker with a deadline."""
        return _cheap(self.schema)


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a call: a reason code, where, what was expected and what was there."""

    reason: str
    tool: str
    argument: str = ""
    expected: JSON = None
    got: JSON = None


def read_tools(tools: JSON) -> dict[str, Tool]:
    """The tools by name. Raises BadTools for what is no tool, no valid schema, or one name for two tools."""
    if not isinstance(tools, list | tuple):
        raise BadTools("tools is no list")
    try:
        check(tools)
    except NotJson as error:
        raise BadTools(str(error)) from None
    found: dict[str, Tool] = {}
    for item in tools:
        tool = _read_tool(item)
        if found.setdefault(tool.name, tool) != tool:
            raise BadTools(f"two tools are called {tool.name[:80]}")
    return found


def _read_tool(item: JSON) -> Tool:
    if isinstance(item, dict) and isinstance(item.get("function"), dict):
        item = item["function"]
    if not isinstance(item, dict) or not isinstance(item.get("name"), str) or not item["name"]:
        raise BadTools("a tool without a name")
    schema = standard_schema(item.get("parameters") or {})
    if not isinstance(schema, dict) or schema.setdefault("type", "object") != "object":
        raise BadTools(f"the parameters of {item['name'][:80]} are no object")
    try:
        _check_schema(canonical_json(schema))
    except (SchemaError, Unresolvable) as error:
        raise BadTools(f"the parameters of {item['name'][:80]}: {str(error).splitlines()[0][:200]}") from None
    return Tool(item["name"], schema)


@lru_cache(maxsize=1024)
def _check_schema(schema_json: str) -> None:
    """Checking a schema costs more than checking a call, and many rows share their tools."""
    Draft202012Validator.check_schema(json.loads(schema_json))


def standard_schema(schema: JSON) -> JSON:
    """The schema with BFCL's type names in JSON Schema's words; names of parameters are left alone."""
    if not isinstance(schema, dict):
        return schema
    result: dict[str, JSON] = {}
    for keyword, value in schema.items():
        if keyword == "type":
            _put_type(result, value)
        elif keyword in SCHEMAS_BY_NAME and isinstance(value, dict):
            result[keyword] = {name: standard_schema(inner) for name, inner in value.items()}
        elif keyword in LISTS_OF_SCHEMAS and isinstance(value, list):
            result[keyword] = [standard_schema(inner) for inner in value]
        else:
            result[keyword] = standard_schema(value) if keyword in SCHEMAS else value
    return result


def _put_type(schema: dict[str, JSON], value: JSON) -> None:
    names = value if isinstance(value, list) else [value]
    if "any" in names:
        return
    standard = [TYPE_NAMES.get(name, name) if isinstance(name, str) else name for name in names]
    schema["type"] = standard if isinstance(value, list) else standard[0]


def _cheap(schema: JSON) -> bool:
    if not isinstance(schema, dict):
        return True
    inner = [*schema.get("properties", {}).values(), *schema.get("anyOf", ())]
    inner += [schema.get("items"), schema.get("additionalProperties")]
    return CHEAP.issuperset(schema) and all(_cheap(item) for item in inner)


def find_problem_in_worker(
    tool: Tool, arguments: Mapping[str, JSON], excused: frozenset[str]
) -> Problem | BadTools | None:
    """The same for a worker process, which survives only the exceptions of pure functions: BadTools is a result."""
    try:
        return find_problem(tool, arguments, excused)
    except BadTools as error:
        return error


def find_problem(tool: Tool, arguments: Mapping[str, JSON], excused: frozenset[str] = frozenset()) -> Problem | None:
    """The first thing that is wrong with the arguments by the tool's schema; None where they fit.

    `excused` are parameters whose values are not looked at. Raises BadTools where the schema cannot be applied.
    """
    for name in arguments:
        if name not in tool.properties and not tool.is_open:
            return Problem("unknown_argument", tool.name, name, sorted(tool.properties), arguments[name])
    for name in tool.required:
        if name not in arguments:
            return Problem("missing_argument", tool.name, name)
    validator = StrictTypes(dict(tool.schema), registry=REGISTRY)
    try:
        errors = [error for error in validator.iter_errors(dict(arguments)) if _top(error) not in excused]
    except (Unresolvable, RecursionError, OverflowError, re.error) as error:
        raise BadTools(f"the parameters of {tool.name[:80]} cannot be applied: {type(error).__name__}") from None
    worst = best_match(errors)
    return None if worst is None else _problem(tool.name, worst)


def _top(error: ValidationError) -> str:
    return str(error.absolute_path[0]) if error.absolute_path else ""


def _reason(error: ValidationError) -> str:
    """A value that fits none of several schemas has the wrong type where each of them refuses its type."""
    branches = error.context or ()
    if branches and all(branch.validator == "type" and branch.parent is error for branch in branches):
        return "wrong_type"
    return REASONS.get(str(error.validator), "invalid_value")


def _problem(tool: str, error: ValidationError) -> Problem:
    keyword = str(error.validator)
    where = error.json_path.removeprefix("$").removeprefix(".")
    return Problem(_reason(error), tool, where, {keyword: error.validator_value}, error.instance)
