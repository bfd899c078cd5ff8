"""What curation writes: rows as they were, in the dataset's own format, and the drops; all or nothing of each file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from curation.dataset_rows import Chunk
from curation.errors import CurationError
from records.schema import DROPS, drop_row
from records.tables import ROWS_PER_GROUP, atomic_file
from records.types import Drop

LABELS = "labels"
"""Column with what models said of a row, a JSON object; text in Parquet."""

Labels = Sequence[str | None]
"""The labels of the rows of a chunk, as JSON text; None for a row that was not asked about."""


class Drops:
    """Writes drops a row group at a time and counts nothing: that is the accounts' part."""

    def __init__(self, writer: pq.ParquetWriter) -> None:
        self._writer = writer
        self._waiting: list[dict[str, str]] = []

    def add(self, drop: Drop) -> None:
        """Write one, sooner or later."""
        self._waiting.append(drop_row(drop))
        if len(self._waiting) == ROWS_PER_GROUP:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        self._writer.write_table(pa.Table.from_pylist(self._waiting, schema=DROPS))
        self._waiting = []


@contextmanager
def drops_file(path: Path) -> Iterator[Drops]:
    """The file of drops, under its name when the block is left well."""
    with atomic_file(path) as partial, pq.ParquetWriter(partial, DROPS, compression="zstd") as writer:
        drops = Drops(writer)
        yield drops
        drops.flush()


@dataclass(frozen=True)
class RowFile:
    """A file of rows while it is written."""

    path: Path
    labelled: bool
    _parquet: pq.ParquetWriter | None
    _lines: BinaryIO | None

    def write(self, chunk: Chunk, mask: Sequence[bool], labels: Labels) -> None:
        """Write the rows of a chunk that the mask names."""
        if self._parquet is not None and isinstance(chunk.stored, pa.RecordBatch):
            batch = chunk.stored
            if self.labelled:
                batch = batch.append_column(LABELS, pa.array(labels, pa.string()))
            self._parquet.write_batch(batch.filter(pa.array(mask, pa.bool_())))
        elif self._lines is not None and not isinstance(chunk.stored, pa.RecordBatch):
            for at, kept in enumerate(mask):
                if kept:
                    self._lines.write(self._line(chunk, at, labels) + b"\n")

    def _line(self, chunk: Chunk, at: int, labels: Labels) -> bytes:
        if not self.labelled:
            assert not isinstance(chunk.stored, pa.RecordBatch)
            return chunk.stored[at]
        said = json.loads(labels[at] or "null")
        return json.dumps({**chunk.rows[at].values, LABELS: said}, ensure_ascii=False).encode("utf-8", "replace")


@contextmanager
def row_file(stem: Path, schema: pa.Schema | None, labelled: bool) -> Iterator[RowFile]:
    """A file `<stem>.parquet` by the schema, or `<stem>.jsonl` without one; with a column of labels where asked for."""
    path = stem.with_suffix(".jsonl" if schema is None else ".parquet")
    with atomic_file(path) as partial:
        if schema is None:
            with partial.open("wb") as lines:
                yield RowFile(path, labelled, None, lines)
            return
        columns = schema.append(pa.field(LABELS, pa.string())) if labelled else schema
        with pq.ParquetWriter(partial, columns, compression="zstd") as writer:
            yield RowFile(path, labelled, writer, None)


def require_room_for_labels(file: Path, schema: pa.Schema | None) -> None:
    """Raises CurationError where a column stands in the place of the labels."""
    if schema is not None and LABELS in schema.names:
        raise CurationError(file, None, f"has a column `{LABELS}` already; rename it, or curate it without labels")
