"""Hand-made tool dialogues over real functions, for the tests of the gates."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from records.types import Candidate, Check, Message, MessageCall, Seed
from sandbox import open_sandbox
from verifiers.base import Resources
from verifiers.toolbox.box import Toolbox, definition, encoded
from verifiers.workers import ProcessPool

NUMBER = {"type": "number"}
WRITES_STATE = """
def add_item(db, name: str, count: int):
    if count < 1:
        raise ValueError("count must be at least 1")
    db.execute("insert into items values (?, ?)", (name, count))
    return {"name": name, "count": count}


def get_items(db):
    return [dict(row) for row in db.execute("select * from items order by name")]
"""


def binding(module: str, path: str, **changes: Any) -> dict[str, Any]:
    plain = {"new": [], "new_named": [], "positional": [], "star": "", "construct": False, "value": "", "bytes": []}
    return {"module": module, "path": path, **plain, **changes}


def tool(name: str, /, **properties: Any) -> dict[str, Any]:
    required = [key for key, schema in properties.items() if "default" not in schema]
    schema = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    return definition(name, f"The tool {name}.", schema)


MATH = Toolbox(
    (
        tool("math_gcd", integers={"type": "array", "items": {"type": "integer"}}),
        tool("math_sqrt", x=NUMBER),
        tool("str_upper", value={"type": "string"}),
        tool("round", number=NUMBER, ndigits={"type": "integer", "default": 0}),
        tool("str_isalpha", value={"type": "string"}),
    ),
    {
        "math_gcd": binding("math", "gcd", star="integers"),
        "math_sqrt": binding("math", "sqrt", positional=["x"]),
        "str_upper": binding("builtins", "str.upper", value="str", new=["value"]),
        "round": binding("builtins", "round"),
        "str_isalpha": binding("builtins", "str.isalpha", value="str", new=["value"]),
    },
)
SHOP = Toolbox(
    (tool("add_item", name={"type": "string"}, count={"type": "integer"}), tool("get_items")),
    {name: {"module": "shop", "path": name, "database": True} for name in ("add_item", "get_items")},
    {"shop.py": encoded(WRITES_STATE.encode())},
    "create table items (name text, count integer); insert into items values ('pen', 2);",
)

Step = tuple[str, Mapping[str, Any], str]
"""A call and the text of its result."""


def dialogue(request: str, steps: Sequence[Sequence[Step]], answer: str) -> tuple[Message, ...]:
    """A user's request, turns of calls with their results, and the answer."""
    messages = [Message("user", request)]
    for turn, calls in enumerate(steps):
        made = [
            MessageCall(f"c{turn}_{n}", name, json.dumps(arguments)) for n, (name, arguments, _) in enumerate(calls)
        ]
        messages.append(Message("assistant", "", tuple(made)))
        messages += [
            Message("tool", text, (), call.id, call.name) for call, (_, _, text) in zip(made, calls, strict=True)
        ]
    return (*messages, Message("assistant", answer))


def candidate(messages: Sequence[Message], check: Check | None = None, box: Toolbox = MATH, **parts: str) -> Candidate:
    seed = Seed("s", "", "test", "MIT")
    checks = () if check is None else (check,)
    return Candidate("a", "a", seed, "tool_use/test", tuple(messages), parts, checks, (), tools=box.tools_json)


async def open_resources() -> AsyncIterator[Resources]:
    sandbox, workers = open_sandbox(slots=1), ProcessPool(1)
    yield Resources(sandbox, workers)
    await workers.aclose()
    await sandbox.aclose()


GCD: Step = ("math_gcd", {"integers": [84, 126]}, "42")
GOOD = dialogue("What is the gcd of 84 and 126?", [[GCD]], "It is 42.")
