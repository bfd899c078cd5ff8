"""What tests compare of two run folders."""

from __future__ import annotations

from pathlib import Path

from served_model.journal import read_journal


def data_files(out: Path) -> dict[str, bytes]:
    """Everything that must be the same byte for byte: shards, seeds, drops and the dataset."""
    files = [*out.glob("shards/*.parquet"), *out.glob("seeds/*.parquet"), *out.glob("drops/*/*.parquet")]
    files += [*out.glob("dataset/**/*.parquet"), out / "drops.parquet"]
    return {str(file.relative_to(out)): file.read_bytes() for file in files}


def journaled(out: Path) -> set[str]:
    """Keys of the replies that are on disk."""
    return {line["key"] for path in out.glob("journal/*.jsonl") for line in read_journal(path) if "event" not in line}
