"""The proof of tool calls: our own cases, and the gold and its mutants of a public benchmark."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator
from functools import partial
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any, cast

import pytest

from records.types import Candidate, Outcome, Seed, Verdict
from verifiers.base import Resources
from verifiers.call_comparison import same_value
from verifiers.tool_calls import Row, ToolCalls, prove_row, verify
from verifiers.workers import ProcessPool

SPEC = spec_from_file_location("tool_call_mutants", Path(__file__).with_name("tool_call_mutants.py"))
assert SPEC is not None and SPEC.loader is not None
MUTANTS = module_from_spec(SPEC)
SPEC.loader.exec_module(MUTANTS)

WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string"},
                "days": {"type": "integer", "minimum": 1},
                "unit": {"type": "string", "enum": ["C", "F"]},
                "at": {"type": "array", "items": {"type": "number"}},
                "raw": {"type": "boolean"},
                "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            },
            "required": ["city"],
        },
    },
}
SUM = {"name": "math.sum", "parameters": {"type": "dict", "properties": {"a": {"type": "float"}, "b": {"type": "any"},
       "c": {"type": "tuple", "items": {"type": "float"}}, "d": {"type": "dict"}}, "required": ["a"]}}  # fmt: skip
FREE = {"name": "free", "parameters": {"type": "object", "additionalProperties": True}}
BARE = {"name": "now"}
CODE = {
    "name": "code",
    "parameters": {"type": "object", "properties": {"id": {"type": "string", "pattern": "^[a-z]+$"}}},
}
TREE = {"name": "tree", "parameters": {"type": "object", "properties": {"root": {"$ref": "#/$defs/node"}},
        "$defs": {"node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}},
                           "additionalProperties": False}}}}  # fmt: skip
TOOLS: list[Any] = [WEATHER, SUM, FREE, BARE, CODE, TREE]


def call(tool: str, /, **arguments: Any) -> dict[str, Any]:
    return {"name": tool, "arguments": arguments}


W = partial(call, "weather")
ROME = W(city=["Rome", "Roma"], days=["", 3])
OSLO = W(city=["Oslo"], unit=["C", ""])
BOTH = [W(city=["Rome", "Oslo"]), W(city=["Rome"])]

# calls, accepted
ACCEPTS: list[tuple[Any, Any]] = [
    ([W(city="Rome")], None),
    ([W(city="Rome", days=2, unit="F", at=[1, 2.5], raw=True, note=None)], None),
    ([call("math.sum", a=1, b={"any": [1]}, c=[1, 2], d={"k": 1})], None),
    ([call("free", whatever=1)], None),
    ([call("now")], None),
    ([call("code", id="abc")], None),
    ([call("tree", root={"next": {}})], None),
    ("weather('Rome', 3)", None),
    ([W(city="Rome")], [ROME]),
    ([W(city="ROMA", days=3)], [ROME]),
    ("[weather(city='Oslo'), weather(city='Rome')]", [ROME, OSLO]),
    ([W(city="Rome"), W(city="Oslo")], BOTH),
    ([W(city="Oslo"), W(city="Rome")], BOTH),
    ([call("math.sum", a=5)], [call("math.sum", a=[5.0])]),
    ([call("math.sum", a=5.0)], [{"math.sum": {"a": [5]}}]),
    ([call("math.sum", a=1, d={"x": 1})], [call("math.sum", a=[1], d=[{"x": [1, 2], "y": [3, ""]}])]),
    ([W(city="x", unit="f")], [W(city=["x"], unit=["f"])]),  # gold beyond its enum, as BFCL has it
    ([W(city="x", at="data['x']")], [W(city=["x"], at=["data['x']"])]),  # a variable, as BFCL has it
    ([], []),
    ("No tool can do that.", []),
]
# calls, accepted, gate, reason
REJECTS: list[tuple[Any, Any, str, str]] = [
    ("weather(city=", None, "format", "malformed_calls"),
    ([{"name": "weather", "arguments": "{"}], [ROME], "format", "malformed_calls"),
    ([call("wether", city="Rome")], None, "arguments", "unknown_tool"),
    ([W(city="Rome", zip=1)], None, "arguments", "unknown_argument"),
    ([call("now", at=1)], None, "arguments", "unknown_argument"),
    ([call("tree", root={"last": 1})], None, "arguments", "unknown_argument"),
    ([W(days=1)], None, "arguments", "missing_argument"),
    ([W(city=1)], None, "arguments", "wrong_type"),
    ([W(city="x", days="1")], None, "arguments", "wrong_type"),
    ([W(city="x", days=1.0)], None, "arguments", "wrong_type"),
    ([W(city="x", days=True)], None, "arguments", "wrong_type"),
    ([W(city="x", raw=1)], None, "arguments", "wrong_type"),
    ([W(city="x", at=[1, "2"])], None, "arguments", "wrong_type"),
    ([W(city="x", at=[True])], None, "arguments", "wrong_type"),
    ([W(city="x", note=1)], None, "arguments", "wrong_type"),
    ([W(city=None)], None, "arguments", "wrong_type"),
    ([call("math.sum", a=True)], [call("math.sum", a=[1])], "arguments", "wrong_type"),
    ([W(city="x", unit="K")], None, "arguments", "not_in_enum"),
    ([W(city="x", unit="c")], None, "arguments", "not_in_enum"),
    ([W(city="x", days=0)], None, "arguments", "invalid_value"),
    ([call("code", id="ABC")], None, "arguments", "invalid_value"),
    ([], None, "comparison", "missing_call"),
    ("It is sunny.", [ROME], "comparison", "missing_call"),
    ([W(city="Rome")], [ROME, OSLO], "comparison", "missing_call"),
    ([W(city="Rome"), W(city="Rome")], [ROME], "comparison", "extra_call"),
    ([W(city="Rome"), W(city="Rome")], [ROME, OSLO], "comparison", "wrong_value"),
    ([W(city="Oslo"), W(city="Oslo")], BOTH, "comparison", "wrong_value"),
    ([W(city="Paris")], [ROME], "comparison", "wrong_value"),
    ([W(city="Rome", days=2)], [ROME], "comparison", "wrong_value"),
    ([W(city="Rome", raw=True)], [ROME], "comparison", "unexpected_argument"),
    ([W(city="Rome")], [W(city=["Rome"], days=[3])], "comparison", "missing_argument"),
    ([call("now")], [ROME], "comparison", "wrong_tool"),
    ([call("math.sum", a=1, d={"x": 3})], [call("math.sum", a=[1], d=[{"x": [1, 2]}])], "comparison", "wrong_value"),
    ([call("math.sum", a=1, d={})], [call("math.sum", a=[1], d=[{"x": [1, 2]}])], "comparison", "wrong_value"),
    ([call("math.sum", a=1, b=True)], [call("math.sum", a=[1], b=[1])], "comparison", "wrong_value"),
    ([call("math.sum", a=1, b=[1, 2])], [call("math.sum", a=[1], b=[[2, 1]])], "comparison", "wrong_value"),
    ([W(city="Rome")], [], "comparison", "call_not_needed"),
    ("[anything(a=1)]", [], "comparison", "call_not_needed"),
]
BOMB = {"name": "bomb", "parameters": {"type": "object", "properties": {"t": {"type": "string", "pattern": "^(a+)+$"}}}}
# tools, calls, accepted, reason
UNJUDGED: list[tuple[Any, Any, Any, str]] = [
    ([{"parameters": {}}], [], None, "bad_tools"),
    ("[", [], None, "bad_tools"),
    ([{"name": "x", "parameters": {"type": "nonsense"}}], [call("x")], None, "bad_tools"),
    ([{"name": "x", "parameters": {"type": "array"}}], [call("x")], None, "bad_tools"),
    ([{"name": "x", "parameters": {"properties": {"a": {"$ref": "http://127.0.0.1:9/s"}}}}], [call("x", a=1)], None,
     "bad_tools"),
    ([{"name": "x", "parameters": {"properties": {"a": {"pattern": "("}}}}], [call("x", a="1")], None, "bad_tools"),
    ([BARE, {"name": "now", "parameters": {"properties": {"a": {}}}}], [call("now")], None, "bad_tools"),
    (TOOLS, [W(city="Rome")], [call("weather", city="Rome")], "bad_accepted"),
    (TOOLS, [W(city="Rome")], [call("unheard", city=["Rome"])], "bad_accepted"),
    (TOOLS, [W(city="Rome")], "[", "bad_accepted"),
    (TOOLS, "x" * 600_000, None, "calls_too_large"),
    ([BOMB], [call("bomb", t="a" * 60 + "b")], None, "deadline"),
]  # fmt: skip


@pytest.fixture
async def resources() -> AsyncIterator[Resources]:
    pool = ProcessPool(1)
    yield Resources(sandbox=cast(Any, None), workers=pool)
    await pool.aclose()


async def judge(tools: Any, calls: Any, accepted: Any, resources: Resources) -> Verdict:
    row = Row.model_validate({"id": 1, "tools": tools, "calls": calls, "accepted": accepted})
    verdict = await prove_row(row, resources)
    json.dumps(dict(verdict.evidence), allow_nan=False).encode()
    return verdict


async def test_good_calls_pass(resources: Resources) -> None:
    for calls, accepted in ACCEPTS:
        verdict = await judge(TOOLS, calls, accepted, resources)
        assert verdict.outcome is Outcome.PASS, (calls, verdict)


async def test_bad_calls_fail_at_their_gate(resources: Resources) -> None:
    for calls, accepted, gate, reason in REJECTS:
        verdict = await judge(TOOLS, calls, accepted, resources)
        found = (verdict.outcome, verdict.evidence.get("gate"), verdict.reason)
        assert found == (Outcome.FAIL, gate, reason), (calls, verdict)


async def test_what_cannot_be_judged_is_unjudged(resources: Resources) -> None:
    for tools, calls, accepted, reason in UNJUDGED:
        verdict = await judge(tools, calls, accepted, resources)
        assert (verdict.outcome, verdict.reason) == (Outcome.UNJUDGED, reason), verdict


async def test_a_stored_check_reads_json_text(resources: Resources) -> None:
    check = ToolCalls(json.dumps(TOOLS), json.dumps([ROME]))
    for text, outcome in (
        ('[{"name": "weather", "arguments": {"city": "Rome"}}]', Outcome.PASS),
        ("Hm.", Outcome.FAIL),
    ):
        candidate = Candidate("c", "c", Seed("s", "q", "t", "l"), "r", (), {"calls": text}, (check,), ())
        assert (await verify(check, candidate, resources)).outcome is outcome


@pytest.mark.parametrize(
    ("accepted", "value", "same"),
    [
        ("April 1, 2024", "april 1 2024", True), ("x^2", "x**2", True), ("it's", 'it"s', True), ("x-1", "x+1", False),
        ("1.5", "15", False), ("1,000", "1000", True), ("-5", "5", False), ("00125", "125", False), ("a", "b", False),
        (1, True, False), (1, 1.0, True), ("1", 1, False), ([1, [2]], [1, [2.0]], True), ([1], [1, 1], False),
        ([{"a": [1, 2]}], [{"a": 2}], True), ([{"a": [1, 2]}], [{"a": 3}], False), (None, None, True),
        ("", None, False),
    ],
)  # fmt: skip
def test_values_compare_as_documented(accepted: Any, value: Any, same: bool) -> None:
    assert same_value(accepted, value) is same


FILES = ("simple_python", "multiple", "parallel", "parallel_multiple")


def benchmark(folder: Path, name: str) -> list[tuple[str, list[Any], list[Any]]]:
    """Id, tools and accepted calls of each row."""
    rows = [json.loads(line) for line in (folder / "tool_use" / f"bfcl_{name}.jsonl").read_text().splitlines()]
    lines = (folder / "tool_use" / f"bfcl_{name}_answers.jsonl").read_text().splitlines()
    answers = {row["id"]: row["ground_truth"] for row in map(json.loads, lines)}
    return [
        (row["id"], row["function"], [call(tool, **args) for one in answers[row["id"]] for tool, args in one.items()])
        for row in rows
    ]


def as_python(calls: list[Any]) -> str:
    return "[" + ", ".join(
        f"{one['name']}({', '.join(f'{name}={value!r}' for name, value in one['arguments'].items())})" for one in calls
    ) + "]"  # fmt: skip


@pytest.mark.parametrize("name", FILES)
async def test_gold_calls_are_accepted_in_any_order_and_form(
    name: str, shared_data: Path, resources: Resources
) -> None:
    for row, tools, accepted in benchmark(shared_data, name):
        for choice in range(max(len(values) for one in accepted for values in one["arguments"].values() or [[]])):
            calls = MUTANTS.gold_calls(accepted, tools, choice)
            tagged = "\n".join(f"<tool_call>{json.dumps(one)}</tool_call>" for one in calls)
            openai = [
                {"type": "function", "function": {**one, "arguments": json.dumps(one["arguments"])}} for one in calls
            ]
            forms = (calls, calls[::-1], openai, as_python(calls), json.dumps(calls), tagged)
            for form in forms if choice == 0 else (calls[::-1],):
                verdict = await judge(tools, form, accepted, resources)
                assert verdict.outcome is Outcome.PASS, (row, form, verdict)


@pytest.mark.parametrize("name", FILES)
async def test_mutants_of_gold_calls_are_refused(name: str, shared_data: Path, resources: Resources) -> None:
    refused: Counter[str] = Counter()
    escaped = []
    for row, tools, accepted in benchmark(shared_data, name):
        for kind, calls in MUTANTS.mutants(MUTANTS.gold_calls(accepted, tools), accepted, tools):
            verdict = await judge(tools, calls, accepted, resources)
            refused[kind] += verdict.outcome is Outcome.FAIL
            if verdict.outcome is not Outcome.FAIL:
                escaped.append((row, kind, calls, verdict))
    assert not escaped
    kinds = {"wrong_value", "wrong_type", "missing_required", "unknown_argument", "wrong_function", "dropped_call"}
    assert set(refused) == kinds | {"extra_call"}


async def test_any_call_is_refused_where_none_is_relevant(shared_data: Path, resources: Resources) -> None:
    lines = (shared_data / "tool_use" / "bfcl_irrelevance.jsonl").read_text().splitlines()
    for row in map(json.loads, lines):
        for tool in row["function"]:
            calls = [call(tool["name"], **{name: 1 for name in tool["parameters"]["properties"]})]
            for form in (calls, json.dumps(calls), as_python(calls)):
                verdict = await judge(row["function"], form, [], resources)
                assert (verdict.outcome, verdict.reason) == (Outcome.FAIL, "call_not_needed"), (row["id"], verdict)
        for nothing in ([], "None of the tools fits this question."):
            assert (await judge(row["function"], nothing, [], resources)).outcome is Outcome.PASS
