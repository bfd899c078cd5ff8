"""The Croissant metadata: MLCommons' own library takes it without a complaint and reads every row through it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import mlcroissant
import pyarrow.parquet as pq
import pytest

from exports import EXPORTS
from exports.write import write_exports
from tests.exports.stored_rows import FAIL, Answer, row, seed, write_shards
from tests.exports.test_tool_dialogues import dialogue, tool_row
from tests.exports.test_write import FACTS, chain, tree

WHOLE = replace(FACTS, url="https://example.org/data", creator="A team", published="2026-05-01")


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    right = row("r", check=Answer(), seed=seed(8), prompt="How many?")
    wrong = row("w", FAIL, "wrong_answer", check=Answer(), seed=seed(8), prompt="How many?")
    files = write_shards(tmp_path, chain(0) + chain(1), [right, wrong])
    write_exports(files, ["k0", "k1", "r"], tmp_path / "out", list(EXPORTS), WHOLE)
    return tmp_path / "out"


def metadata(dataset: Path) -> dict[str, Any]:
    loaded = json.loads((dataset / "croissant.json").read_text())
    assert isinstance(loaded, dict)
    return loaded


def test_the_library_finds_neither_errors_nor_warnings(dataset: Path) -> None:
    issues = mlcroissant.Dataset(str(dataset / "croissant.json")).metadata.ctx.issues
    assert (issues.errors, issues.warnings) == (set(), set())


def test_every_file_stands_in_it_with_its_checksum(dataset: Path) -> None:
    named = {one["contentUrl"]: one for one in metadata(dataset)["distribution"] if one["@type"] == "cr:FileObject"}
    files = {path.relative_to(dataset).as_posix(): path for path in dataset.rglob("*.parquet")}
    assert named.keys() == files.keys()
    for name, path in files.items():
        assert named[name]["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
        assert named[name]["contentSize"] == f"{path.stat().st_size} B"


@pytest.mark.parametrize("export", ["sft", "preference", "rlvr"])
def test_every_row_is_read_through_it(dataset: Path, export: str) -> None:
    stored = pq.read_table(dataset / export).to_pylist()
    read = list(mlcroissant.Dataset(str(dataset / "croissant.json")).records(export))
    assert [one[f"{export}/id"].decode() for one in read] == [one["id"] for one in stored]
    for one, other in zip(read, stored, strict=True):
        dialogue = "messages" if export == "sft" else "prompt"
        said = one[f"{export}/{dialogue}"]
        assert [turn[f"{export}/{dialogue}/content"].decode() for turn in said] == [
            turn["content"] for turn in other[dialogue]
        ]


def test_every_column_is_a_field_of_its_record_set(dataset: Path) -> None:
    for record_set in metadata(dataset)["recordSet"]:
        columns = pq.read_schema(next((dataset / record_set["name"]).glob("*.parquet"))).names
        assert [one["name"].rpartition("/")[2] for one in record_set["field"]] == columns


def test_dialogues_with_calls_are_read_but_for_the_calls(tmp_path: Path) -> None:
    files = write_shards(tmp_path, [tool_row("a", dialogue('{"a": 2, "b": 2}'))])
    write_exports(files, ["a"], tmp_path / "out", ["sft"], WHOLE)
    [read] = mlcroissant.Dataset(str(tmp_path / "out" / "croissant.json")).records("sft")
    said = [(one["sft/messages/role"], one["sft/messages/name"]) for one in read["sft/messages"]]
    assert said == [(b"user", None), (b"assistant", None), (b"tool", b"add"), (b"assistant", None)]


def identities(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if "@type" in value and "@id" in value:
            yield value["@id"]
        value = [one for name, one in value.items() if name != "@context"]
    for one in value if isinstance(value, list) else ():
        yield from identities(one)


def test_identities_are_unique(dataset: Path) -> None:
    named = list(identities(metadata(dataset)))
    assert len(set(named)) == len(named) > 20


def test_a_rehearsal_says_so_and_a_dataset_without_a_date_has_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        files = write_shards(tmp_path / name, [row("a", model="rehearsal")])
        write_exports(files, ["a"], tmp_path / name / "out", ["sft"], FACTS)
    assert tree(tmp_path / "one" / "out") == tree(tmp_path / "two" / "out")
    made = metadata(tmp_path / "one" / "out")
    assert "rehearsal" in made["keywords"] and "no training data" in made["description"]
    assert "datePublished" not in made


def test_a_folder_with_somebody_elses_metadata_is_not_replaced(tmp_path: Path) -> None:
    files = write_shards(tmp_path, [row("a")])
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "croissant.json").write_text('{"mine": true}')
    with pytest.raises(FileExistsError, match=r"croissant\.json"):
        write_exports(files, ["a"], tmp_path / "out", ["sft"], FACTS)
