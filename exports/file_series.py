"""A dataset split over numbered Parquet files, whose number is known only when the last row is written."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from records.tables import ROWS_PER_GROUP, sync_file

ROWS_PER_FILE = 50_000
TRAIN, TEST = "train", "test"


class FileSeries:
    """Writes rows to `part-<split>-*.parquet` in `folder`; `close` gives the files their names. Same rows, same bytes.

    The folder must not be in a reader's sight until `close` has returned. Raises OSError (disk full, no permission).
    """

    def __init__(self, folder: Path, schema: pa.Schema, rows_per_file: int = ROWS_PER_FILE, split: str = TRAIN) -> None:
        self.rows = 0
        self.split = split
        self._folder = folder
        self.schema = schema
        self._rows_per_file = rows_per_file
        self._parts: list[Path] = []
        self._buffer: list[Mapping[str, Any]] = []
        self._writer: pq.ParquetWriter | None = None
        self._rows_in_file = 0

    def write(self, row: Mapping[str, Any]) -> None:
        """Take one row of the schema."""
        self._buffer.append(row)
        self.rows += 1
        room = self._rows_per_file - self._rows_in_file
        if len(self._buffer) >= min(ROWS_PER_GROUP, room):
            self._flush()

    def close(self, keep_empty: bool = False) -> None:
        """End the last file and name all files. A series without a row leaves nothing, or one empty file on request."""
        if self._buffer or (keep_empty and not self._parts):
            self._flush()
        self.abort()
        for number, part in enumerate(self._parts):
            sync_file(part)
            part.rename(part.with_name(f"{self.split}-{number:05d}-of-{len(self._parts):05d}.parquet"))
        if self._parts:
            sync_file(self._folder)

    @property
    def exists(self) -> bool:
        """There is at least one file."""
        return bool(self._parts)

    def abort(self) -> None:
        """Let go of the open file, if any, whatever it holds."""
        if self._writer is not None:
            writer, self._writer = self._writer, None
            writer.close()

    def _flush(self) -> None:
        if self._writer is None:
            self._writer = self._next_file()
        if self._buffer:  # an empty row group is more than the readers of Hugging Face `datasets` 5.2 can take
            self._writer.write_table(pa.Table.from_pylist(self._buffer, schema=self.schema))
        self._rows_in_file += len(self._buffer)
        self._buffer = []
        if self._rows_in_file >= self._rows_per_file:
            self.abort()

    def _next_file(self) -> pq.ParquetWriter:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._parts.append(self._folder / f"part-{self.split}-{len(self._parts):05d}.parquet")
        self._rows_in_file = 0
        return pq.ParquetWriter(self._parts[-1], self.schema, compression="zstd")
