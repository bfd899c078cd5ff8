"""The kept dialogues in two forms that older trainers read: ShareGPT and Alpaca. Made on request only.

ShareGPT as LLaMA-Factory documents it: turns `human`, `gpt`, `function_call`, `observation`, with `system` and `tools`
beside them. Alpaca as Stanford's, with `system` and `history` as LLaMA-Factory adds them; it has no form for tools, so
dialogues with tools are not in it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Any

import pyarrow as pa

from exports.base import ORIGIN, Export, Group, messages_of, origin, tools_of
from records.types import canonical_json

_TURNS: pa.DataType = pa.list_(pa.struct([("from", pa.string()), ("value", pa.string())]))
_SPEAKERS = {"user": "human", "assistant": "gpt", "tool": "observation"}

_SHAREGPT_FIELDS: list[tuple[str, pa.DataType]] = [
    ("id", pa.string()),
    ("recipe", pa.string()),
    ("conversations", _TURNS),
    ("system", pa.string()),
    *ORIGIN,
]
_ALPACA_FIELDS: list[tuple[str, pa.DataType]] = [
    ("id", pa.string()),
    ("recipe", pa.string()),
    ("instruction", pa.string()),
    ("input", pa.string()),  # always "": the instruction is whole
    ("output", pa.string()),
    ("system", pa.string()),
    ("history", pa.list_(pa.list_(pa.string()))),  # earlier turns: [user, assistant]
    *ORIGIN,
]


def sharegpt_rows(group: Group, kept: Set[str]) -> Iterator[dict[str, Any]]:
    """One row per kept record."""
    for row in group:
        if row["id"] in kept:
            system, messages = _split(messages_of(row))
            turns = [turn for message in messages for turn in _turns(message)]
            about = {"id": row["id"], "recipe": row["recipe"], "conversations": turns, "system": system}
            yield {**about, **origin(row), "tools": tools_of(row)}


def _turns(message: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    calls = message.get("tool_calls") or ()
    if message.get("content") or not calls:
        yield {"from": _SPEAKERS[message["role"]], "value": message.get("content") or ""}
    if calls:
        made = [_call(call["function"]) for call in calls]
        yield {"from": "function_call", "value": canonical_json(made if len(made) > 1 else made[0])}


def _call(function: Mapping[str, str]) -> dict[str, Any]:
    return {"name": function["name"], "arguments": json.loads(function["arguments"])}


def alpaca_rows(group: Group, kept: Set[str]) -> Iterator[dict[str, Any]]:
    """One row per kept record whose turns are a user's and an assistant's, one after the other."""
    for row in group:
        system, messages = _split(messages_of(row))
        if row["id"] in kept and _alternate(messages):
            texts = [message["content"] for message in messages]
            pairs = [list(pair) for pair in zip(texts[::2], texts[1::2], strict=True)]
            *history, (instruction, output) = pairs
            about = {
                "id": row["id"],
                "recipe": row["recipe"],
                "instruction": instruction,
                "input": "",
                "output": output,
            }
            yield {**about, "system": system, "history": history, **origin(row)}


def _split(messages: Sequence[dict[str, Any]]) -> tuple[str, Sequence[dict[str, Any]]]:
    """The system text, "" where there is none, and the other messages."""
    if messages and messages[0]["role"] == "system":
        return str(messages[0]["content"]), messages[1:]
    return "", messages


def _alternate(messages: Sequence[Mapping[str, Any]]) -> bool:
    roles = [message["role"] for message in messages]
    return (
        bool(roles)
        and roles == ["user", "assistant"] * (len(roles) // 2)
        and not any(message.get("tool_calls") for message in messages)
    )


SHAREGPT = Export(
    "sharegpt",
    "the dialogues of `sft` in ShareGPT's form",
    pa.schema(_SHAREGPT_FIELDS),
    sharegpt_rows,
    on_request=True,
)
ALPACA = Export(
    "alpaca",
    "the dialogues of `sft` without tools in Alpaca's form",
    pa.schema(_ALPACA_FIELDS),
    alpaca_rows,
    on_request=True,
)
