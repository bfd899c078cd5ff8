"""Reads a run's shards for people: the records of chosen chains, and what a stored verdict says."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from records.tables import ROWS_PER_GROUP
from records.types import canonical_json

Row = Mapping[str, Any]
"""A row of the RECORDS schema, or some columns of it."""


def shard_files(run_root: Path) -> list[Path]:
    """The finished shards of a run, in order; empty where there are none."""
    return sorted((run_root / "shards").glob("*.parquet"))


def scan(files: Sequence[Path], columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Some columns of all rows, in order, a row group in memory at a time."""
    for file in files:
        with pq.ParquetFile(file) as shard:
            for batch in shard.iter_batches(batch_size=ROWS_PER_GROUP, columns=list(columns)):
                yield from batch.to_pylist()


def matching(files: Sequence[Path], column: str, values: Collection[str]) -> Iterator[dict[str, Any]]:
    """The whole rows whose `column` is one of the values, in order. Only they are decoded."""
    wanted = pa.array(sorted(values), pa.string())
    for file in files:
        with pq.ParquetFile(file) as shard:
            for batch in shard.iter_batches(batch_size=ROWS_PER_GROUP):
                yield from batch.filter(pc.is_in(batch[column], value_set=wanted)).to_pylist()


def load_chains(files: Sequence[Path], chain_ids: Collection[str]) -> dict[str, list[dict[str, Any]]]:
    """All attempts of the chains, oldest first; a chain that no shard holds is absent."""
    chains: dict[str, list[dict[str, Any]]] = {}
    for row in matching(files, "chain_id", chain_ids):
        chains.setdefault(row["chain_id"], []).append(row)
    return chains


def said(message: Row) -> str:
    """The text of a message, and the calls that it makes."""
    calls = [f"{call['name']}({call['arguments']})" for call in message.get("tool_calls") or ()]
    return "\n".join([message["content"], *calls] if message["content"] else calls)


def reply_of(messages: Sequence[Row]) -> str:
    """The last assistant turn with its calls, "" where there is none."""
    return next((said(one) for one in reversed(messages) if one["role"] == "assistant"), "")


def json_items(text: str) -> list[tuple[str, str]]:
    """A stored JSON object as names and values to show: text as it is, anything else as JSON."""
    values = json.loads(text)
    return [(name, value if isinstance(value, str) else canonical_json(value)) for name, value in values.items()]
