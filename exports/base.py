"""What every export shares: what it is, the columns that say where a row comes from, and how a dialogue is split."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from records.messages import openai_message
from records.schema import read_message

Row = Mapping[str, Any]
"""A row of the RECORDS schema."""

Group = Sequence[Row]
"""All attempts that one seed led to under one recipe, in the order in which the shard holds them."""

RowsOf = Callable[[Group, Set[str]], Iterator[dict[str, Any]]]
"""Makes training rows of a group; the set holds the ids of the records that the dataset keeps."""

TOOL_MESSAGES: pa.DataType = pa.list_(
    pa.struct(
        [
            ("role", pa.string()),
            ("content", pa.string()),
            (
                "tool_calls",
                pa.list_(
                    pa.struct(
                        [
                            ("id", pa.string()),
                            ("type", pa.string()),
                            ("function", pa.struct([("name", pa.string()), ("arguments", pa.string())])),
                        ]
                    )
                ),
            ),
            ("tool_call_id", pa.string()),
            ("name", pa.string()),
        ]
    )
)
MESSAGES: pa.DataType = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))

ORIGIN: list[tuple[str, pa.DataType]] = [
    ("seed_id", pa.string()),
    ("seed_source", pa.string()),
    ("seed_licence", pa.string()),
    ("model", pa.string()),
    ("software", pa.string()),
    ("round", pa.int32()),  # 0 is the first
    ("lineage", pa.string()),  # JSON list: the records of earlier rounds and recipes that the seed comes from
]


@dataclass(frozen=True)
class Export:
    """One kind of training file. Of rows that agree in `unique`, a dataset gets the first only; of rows that agree in
    `capped`, as many as its `PairRules` say."""

    name: str
    about: str  # one sentence for the dataset card
    schema: pa.Schema  # of a dataset without tools; see `with_tools`
    rows_of: RowsOf
    unique: Callable[[Mapping[str, Any]], str] | None = None
    capped: Callable[[Mapping[str, Any]], str] | None = None
    on_request: bool = False  # not part of the dataset that a run leaves; `provender export` writes it


def with_tools(schema: pa.Schema) -> pa.Schema:
    """The schema of a dataset in which some record has tools: OpenAI's messages, and `tools` as JSON text.

    Only such a dataset has these columns: chat templates take a key that is there with null for a message with calls.
    """
    fields = [field.with_type(TOOL_MESSAGES) if field.type == MESSAGES else field for field in schema]
    return pa.schema([*fields, pa.field("tools", pa.string())])


def messages_of(row: Row) -> list[dict[str, Any]]:
    """The stored dialogue in OpenAI's form."""
    return [openai_message(read_message(message)) for message in row["messages"]]


def tools_of(row: Row) -> str | None:
    """The tools as JSON text; none where the dialogue offers none."""
    return row.get("tools") or None


def is_for(row: Row, export: str) -> bool:
    """Whether a record may go into an export: its metadata may name the only ones (`exports`), as for data that holds
    wrong solutions on purpose."""
    if '"exports"' not in row["metadata"]:
        return True
    named = json.loads(row["metadata"]).get("exports")
    return not isinstance(named, list) or export in named


def origin(row: Row) -> dict[str, Any]:
    """The columns of ORIGIN."""
    earlier = {"round": row.get("round") or 0, "lineage": row.get("lineage") or "[]"}  # absent before version 3
    return earlier | {name: row[name] for name, _ in ORIGIN if name not in earlier}


def prompt_and_reply(row: Row) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The dialogue before its last assistant turn, and from that turn on. Without such a turn the reply is empty."""
    messages = messages_of(row)
    turns = [index for index, message in enumerate(messages) if message["role"] == "assistant"]
    cut = turns[-1] if turns else len(messages)
    return messages[:cut], messages[cut:]
