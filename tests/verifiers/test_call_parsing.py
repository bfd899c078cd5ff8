"""Calls out of what models emit: what is a call, what is none, and what is malformed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifiers.call_parsing import MalformedCalls, parse_calls

PARAMETERS = {"f": ("a", "b"), "g": ("x",), "math.gcd": ("a", "b"), "now": ()}
CALL = '{"name": "f", "arguments": {"a": 1}}'
F = [("f", {"a": 1})]
TWO = [("f", {"a": 1}), ("g", {"x": "y"})]
SECOND = '{"name": "g", "arguments": {"x": "y"}}'

ACCEPTS: list[tuple[Any, list[tuple[str, dict[str, Any]]]]] = [
    ([{"name": "f", "arguments": {"a": 1}}], F),
    ([{"name": "f", "arguments": '{"a": 1}'}], F),
    ([{"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}], F),
    ([{"name": "now", "arguments": ""}], [("now", {})]),
    ([{"name": "f", "parameters": {"a": 1}}], F),
    ([], []),
    (None, []),
    (CALL, F),
    (f"[{CALL}, {SECOND}]", TWO),
    (f"{CALL}\n{SECOND}", TWO),
    (f"{CALL}; {SECOND}", TWO),
    ('{"tool_calls": [' + CALL + "]}", F),
    (f"```json\n{CALL}\n```", F),
    (f"```\n[{CALL}, {SECOND}]\n```", TWO),
    (f"```json\n{CALL}\n```\n\n```json\n{SECOND}\n```", TWO),
    (f"I will call it.\n```json\n{CALL}\n```", F),
    (f"I will call it: {CALL}", F),
    (f"<tool_call>\n{CALL}\n</tool_call>", F),
    (f"Both at once.\n<tool_call>{CALL}</tool_call>\n<tool_call>{SECOND}</tool_call>", TWO),
    (f"<think>Maybe <tool_call>?</think>\n<tool_call>{CALL}</tool_call>", F),
    (f"<tool_call>\n```json\n{CALL}\n```\n</tool_call>", F),
    (f"[TOOL_CALLS] [{CALL}]", F),
    (f"<|python_tag|>{CALL}", F),
    ("f(a=1)", F),
    ("[f(a=1)]", F),
    ("[f(a=1), g(x='y')]", TWO),
    ("f(a=1), g(x='y')", TWO),
    ("f(a=1)\ng(x='y')", TWO),
    ("f(a=1); g(x='y')", TWO),
    ("```python\nf(a=1)\n```", F),
    ("Let me see.\n[f(a=1)]", F),
    ("f(1)", F),
    ("f(1, b=2)", [("f", {"a": 1, "b": 2})]),
    ("[math.gcd(a=4, b=-6)]", [("math.gcd", {"a": 4, "b": -6})]),
    (
        "f(a=[1, (2.5, None)], b={'k': true, 'l': False})",
        [("f", {"a": [1, [2.5, None]], "b": {"k": True, "l": False}})],
    ),
    ("f(a='it\\'s (a) \"[test]')", [("f", {"a": "it's (a) \"[test]"})]),
    ("now()", [("now", {})]),
    ("unheard(a=1)", [("unheard", {"a": 1})]),
    ("I cannot help with that.", []),
    ("", []),
    ("You could use f(a) for this, but no tool is needed.", []),
    ("Hello (world)", []),
    ('The record is {"name": "John", "age": 3}.', []),
    ("An example:\n```python\nprint('hello')\n```\nThat is all.", []),
    ("I do it now:\nf(a='one\u2028value')", [("f", {"a": "one\u2028value"})]),
]
REJECTS: list[tuple[Any, str]] = [
    ([{"name": "f", "arguments": "{"}], "not_json"),
    ([{"name": "f", "arguments": "[1]"}], "arguments_not_object"),
    ([{"name": "f", "arguments": None}], "arguments_not_object"),
    ([{"name": "f"}], "no_arguments"),
    ([{"arguments": {}}], "no_name"),
    ([{"name": 3, "arguments": {}}], "no_name"),
    (["f(a=1)"], "not_a_call"),
    ([{"name": "f", "arguments": {"a": float("nan")}}], "not_a_number"),
    ([{"name": "f", "arguments": {"a": "\ud800"}}], "surrogate"),
    ('{"name": "f", "arguments": {"a": 1}', "not_json"),
    ('{"name": "f", "arguments": {"a": NaN}}', "not_a_number"),
    ('{"name": "f", "arguments": {"a": 1e999}}', "not_a_number"),
    ('{"name": "f", "arguments": {"a": 1' + "0" * 2000 + "}}", "not_a_number"),
    ('{"name": "f", "arguments": {"a": 1' + "0" * 9000 + "}}", "not_a_number"),
    ('{"name": "f", "arguments": {"a": 1, "a": 2}}', "duplicate_key"),
    ('{"name": "f", "name": "g", "arguments": {}}', "duplicate_key"),
    ('{"name": "f", "arguments": {"a": "\\ud800"}}', "surrogate"),
    ('{"answer": 5}', "no_name"),
    (CALL + " and so on", "not_json"),
    ("I call " + CALL[:-3], "not_json"),
    (f"<tool_call>{CALL}", "unclosed_tag"),
    (f"{CALL}</tool_call>", "unclosed_tag"),
    (f"<tool_call>{CALL}<tool_call>{SECOND}</tool_call>", "unclosed_tag"),
    ("<tool_call></tool_call>", "empty"),
    ("<tool_call>call f please</tool_call>", "not_python"),
    ("[f(a=1)", "not_python"),
    ("f(a=1", "not_python"),
    ("f(a=x)", "not_a_literal"),
    ("f(a=g(x=1))", "not_a_literal"),
    ("f(a=__import__('os').system('true'))", "not_a_literal"),
    ("f(a=1+1)", "not_a_literal"),
    ("f(a=--1)", "not_a_literal"),
    ("f(a=-True)", "not_a_literal"),
    ("f(a=b'1')", "not_a_literal"),
    ("f(a=f'{1}')", "not_a_literal"),
    ("f(a=[i for i in range(9)])", "not_a_literal"),
    ("f(**{'a': 1})", "not_a_literal"),
    ("f(*[1, 2])", "not_a_literal"),
    ("f(a={1: 2})", "not_a_literal"),
    ("f(a={'k': 1, 'k': 2})", "duplicate_key"),
    ("f(a=1, a=2)", "duplicate_argument"),
    ("f(1, a=2)", "duplicate_argument"),
    ("f(1, 2, 3)", "positional_argument"),
    ("unheard(1)", "positional_argument"),
    ("f(a=1e999)", "not_a_number"),
    ("f(a='\ud800')", "not_python"),
    ("f(a='\x00')", "not_python"),
    ("f(a=0x" + "f" * 4000 + ")", "not_a_number"),
    ("f(a=" + "9" * 5000 + ")", "not_python"),
    ("f(a=1)\nx = 2", "not_a_call"),
    ("f(a=1)(b=2)", "not_a_call"),
    ("f(a=" + "-" * 20_000 + "1)", "not_python"),
    ("f(a=" + "not " * 5_000 + "1)", "not_python"),
    ("f(a=" + "1+" * 9_000 + "1)", "not_python"),
]
UNJUDGED: list[Any] = [
    "f(a=" + "[" * 5_000,
    "[" * 100_000,
    '{"a":' * 100_000,
    '{"name": "f", "arguments": {"a": ' + "[" * 80 + "]" * 80 + "}}",
    [{"name": "f", "arguments": {}}] * 129,
    f"{CALL}\n" * 129,
    "x" * 600_000,
    "f(a='" + "x" * 60_000 + "')",
    'say {"name": 1} ' * 201,
]


@pytest.mark.parametrize(("source", "calls"), ACCEPTS)
def test_calls_are_read(source: Any, calls: list[tuple[str, dict[str, Any]]]) -> None:
    assert [(call.name, dict(call.arguments)) for call in parse_calls(source, PARAMETERS)] == calls


def test_malformed_calls_have_a_reason() -> None:
    for source, code in REJECTS:
        with pytest.raises(MalformedCalls) as caught:
            parse_calls(source, PARAMETERS)
        assert caught.value.code == code, str(source)[:80]


def test_what_is_too_large_says_so() -> None:
    for source in UNJUDGED:
        with pytest.raises(MalformedCalls) as caught:
            parse_calls(source, PARAMETERS)
        assert caught.value.code == "too_large", str(source)[:80]


ATTACKS = ["```a\n", "[", "<tool_call>", '{"name":', "</tool_call>", "f(", "[ ", "<think>", "\\", "'", "```\n", "\n"]


@pytest.mark.parametrize("piece", ATTACKS)
def test_repetition_does_not_stall_the_parser(piece: str) -> None:
    """Quadratic patterns would take hours here; the suite's own time limit is the judge."""
    try:
        parse_calls("x " + piece * (400_000 // len(piece)), PARAMETERS)
        parse_calls(piece * (400_000 // len(piece)), PARAMETERS)
    except MalformedCalls as error:
        assert error.code


PIECES = [
    "f(",
    ")",
    "[",
    "]",
    "{",
    "}",
    '"name"',
    ":",
    '"arguments"',
    ",",
    "a=",
    "1",
    "'",
    '"',
    "<tool_call>",
    "x\n",
    "</tool_call>",
    "```json\n",
    "```\n",
    "\\",
    "\ud800",
    "-",
    "lambda",
    "*",
    '{"name": "f", "arguments": {}}',
]


@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join))
def test_no_text_crashes_the_parser(text: str) -> None:
    try:
        calls = parse_calls(text, PARAMETERS)
    except MalformedCalls as error:
        assert error.code
    else:
        json.dumps([dict(call.arguments) for call in calls], allow_nan=False).encode()


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**12), 10**12) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(["a", "b"]), VALUES))
def test_every_form_of_a_call_reads_alike(arguments: dict[str, Any]) -> None:
    text = json.dumps({"name": "f", "arguments": arguments})
    python = "[f(" + ", ".join(f"{name}={value!r}" for name, value in arguments.items()) + ")]"
    for source in (text, f"<tool_call>{text}</tool_call>", [json.loads(text)], python):
        (call,) = parse_calls(source, PARAMETERS)
        assert (call.name, call.arguments) == ("f", arguments)
