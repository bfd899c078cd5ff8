"""Writes the mix of a dataset: one pass to count groups, then one per epoch, so that no row's text stays in memory."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from curation.dataset_rows import Chunk, dataset_files, dataset_schema, read_chunks
from curation.errors import CurationError
from curation.mix import GroupShare, Mix, allocate, choose, group_of, table
from curation.row_hash import row_hash
from records.tables import atomic_file

EPOCH = "epoch"
"""Column that tells in which pass over its group a row of the result stands, from 0 (W2)."""


@dataclass(frozen=True)
class Mixed:
    """The result: its file, the table, and the rows of groups without a weight (left out) by group."""

    file: Path
    table: tuple[GroupShare, ...]
    left_out: Mapping[str, int]

    def text(self) -> str:
        """For a terminal."""
        lines = [f"{'group':<28} {'available':>9} {'target':>7} {'rows':>9} {'share':>7} {'epochs':>7}"]
        for line in self.table:
            lines.append(
                f"{line.group:<28} {line.available:>9} {line.weight:>7.1%} {line.rows:>9} {line.share:>7.1%} "
                f"{line.epochs:>7.2f}"
            )
        lines += [f"{name:<28} {count:>9} left out: it has no weight" for name, count in sorted(self.left_out.items())]
        return "\n".join(lines)


def mix_dataset(dataset: Path, out: Path, mix: Mix) -> Mixed:
    """Write `mixed.parquet` (or `.jsonl`) to `out`, with a column `epoch`. Raises CurationError, OSError."""
    files = dataset_files(dataset)
    schema = dataset_schema(files)
    if schema is not None and EPOCH in schema.names:
        raise CurationError(files[0], None, f"has a column `{EPOCH}` already, which tells of repeats; rename it")
    keys: defaultdict[str, dict[int, bytes]] = defaultdict(dict)
    for number, row in enumerate(row for chunk in read_chunks(files) for row in chunk.rows):
        keys[group_of(row.values, mix.by) or ""][number] = row_hash(row)
    available = {name: len(own) for name, own in keys.items()}
    if not available.keys() & mix.weights.keys():
        raise CurationError(files[0], None, f"no row has a group of the mix in `{mix.by}`; check `by` and the weights")
    rows = allocate(mix, available)
    times: dict[int, int] = {}
    for name, wanted in rows.items():
        times |= choose(wanted, keys.get(name, {}), mix.seed)
    file = out / ("mixed.jsonl" if schema is None else "mixed.parquet")
    with atomic_file(file) as partial:
        _write(partial, schema, files, times)
    left_out = {name or "(none)": count for name, count in available.items() if name not in mix.weights}
    return Mixed(file, tuple(table(mix, available, rows)), left_out)


def _write(path: Path, schema: pa.Schema | None, files: list[Path], times: Mapping[int, int]) -> None:
    passes = range(max(times.values(), default=0))
    if schema is None:
        with path.open("wb") as lines:
            for epoch in passes:
                for chunk, mask in _chosen(files, times, epoch):
                    lines.writelines(_marked(chunk, mask, epoch))
        return
    with pq.ParquetWriter(path, schema.append(pa.field(EPOCH, pa.int32())), compression="zstd") as writer:
        for epoch in passes:
            for chunk, mask in _chosen(files, times, epoch):
                assert isinstance(chunk.stored, pa.RecordBatch)
                kept = chunk.stored.filter(pa.array(mask, pa.bool_()))
                column = pa.array([epoch] * kept.num_rows, pa.int32())
                writer.write_batch(kept.append_column(pa.field(EPOCH, pa.int32()), column))


def _chosen(files: list[Path], times: Mapping[int, int], epoch: int) -> Iterator[tuple[Chunk, list[bool]]]:
    number = 0
    for chunk in read_chunks(files):
        mask = [times.get(number + at, 0) > epoch for at in range(len(chunk.rows))]
        number += len(chunk.rows)
        yield chunk, mask


def _marked(chunk: Chunk, mask: list[bool], epoch: int) -> Iterator[bytes]:
    for row, kept in zip(chunk.rows, mask, strict=True):
        if kept:
            yield json.dumps({**row.values, EPOCH: epoch}, ensure_ascii=False).encode() + b"\n"
