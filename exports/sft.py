"""Supervised fine-tuning: the whole dialogue of every kept record, with where it comes from."""

from __future__ import annotations

from collections.abc import Iterator, Set
from typing import Any

import pyarrow as pa

from exports.base import MESSAGES, ORIGIN, Export, Group, Row, is_for, messages_of, origin, tools_of
from exports.measures import with_measures

_PROMPTS: pa.DataType = pa.list_(pa.struct([("name", pa.string()), ("sha256", pa.string())]))

_FIELDS: list[tuple[str, pa.DataType]] = [
    ("id", pa.string()),
    ("recipe", pa.string()),
    ("messages", MESSAGES),
    ("metadata", pa.string()),  # JSON object: what the recipe says about the example, and what was measured of it
    ("attempts", pa.int32()),  # 1 = accepted at once
    ("prompts", _PROMPTS),  # prompt files that the model was asked with
    *ORIGIN,
]


def rows_of(group: Group, kept: Set[str]) -> Iterator[dict[str, Any]]:
    """One row per kept record."""
    for row in group:
        if row["id"] in kept and is_for(row, "sft"):
            yield {
                "id": row["id"],
                "recipe": row["recipe"],
                "messages": messages_of(row),
                "tools": tools_of(row),
                "metadata": with_measures(row),
                "attempts": row["attempt"] + 1,
                "prompts": _prompts(row),
                **origin(row),
            }


def _prompts(row: Row) -> list[dict[str, str]]:
    used = sorted({(call["prompt"], call["prompt_sha256"]) for call in row["calls"]})
    return [{"name": name, "sha256": sha256} for name, sha256 in used]


SFT = Export("sft", "dialogues for supervised fine-tuning, one per kept record", pa.schema(_FIELDS), rows_of)
