"""The dataset folder: names, bytes, the swap, what is refused, and that readers can load it."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from exports import EXPORTS, file_series
from exports.dataset_card import CardFacts
from exports.file_series import FileSeries
from exports.swap import replacing
from exports.write import ExportError, write_exports
from tests.exports.stored_rows import FAIL, UNJUDGED, Answer, row, seed, write_shards

FACTS = CardFacts("nightly", "0123456789ab", "small-model")
NAMES = ("sft", "preference", "rlvr")
CARD_TEXT = "---\npretty_name: old\ntags:\n- provender\n---\n"


def chain(number: int, licence: str = "MIT") -> list[dict[str, object]]:
    """A failed attempt and the kept one, of a seed and a prompt of their own."""
    own = {"chain": f"c{number}", "seed": seed(number, licence=licence), "prompt": f"Task {number}."}
    return [row(f"f{number}", FAIL, "failed_assertion", final=False, **own), row(f"k{number}", attempt=1, **own)]


def written(
    root: Path, shards: Sequence[Sequence[dict[str, object]]], kept: Sequence[str]
) -> tuple[Path, dict[str, int]]:
    files = write_shards(root, *shards)
    return root / "dataset", write_exports(files, kept, root / "dataset", NAMES, FACTS)


def tree(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def front_matter(card: Path) -> dict[str, object]:
    loaded = yaml.safe_load(card.read_text().split("---\n")[1])
    assert isinstance(loaded, dict)
    return loaded


def test_every_export_is_written_with_its_schema_and_counted(tmp_path: Path) -> None:
    dataset, counts = written(tmp_path, [chain(0) + chain(1), chain(2)], ["k0", "k2"])
    assert {name: rows for name, rows in counts.items() if rows} == {"sft": 2, "preference": 2, "rlvr": 2}
    files = {f"{name}/train-00000-of-00001.parquet" for name in NAMES}
    assert set(tree(dataset)) == {"README.md", "croissant.json", *files}
    for name in NAMES:
        table = pq.read_table(dataset / name / "train-00000-of-00001.parquet")
        assert table.schema.equals(EXPORTS[name].schema)
        assert set(table["model"].to_pylist()) == {"small-model"}
    kept = pq.read_table(dataset / "sft" / "train-00000-of-00001.parquet")["id"].to_pylist()
    assert kept == ["k0", "k2"]


def test_same_input_same_bytes_and_a_rerun_replaces_the_old(tmp_path: Path) -> None:
    shards = [chain(0) + chain(1)]
    dataset, _ = written(tmp_path / "one", shards, ["k0", "k1"])
    first = tree(dataset)
    assert tree(written(tmp_path / "two", shards, ["k1", "k0"])[0]) == first
    assert tree(written(tmp_path / "one", shards, ["k0"])[0]) != first
    assert tree(written(tmp_path / "one", shards, ["k0", "k1"])[0]) == first
    assert {path.name for path in (tmp_path / "one").iterdir()} == {"dataset", "shards"}


def test_one_prompt_stands_in_rlvr_once_whatever_seed_it_came_from(tmp_path: Path) -> None:
    own = {"check": Answer(), "prompt": "The same question?"}
    rows = [row(f"k{number}", seed=seed(number), **own) for number in range(3)]
    dataset, counts = written(tmp_path, [rows[:2], rows[2:]], ["k0", "k1", "k2"])
    assert counts == {"sft": 3, "preference": 0, "rlvr": 1}
    assert not (dataset / "preference").exists()
    configs = front_matter(dataset / "README.md")["configs"]
    assert isinstance(configs, list)
    assert [one["config_name"] for one in configs] == ["sft", "rlvr"]


@pytest.mark.parametrize("shards", [[], [[]], [chain(0)]])
def test_an_empty_dataset_still_loads(tmp_path: Path, shards: list[list[dict[str, object]]]) -> None:
    dataset, counts = written(tmp_path, shards, [])
    assert set(counts.values()) == {0}
    assert set(tree(dataset)) == {"README.md", "croissant.json", "sft/train-00000-of-00001.parquet"}
    assert pq.read_table(dataset / "sft").schema.equals(EXPORTS["sft"].schema)
    file = pq.ParquetFile(dataset / "sft" / "train-00000-of-00001.parquet")
    assert file.num_row_groups == 0  # `datasets` takes the size of the first row group as its batch size


def test_only_what_was_asked_for_is_written(tmp_path: Path) -> None:
    files = write_shards(tmp_path, chain(0))
    assert write_exports(files, ["k0"], tmp_path / "out", ["rlvr"], FACTS) == {"rlvr": 1}
    assert set(tree(tmp_path / "out")) == {"README.md", "croissant.json", "rlvr/train-00000-of-00001.parquet"}
    with pytest.raises(KeyError, match="parquet-of-dreams"):
        write_exports(files, ["k0"], tmp_path / "out", ["parquet-of-dreams"], FACTS)


REFUSED = {
    "a kept record that no shard holds": (chain(0), ["k0", "lost"], "lost"),
    "a failed record": ([row("bad", FAIL, "failed_assertion")], ["bad"], "outcome is fail"),
    "an unjudged record": ([row("bad", UNJUDGED, "sandbox_error")], ["bad"], "outcome is unjudged"),
    "an attempt that is not final": ([row("bad", final=False)], ["bad"], "final: False"),
    "a record twice": ([row("bad"), row("bad")], ["bad"], "twice"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_dataset_with_anything_unproven_is_refused_and_the_old_one_stays(tmp_path: Path, case: str) -> None:
    dataset, _ = written(tmp_path, [chain(5)], ["k5"])
    before = tree(dataset)
    rows, kept, message = REFUSED[case]
    with pytest.raises(ExportError, match=message):
        written(tmp_path, [rows], kept)
    assert tree(dataset) == before
    assert {path.name for path in tmp_path.iterdir()} == {"dataset", "shards"}


@pytest.mark.parametrize("foreign", ["thesis.tex", "sft/notes.txt", "photos/cat.jpg", "README.md"])
def test_a_folder_that_holds_something_else_is_not_replaced(tmp_path: Path, foreign: str) -> None:
    mine = tmp_path / "dataset" / foreign
    mine.parent.mkdir(parents=True)
    mine.write_text("years of work")
    with pytest.raises(FileExistsError, match="take another folder"):
        written(tmp_path, [chain(0)], ["k0"])
    assert mine.read_text() == "years of work"


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "dataset").write_text("a file")
    with pytest.raises(FileExistsError, match="is a file"):
        written(tmp_path, [chain(0)], ["k0"])


def test_a_damaged_shard_leaves_the_old_dataset_whole(tmp_path: Path) -> None:
    dataset, _ = written(tmp_path, [chain(0)], ["k0"])
    before = tree(dataset)
    damaged = tmp_path / "shards" / "recipe-00001.parquet"
    damaged.write_bytes(b"PAR1 no longer")
    with pytest.raises((OSError, ValueError)):
        write_exports([tmp_path / "shards" / "recipe-00000.parquet", damaged], ["k0"], dataset, NAMES, FACTS)
    assert tree(dataset) == before
    assert not list(tmp_path.glob(".*"))


def test_what_a_killed_writer_left_is_mended(tmp_path: Path) -> None:
    (tmp_path / ".dataset.previous").mkdir()
    (tmp_path / ".dataset.previous" / "README.md").write_text(CARD_TEXT)
    (tmp_path / ".dataset.building" / "sft").mkdir(parents=True)
    with pytest.raises(RuntimeError, match="again"), replacing(tmp_path / "dataset", NAMES):
        raise RuntimeError("killed again")
    assert tree(tmp_path) == {"dataset/README.md": hashlib.sha256(CARD_TEXT.encode()).hexdigest()}


@given(rows=st.integers(0, 25), per_file=st.integers(1, 9))
def test_rows_are_split_over_files_that_know_their_number(
    tmp_path_factory: pytest.TempPathFactory, rows: int, per_file: int
) -> None:
    folder = tmp_path_factory.mktemp("series") / "sft"
    schema = EXPORTS["sft"].schema
    series = FileSeries(folder, schema, per_file)
    for number in range(rows):
        series.write(dict.fromkeys(schema.names) | {"id": str(number)})
    series.close()
    files = sorted(folder.glob("*")) if rows else []
    assert series.rows == rows
    assert series.exists == folder.exists() == bool(rows)
    assert [file.name for file in files] == [
        f"train-{number:05d}-of-{len(files):05d}.parquet" for number in range(-(-rows // per_file))
    ]
    read = [pq.read_table(file)["id"].to_pylist() for file in files]
    assert [one for part in read for one in part] == [str(number) for number in range(rows)]
    assert all(len(part) <= per_file for part in read)


def test_files_hold_at_most_fifty_thousand_rows() -> None:
    assert file_series.ROWS_PER_FILE == 50_000


def test_a_card_for_the_folder_above_names_the_files_from_there(tmp_path: Path) -> None:
    files = write_shards(tmp_path, chain(0))
    write_exports(files, ["k0"], tmp_path / "dataset", NAMES, replace(FACTS, root=tmp_path))
    for card, prefix in ((tmp_path / "dataset" / "README.md", ""), (tmp_path / "README.md", "dataset/")):
        configs = front_matter(card)["configs"]
        assert isinstance(configs, list)
        paths = [config["data_files"][0]["path"] for config in configs]
        assert paths == [f"{prefix}{name}/train-*.parquet" for name in NAMES]
        assert all(list(card.parent.glob(path)) for path in paths)


def test_a_readme_of_the_user_is_not_overwritten_by_the_card_above(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("# My project")
    files = write_shards(tmp_path, chain(0))
    with pytest.raises(FileExistsError, match="would be lost"):
        write_exports(files, ["k0"], tmp_path / "dataset", NAMES, replace(FACTS, root=tmp_path))
    assert (tmp_path / "README.md").read_text() == "# My project"
    assert not (tmp_path / "dataset").exists()


LOAD = """
import json, sys
from datasets import load_dataset
out = {}
for folder in sys.argv[2:]:
    for name in ("sft", "preference", "rlvr", "sharegpt", "alpaca"):
        rows = load_dataset(folder, name, split="train", cache_dir=sys.argv[1])
        out[folder.rpartition("/")[2] + " " + name] = [rows.num_rows, sorted(rows.column_names)]
print(json.dumps(out))
"""


def test_the_datasets_library_loads_every_config(tmp_path: Path) -> None:
    files = write_shards(tmp_path / "run", chain(0) + chain(1))
    dataset = tmp_path / "run" / "dataset"
    write_exports(files, ["k0", "k1"], dataset, (*NAMES, "sharegpt", "alpaca"), replace(FACTS, root=tmp_path / "run"))
    command = [sys.executable, "-c", LOAD, str(tmp_path / "cache"), str(dataset), str(tmp_path / "run")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={"HF_HUB_OFFLINE": "1"})
    loaded = json.loads(done.stdout)
    assert len(loaded) == 10
    for key, (rows, columns) in loaded.items():
        assert rows == 2
        assert columns == sorted(EXPORTS[key.split()[1]].schema.names)
