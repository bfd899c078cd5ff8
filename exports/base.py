"""What every export shares: what it is, the columns that say where a row comes from, and how a dialogue is split."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

Row = Mapping[str, Any]
"""A row of the RECORDS schema."""

Group = Sequence[Row]
"""All attempts that one seed led to under one recipe, in the order in which the shard holds them."""

RowsOf = Callable[[Group, Set[str]], Iterator[dict[str, Any]]]
"""Makes training rows of a group; the set holds the ids of the records that the dataset keeps."""

MESSAGES: pa.DataType = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))

ORIGIN: list[tuple[str, pa.DataType]] = [
    ("seed_id", pa.string()),
    ("seed_source", pa.string()),
    ("seed_licence", pa.string()),
    ("model", pa.string()),
    ("software", pa.string()),
]


@dataclass(frozen=True)
class Export:
    """One kind of training file. Of rows that agree in `unique`, a dataset gets the first only."""

    name: str
    about: str  # one sentence for the dataset card
    schema: pa.Schema
    rows_of: RowsOf
    unique: Callable[[Mapping[str, Any]], str] | None = None


def origin(row: Row) -> dict[str, Any]:
    """The columns of ORIGIN."""
    return {name: row[name] for name, _ in ORIGIN}


def prompt_and_reply(row: Row) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """The dialogue before its last assistant turn, and from that turn on. Without such a turn the reply is empty."""
    messages = row["messages"]
    turns = [index for index, message in enumerate(messages) if message["role"] == "assistant"]
    cut = turns[-1] if turns else len(messages)
    return messages[:cut], messages[cut:]
