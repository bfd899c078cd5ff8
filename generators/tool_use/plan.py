"""The writer's plan of a dialogue: a user's request, and the calls that it must lead to (gold)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from generators.asking import Answer
from generators.recipe import SeedRefused
from records.types import JSON, canonical_json
from verifiers.strict_json import NotJson, read
from verifiers.toolbox.box import Toolbox
from verifiers.toolbox.runner import ToolArguments

MIN_REQUEST, MAX_REQUEST = 15, 6_000
MAX_CALLS = 12
REFERENCE = "$result"  # {"$result": 1} stands for the result of the first call
SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "request": {"type": "string"},
        "calls": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"name": {"type": "string"}, "arguments": {"type": "string"}},
                "required": ["name", "arguments"],
                "additionalProperties": False,
            },
        },
    },
    "required": ["request", "calls"],
    "additionalProperties": False,
}
"""Arguments are JSON text: an open object is more than strict structured output can say."""


@dataclass(frozen=True)
class Plan:
    """What the user says, and the gold calls in order; arguments may refer to the results of earlier calls."""

    request: str
    calls: tuple[ToolArguments, ...]

    def calls_json(self) -> str:
        """The gold calls as JSON text."""
        return canonical_json([{"name": name, "arguments": dict(arguments)} for name, arguments in self.calls])


def read_plan(answer: Answer, toolbox: Toolbox, counts: tuple[int, int]) -> Plan:
    """The plan in a writer's reply, with a number of calls within `counts`.

    Raises SeedRefused: request_too_short, request_too_long, plan_without_call, too_few_calls, too_many_calls,
    plan_calls_unknown_tool, plan_arguments_unreadable. Whether the calls fit and do what is asked is for the checks.
    """
    data = answer.reply.data
    request = data["request"].strip()
    low, high = counts
    if not MIN_REQUEST <= len(request) <= MAX_REQUEST:
        raise refused("request_too_short" if len(request) < MIN_REQUEST else "request_too_long", answer)
    if not low <= len(data["calls"]) <= min(high, MAX_CALLS):
        few = "too_few_calls" if data["calls"] else "plan_without_call"
        raise refused(few if len(data["calls"]) < low else "too_many_calls", answer)
    calls = []
    for call in data["calls"]:
        if call["name"] not in toolbox.names:
            raise refused("plan_calls_unknown_tool", answer)
        calls.append((call["name"], _arguments(call["arguments"], answer)))
    return Plan(request, tuple(calls))


def refused(reason: str, *answers: Answer) -> SeedRefused:
    """A plan that is none, with the replies that it came from."""
    return SeedRefused(reason, keys=[answer.reply.key for answer in answers])


def _arguments(text: str, answer: Answer) -> Mapping[str, JSON]:
    try:
        value = read(text or "{}")
    except NotJson:
        raise refused("plan_arguments_unreadable", answer) from None
    if not isinstance(value, dict):
        raise refused("plan_arguments_unreadable", answer)
    return value


def resolved(value: JSON, results: Sequence[JSON]) -> JSON:
    """The value with every reference replaced by the result that it names. Raises LookupError for a wrong one."""
    if isinstance(value, dict):
        if set(value) == {REFERENCE}:
            number = value[REFERENCE]
            if not isinstance(number, int) or isinstance(number, bool) or not 1 <= number <= len(results):
                raise LookupError(f"no result {number!r}")
            return results[number - 1]
        return {key: resolved(item, results) for key, item in value.items()}
    if isinstance(value, list):
        return [resolved(item, results) for item in value]
    return value


def refers(value: JSON) -> bool:
    """Whether a value holds a reference."""
    if isinstance(value, dict):
        return set(value) == {REFERENCE} or any(map(refers, value.values()))
    return isinstance(value, list) and any(map(refers, value))


def accepted_calls(calls: Sequence[ToolArguments], toolbox: Toolbox) -> str:
    """The gold calls in the form of `ToolCalls.accepted`: what has a default may be left out or given with it."""
    schemas = {tool["function"]["name"]: tool["function"]["parameters"].get("properties", {}) for tool in toolbox.tools}
    accepted = []
    for name, arguments in calls:
        values: dict[str, list[JSON]] = {parameter: [value] for parameter, value in arguments.items()}
        for parameter, schema in schemas[name].items():
            if "default" in schema and arguments.get(parameter, schema["default"]) == schema["default"]:
                values[parameter] = [schema["default"], ""]
        accepted.append({"name": name, "arguments": values})
    return canonical_json(accepted)
