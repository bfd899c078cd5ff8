"""Tools from documents: lists of OpenAI tool schemas, and the operations of an OpenAPI document (3.x).

They have no implementation here, so their calls are not executed: the pipeline calls no foreign service on its own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from corpus.errors import CorpusError
from corpus.mining.mine import MinedTool
from records.types import JSON
from verifiers.strict_json import NotJson, check
from verifiers.tool_schemas import BadTools, read_tools
from verifiers.toolbox.box import definition

METHODS = ("get", "post", "put", "patch", "delete")
MAX_DEPTH = 20  # of references that refer on
MAX_DESCRIPTION = 600

Tools = list[MinedTool]
Refused = list[tuple[str, str]]


def read_tool_file(path: Path) -> tuple[Tools, Refused]:
    """Tools of a JSON list, of JSON lines (a tool a line, or objects with `tools`), or of an OpenAPI document.

    What is refused has a reason: undocumented, bad_schema, unresolved_reference, unsupported_body. Raises CorpusError.
    """
    value = _load(path)
    if isinstance(value, dict) and ("openapi" in value or "swagger" in value):
        if not str(value.get("openapi", "")).startswith("3."):
            raise CorpusError(str(path), None, "openapi", "only OpenAPI 3.x documents are read; convert it first")
        return read_openapi(value)
    items = value if isinstance(value, list) else [value]
    listed = [tool for item in items for tool in _listed(item)]
    if not listed:
        raise CorpusError(str(path), None, "tools", "it holds no tool; give OpenAI tool schemas or an OpenAPI document")
    return _check_all(listed)


def _load(path: Path) -> JSON:
    try:
        text = path.read_text(encoding="utf-8-sig")
        if path.suffix == ".jsonl":
            return [json.loads(line) for line in text.split("\n") if line.strip()]
        return yaml.safe_load(text) if path.suffix in (".yaml", ".yml") else json.loads(text)
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise CorpusError(str(path), None, None, f"cannot be read: {str(error).splitlines()[0]}") from error


def _listed(item: JSON) -> Iterator[dict[str, Any]]:
    if isinstance(item, dict) and isinstance(item.get("tools"), list):
        yield from (inner for one in item["tools"] for inner in _listed(one))
    elif isinstance(item, dict):
        yield item.get("function", item)


def _check_all(listed: Sequence[Mapping[str, Any]]) -> tuple[Tools, Refused]:
    tools: Tools = []
    refused: Refused = []
    for number, function in enumerate(listed):
        name = str(function.get("name", f"tool {number}"))
        description = str(function.get("description") or "").strip()
        if not description:
            refused.append((name, "undocumented"))
            continue
        parameters = function.get("parameters") or function.get("inputSchema") or {"type": "object", "properties": {}}
        found = make_tool(name, description, parameters)
        if found is None:
            refused.append((name, "bad_schema"))
        else:
            tools.append(found)
    return tools, refused


def make_tool(
    name: str, description: str, parameters: JSON, binding: Mapping[str, Any] | None = None
) -> MinedTool | None:
    """A tool of a definition, with its name in OpenAI's letters; None where its schema cannot be used."""
    safe = re.sub(r"[^A-Za-z0-9_-]", "_", name)[:64]
    tool = definition(safe, description[:MAX_DESCRIPTION], parameters if isinstance(parameters, dict) else {})
    try:
        check(tool)
        read_tools([tool])
    except (BadTools, NotJson):
        return None
    return MinedTool(name, tool, binding or {}, (), None)


def read_openapi(document: Mapping[str, Any]) -> tuple[Tools, Refused]:
    """One tool per operation: its parameters, and the properties of a JSON request body, as arguments."""
    tools: Tools = []
    refused: Refused = []
    for route, item in (document.get("paths") or {}).items():
        for method in METHODS:
            operation = item.get(method) if isinstance(item, dict) else None
            if isinstance(operation, dict):
                name = str(operation.get("operationId") or f"{method}_{route.strip('/')}")
                try:
                    tools.append(_operation(document, name, operation, item.get("parameters") or []))
                except _Unusable as error:
                    refused.append((name, str(error)))
    return tools, refused


class _Unusable(Exception):
    """An operation that makes no tool; the text is a reason code."""


def _operation(
    document: Mapping[str, Any], name: str, operation: Mapping[str, Any], shared: Sequence[JSON]
) -> MinedTool:
    words = " ".join(str(operation.get(key) or "").strip() for key in ("summary", "description")).strip()
    if not words:
        raise _Unusable("undocumented")
    properties: dict[str, Any] = {}
    required: list[str] = []
    for given in [*shared, *(operation.get("parameters") or [])]:
        parameter = _resolved(document, given)
        described = {"description": parameter["description"]} if parameter.get("description") else {}
        properties[parameter["name"]] = {**_resolved(document, parameter.get("schema") or {}), **described}
        required += [parameter["name"]] if parameter.get("required") else []
    if operation.get("requestBody"):
        _add_body(document, operation["requestBody"], properties, required)
    schema = {"type": "object", "properties": properties, "required": list(dict.fromkeys(required))}
    tool = make_tool(name, words, {**schema, "additionalProperties": False})
    if tool is None:
        raise _Unusable("bad_schema")
    return tool


def _add_body(document: Mapping[str, Any], given: JSON, properties: dict[str, Any], required: list[str]) -> None:
    body = _resolved(document, given)
    schema = _resolved(document, ((body.get("content") or {}).get("application/json") or {}).get("schema") or {})
    if schema.get("type") != "object" or not isinstance(schema.get("properties"), dict):
        raise _Unusable("unsupported_body")
    if set(schema["properties"]) & set(properties):
        raise _Unusable("same_name_twice")
    properties.update(schema["properties"])
    required += schema.get("required") or [] if body.get("required") else []


def _resolved(document: Mapping[str, Any], value: JSON, depth: int = 0) -> JSON:
    """The value with all references inside the document replaced by what they refer to."""
    if depth > MAX_DEPTH:
        raise _Unusable("unresolved_reference")  # it refers to itself
    if isinstance(value, list):
        return [_resolved(document, item, depth + 1) for item in value]
    if not isinstance(value, dict):
        return value
    if isinstance(value.get("$ref"), str):
        return _resolved(document, _target(document, value["$ref"]), depth + 1)
    return {key: _resolved(document, item, depth + 1) for key, item in value.items() if key != "example"}


def _target(document: Mapping[str, Any], reference: str) -> JSON:
    place: JSON = document
    for part in reference.removeprefix("#/").split("/") if reference.startswith("#/") else [""]:
        key = part.replace("~1", "/").replace("~0", "~")
        if not isinstance(place, dict) or key not in place:
            raise _Unusable("unresolved_reference")  # also every reference to another document
        place = place[key]
    return place
