"""Atomic tables: whole or absent, same rows same bytes."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from records.tables import atomic_file, read_extra, read_rows, sweep_partial, write_table, write_text

SCHEMA = pa.schema([("id", pa.string()), ("n", pa.int64())])


def rows(count: int) -> list[dict[str, object]]:
    return [{"id": f"r{index}", "n": index} for index in range(count)]


def test_rows_come_back_in_order(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "t.parquet"
    write_table(path, SCHEMA, rows(2500), {"note": "hello"})
    assert list(read_rows([path])) == rows(2500)
    assert read_extra(path, "note") == "hello"
    with pytest.raises(KeyError):
        read_extra(path, "absent")


def test_same_rows_same_bytes(tmp_path: Path) -> None:
    write_table(tmp_path / "a.parquet", SCHEMA, rows(10))
    write_table(tmp_path / "b.parquet", SCHEMA, rows(10))
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


def test_a_failed_write_leaves_the_earlier_file(tmp_path: Path) -> None:
    path = tmp_path / "t.txt"
    write_text(path, "first")
    with pytest.raises(RuntimeError), atomic_file(path) as partial:
        partial.write_text("half")
        raise RuntimeError("killed")
    assert path.read_text() == "first"
    assert [file.name for file in tmp_path.iterdir()] == ["t.txt"]


def test_sweep_removes_what_a_killed_writer_left(tmp_path: Path) -> None:
    (tmp_path / "shards").mkdir()
    (tmp_path / "shards" / ".x.parquet.123.partial").write_text("half")
    (tmp_path / "shards" / "x.parquet").write_text("whole")
    sweep_partial(tmp_path)
    assert [file.name for file in (tmp_path / "shards").iterdir()] == ["x.parquet"]


def test_hostile_text_is_stored(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    write_table(path, SCHEMA, [{"id": "lone \ud800 surrogate \0 and nul", "n": 1}])
    [row] = read_rows([path])
    assert row["id"] == "lone ? surrogate \0 and nul"
