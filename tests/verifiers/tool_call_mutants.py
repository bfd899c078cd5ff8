"""Wrong calls made from right ones: every way of being wrong that the call verifier must refuse."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

Call = dict[str, Any]
Mutant = tuple[str, list[Call]]


def gold_calls(accepted: list[Call], tools: list[dict[str, Any]], choice: int = 0) -> list[Call]:
    """The accepted calls with the `choice`-th accepted value of each parameter, the last where there are fewer."""
    known = {tool["name"]: tool["parameters"] for tool in tools}
    return [
        {"name": call["name"], "arguments": _arguments(call["arguments"], known[call["name"]], choice)}
        for call in accepted
    ]


def _arguments(accepted: dict[str, list[Any]], schema: dict[str, Any], choice: int) -> dict[str, Any]:
    arguments = {}
    for name, values in accepted.items():
        given = [value for value in values if value != ""]
        if given and name in schema["properties"]:
            arguments[name] = plain(given[min(choice, len(given) - 1)])
    return arguments


def plain(value: Any) -> Any:
    """An accepted value as a call writes it: objects list accepted values for each key, calls hold one of them."""
    if isinstance(value, dict):
        chosen = {name: [item for item in items if item != ""] for name, items in value.items()}
        return {name: plain(items[0]) for name, items in chosen.items() if items}
    return [plain(item) for item in value] if isinstance(value, list) else value


def mutants(calls: list[Call], accepted: list[Call], tools: list[dict[str, Any]]) -> Iterator[Mutant]:
    """Each mutant with the name of its kind; every argument of every call is mutated in every way that applies.

    A flag for which the gold accepts both values has no wrong value.
    """
    known = {tool["name"]: tool["parameters"] for tool in tools}
    for index, call in enumerate(calls):
        for kind, arguments in _wrong_arguments(call, accepted[index], known[call["name"]]):
            yield kind, _with(calls, index, {"name": call["name"], "arguments": arguments})
        for name in (call["name"] + "_other", *known):
            if name != call["name"]:
                yield "wrong_function", _with(calls, index, {"name": name, "arguments": call["arguments"]})
        yield "dropped_call", calls[:index] + calls[index + 1 :]
        yield "extra_call", [*calls, copy.deepcopy(call)]


def _wrong_arguments(call: Call, accepted: Call, schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    arguments = call["arguments"]
    for name, value in arguments.items():
        if other(value) not in accepted["arguments"][name]:
            yield "wrong_value", arguments | {name: other(value)}
        if schema["properties"][name]["type"] != "any":
            yield "wrong_type", arguments | {name: wrong_type(schema["properties"][name]["type"])}
    for name in schema.get("required", []):
        if name in arguments:
            yield "missing_required", {key: value for key, value in arguments.items() if key != name}
    yield "unknown_argument", arguments | {"zz_unheard_of": 1}


def _with(calls: list[Call], index: int, call: Call) -> list[Call]:
    return [*calls[:index], call, *calls[index + 1 :]]


def other(value: Any) -> Any:
    """Another value of the same type, as different as a near miss may be."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 7919
    if isinstance(value, str):
        return value + "q"
    if isinstance(value, list):
        return [*value[:-1], other(value[-1])] if value else ["q"]
    return {name: other(item) for name, item in value.items()}


def wrong_type(declared: str) -> Any:
    """A value that the declared type refuses."""
    wrong: dict[str, Any] = {
        "string": 271828, "integer": "271828", "float": "2.71828", "number": "2.71828", "boolean": "true",
        "array": "a, b", "tuple": "a, b", "dict": "a: b", "object": "a: b",
    }  # fmt: skip
    return wrong[declared]
