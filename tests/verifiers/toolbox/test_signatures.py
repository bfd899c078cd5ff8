"""Functions as tool definitions and back: the round trip, real functions, and what is no tool."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from corpus import environments
from verifiers.toolbox.box import definition
from verifiers.toolbox.signatures import NoTool, from_python, functions_of, to_python

names = st.from_regex(r"[a-z][a-z0-9_]{0,10}", fullmatch=True).filter(lambda name: name.isidentifier()).filter(
    lambda name: name not in ("in", "is", "if", "or", "as", "for", "def", "not", "and", "del", "try", "from", "with",
                              "else", "elif", "pass", "None", "lambda", "global", "assert", "async", "await", "break",
                              "class", "while", "yield", "raise", "return", "except", "import", "finally", "continue",
                              "nonlocal")
)  # fmt: skip
plain = st.sampled_from([{"type": kind} for kind in ("string", "integer", "number", "boolean", "array", "object")])
schemas: st.SearchStrategy[dict[str, Any]] = st.one_of(
    plain,
    st.just({}),
    plain.map(lambda inner: {"type": "array", "items": inner}),
    plain.map(lambda inner: {"type": "object", "additionalProperties": inner}),
    st.lists(st.text(max_size=5) | st.integers(-9, 9), min_size=1, max_size=3).map(lambda values: {"enum": values}),
    plain.map(lambda inner: {"anyOf": [inner, {"type": "null"}]}),
)
words = st.from_regex(r"[A-Za-z0-9'\"\\]{1,8}( [a-z0-9.,'\"\\]{1,8}){0,4}", fullmatch=True)


@st.composite
def definitions(draw: st.DrawFn) -> dict[str, Any]:
    properties, required = {}, []
    for name in draw(st.lists(names, max_size=4, unique=True)):
        schema = dict(draw(schemas))
        if draw(st.booleans()):
            schema["description"] = draw(words)
        if draw(st.booleans()):
            schema["default"] = draw(st.none() | st.booleans() | st.integers(-99, 99) | st.text(max_size=6))
        else:
            required.append(name)
        properties[name] = schema
    parameters = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    return definition(draw(names), draw(words), parameters)


@given(definitions())
def test_a_definition_survives_the_way_through_python(tool: dict[str, Any]) -> None:
    again = from_python(to_python(tool))
    assert json.dumps(again) == json.dumps(tool)  # in the same order, too
    Draft202012Validator.check_schema(again["function"]["parameters"])


def test_the_example_environment_is_read_without_being_run() -> None:
    source = Path(environments.__file__).with_name("bike_rental.py").read_text()
    found = dict(functions_of(source, hidden="db"))
    assert set(found) == {
        "find_bikes", "get_member", "rent_bike", "return_bike", "top_up", "change_plan", "report_damage",
    }  # fmt: skip
    rent = found["rent_bike"]
    assert not isinstance(rent, str)
    assert list(rent["function"]["parameters"]["properties"]) == ["member_id", "bike_id", "hours"]
    assert rent["function"]["parameters"]["properties"]["hours"]["description"] == "Hours to rent it for, 1 to 24."


REFUSED = {
    "def f(x: int): pass": "undocumented",
    'def f(x): "Documented."': "no_annotation",
    'def f(*x: int): "Documented."': "open_signature",
    'def f(x: Thing): "Documented."': "unknown_annotation",
    'def f(x: int = y): "Documented."': "default_is_no_literal",
    "def f(": "not_python",
    "x = 1": "not_one_function",
}


@pytest.mark.parametrize("source", REFUSED)
def test_what_is_no_tool(source: str) -> None:
    with pytest.raises(NoTool, match=REFUSED[source]):
        from_python(source)


def test_what_python_cannot_say() -> None:
    odd = definition(
        "f", "Does it.", {"type": "object", "properties": {"x-y": {"type": "string"}}, "required": ["x-y"]}
    )
    with pytest.raises(NoTool, match="not_in_python"):
        to_python(odd)
    pattern = {"type": "object", "properties": {"x": {"type": "string", "pattern": "a+"}}, "required": ["x"]}
    with pytest.raises(NoTool, match="not_in_python"):
        to_python(definition("f", "Does it.", pattern))
