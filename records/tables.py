"""Atomic Parquet files: written under a partial name, synced, renamed. A final name that exists is done."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

ROWS_PER_GROUP = 1000


def write_table(
    path: Path, schema: pa.Schema, rows: Sequence[Mapping[str, Any]], extra: Mapping[str, str] | None = None
) -> None:
    """Write `rows` as zstd Parquet, atomically: after a crash the file is whole or absent. Same rows, same bytes.

    `extra` joins the schema's file-level metadata. Raises OSError (disk full, no permission); nothing is left then.
    """
    metadata = {**(schema.metadata or {}), **{key.encode(): value.encode() for key, value in (extra or {}).items()}}
    schema = schema.with_metadata(metadata)
    try:
        table = pa.Table.from_pylist(rows, schema=schema)
    except UnicodeEncodeError:
        table = pa.Table.from_pylist([_writable(row) for row in rows], schema=schema)
    with atomic_file(path) as partial:
        pq.write_table(table, partial, compression="zstd", row_group_size=ROWS_PER_GROUP)


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Hand out a partial name; on success sync it and rename it to `path`, on any error remove it."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield partial
        sync_file(partial)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    sync_file(path.parent)


def sync_file(path: Path) -> None:
    """Return when a file, or a folder's list of names, is on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically."""
    with atomic_file(path) as partial:
        partial.write_text(text, encoding="utf-8")


def read_rows(paths: Iterable[Path], columns: Sequence[str] | None = None) -> Iterator[dict[str, Any]]:
    """All rows of the files, in order, or some columns of them.

    Without `pre_buffer=False` pyarrow would hold a whole file in memory.
    """
    for path in paths:
        with pq.ParquetFile(path, pre_buffer=False) as file:
            for batch in file.iter_batches(batch_size=ROWS_PER_GROUP, columns=None if columns is None else [*columns]):
                yield from batch.to_pylist()


def read_extra(path: Path, key: str) -> str:
    """One value of the file-level metadata. Raises KeyError where it is absent."""
    metadata = pq.read_schema(path).metadata or {}
    return metadata[key.encode()].decode()


def sweep_partial(folder: Path) -> None:
    """Remove what a killed writer left half-written. Only for the one process that holds the run's lock."""
    for partial in folder.rglob(".*.partial"):
        partial.unlink(missing_ok=True)


def _writable(value: Any) -> Any:
    """Text with lone surrogates cannot be stored as UTF-8: they become U+FFFD, like any other undecodable text."""
    if isinstance(value, str):
        return value if _is_utf8(value) else value.encode("utf-8", "replace").decode("utf-8", "replace")
    if isinstance(value, Mapping):
        return {key: _writable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_writable(item) for item in value]
    return value


def _is_utf8(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
