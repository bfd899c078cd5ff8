"""Tools from documents: OpenAI tool lists and OpenAPI; what cannot be a tool has its reason."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from corpus.errors import CorpusError
from corpus.mining.lists import read_openapi, read_tool_file
from corpus.tools import read
from records.types import Seed
from verifiers.toolbox.box import Toolbox

OPENAPI: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Tram times", "version": "1"},
    "paths": {
        "/stops/{stop}/departures": {
            "parameters": [{"name": "stop", "in": "path", "required": True, "schema": {"type": "string"},
                            "description": "Name of the stop."}],
            "get": {
                "operationId": "list_departures",
                "summary": "List the next departures at a stop.",
                "parameters": [{"$ref": "#/components/parameters/Limit"}],
            },
        },
        "/alerts": {
            "post": {
                "operationId": "create_alert",
                "description": "Create an alert for a line.",
                "requestBody": {"required": True, "content": {"application/json": {
                    "schema": {"$ref": "#/components/schemas/Alert"}}}},
            },
            "get": {"operationId": "silent"},
            "delete": {"operationId": "lost", "summary": "Remove an alert.",
                       "parameters": [{"$ref": "#/components/parameters/Nowhere"}]},
            "put": {"operationId": "upload", "summary": "Upload a picture.",
                    "requestBody": {"content": {"image/png": {}}}},
        },
        "/loop": {"get": {"operationId": "endless", "summary": "Refers to itself.", "parameters": [
            {"name": "x", "in": "query", "schema": {"$ref": "#/components/schemas/Loop"}}]}},
        "/far": {"get": {"operationId": "foreign", "summary": "Refers to another document.",
                         "parameters": [{"$ref": "https://example.org/x.json#/a"}]}},
    },
    "components": {
        "parameters": {"Limit": {"name": "limit", "in": "query", "schema": {"type": "integer", "default": 5}}},
        "schemas": {
            "Alert": {"type": "object", "required": ["line"], "properties": {
                "line": {"type": "integer"}, "kind": {"enum": ["delay", "closure"]}}},
            "Loop": {"type": "object", "properties": {"again": {"$ref": "#/components/schemas/Loop"}}},
        },
    },
}  # fmt: skip
TOOL = {"name": "get weather", "description": "Tell the weather.", "parameters": {"type": "object", "properties": {}}}


def test_operations_become_tools() -> None:
    tools, refused = read_openapi(OPENAPI)
    by_name = {tool.name: tool.tool["function"]["parameters"] for tool in tools}
    assert set(by_name) == {"list_departures", "create_alert"}
    departures = by_name["list_departures"]
    assert departures["required"] == ["stop"]
    assert departures["properties"]["limit"] == {"type": "integer", "default": 5}
    assert departures["properties"]["stop"]["description"] == "Name of the stop."
    assert by_name["create_alert"]["required"] == ["line"]
    assert by_name["create_alert"]["properties"]["kind"] == {"enum": ["delay", "closure"]}
    assert dict(refused) == {
        "silent": "undocumented",
        "lost": "unresolved_reference",
        "upload": "unsupported_body",
        "endless": "unresolved_reference",
        "foreign": "unresolved_reference",
    }


FORMS = {
    "openai.json": json.dumps([{"type": "function", "function": TOOL}]),
    "plain.json": json.dumps([TOOL]),
    "one.json": json.dumps(TOOL),
    "rows.jsonl": json.dumps({"about": "not a line\u2028of its own", "tools": [TOOL]}, ensure_ascii=False) + "\n",
    "document.yaml": "openapi: 3.0.0\npaths:\n  /w:\n    get: {operationId: get_weather, summary: Tell the weather.}\n",
}


@pytest.mark.parametrize("name", FORMS)
def test_forms_of_tool_files(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(FORMS[name], encoding="utf-8")
    tools, refused = read_tool_file(tmp_path / name)
    assert ([tool.name for tool in tools], refused) == (["get_weather"], [])
    (seed,) = islice((one for one in read(str(tmp_path / name), 0, "MIT") if isinstance(one, Seed)), 1)
    assert not Toolbox.read(seed.fields["toolbox"]).bindings  # nobody executes these


def test_bad_tools_have_a_reason(tmp_path: Path) -> None:
    listed = [TOOL, {**TOOL, "name": "a", "description": ""}, {**TOOL, "name": "b", "parameters": {"type": "banana"}}]
    (tmp_path / "tools.json").write_text(json.dumps(listed))
    tools, refused = read_tool_file(tmp_path / "tools.json")
    assert len(tools) == 1
    assert refused == [("a", "undocumented"), ("b", "bad_schema")]


@pytest.mark.parametrize("text", ["{", "[]", '{"swagger": "2.0", "paths": {}}', "[" * 5000])
def test_files_without_tools_are_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(CorpusError):
        read_tool_file(tmp_path / "x.json")
