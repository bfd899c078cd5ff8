"""Curation end to end: one planted row of each kind is dropped with its reason, the rest comes out as it went in."""

from __future__ import annotations

import datetime
import hashlib
import json
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.curate import CurateResult, curate
from curation.errors import CurationError
from curation.options import CurateOptions

BENCHMARK = " ".join(f"bench{number}" for number in range(20))


def prose(seed: int, count: int = 80) -> str:
    rng = random.Random(seed)
    return " ".join(f"w{rng.randrange(10**6)}" for _ in range(count))


def chat(name: str, answer: str, prompt: str = "") -> dict[str, Any]:
    asked = {"role": "user", "content": prompt or f"Please write {name}"}
    return {"id": name, "recipe": "r", "messages": [asked, {"role": "assistant", "content": answer}], "n": len(answer)}


def planted() -> list[dict[str, Any]]:
    same, near = prose(1), prose(2)
    return [
        chat("good", prose(0)),
        chat("exact_a", same, "same"),
        chat("exact_b", same.replace(" ", "  \n"), " same "),
        chat("near_a", near, "near"),
        chat("near_b", near + " tail", "near"),
        chat("repeats", "again and again " * 30),
        chat("bench", "fine", f"Solve this: {BENCHMARK[: len(BENCHMARK) - 20]}"),
        chat("last", prose(3)),
    ]


def save(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        schema = pa.Table.from_pylist(planted()).schema.with_metadata({"kept": "yes"})
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def benchmark_file(tmp_path: Path) -> Path:
    path = tmp_path / "bench.jsonl"
    path.write_text(json.dumps({"task_id": "B/1", "prompt": BENCHMARK}) + "\n")
    return path


def kept_rows(result: CurateResult) -> list[dict[str, Any]]:
    if result.kept.suffix == ".parquet":
        return pq.read_table(result.kept).to_pylist()
    return [json.loads(line) for line in result.kept.read_text().splitlines()]


def drop_rows(result: CurateResult) -> dict[str, tuple[str, str, dict[str, Any]]]:
    rows = pq.read_table(result.drops).to_pylist()
    return {row["id"]: (row["stage"], row["reason"], json.loads(row["evidence"])) for row in rows}


@pytest.mark.parametrize("suffix", [".parquet", ".jsonl"])
def test_one_of_each_kind(tmp_path: Path, benchmark_file: Path, suffix: str) -> None:
    rows = planted()
    result = curate(save(tmp_path / f"data{suffix}", rows), tmp_path / "out", [benchmark_file])
    kept, drops = kept_rows(result), drop_rows(result)
    names = [row["id"] for row in kept]
    assert kept == [row for row in rows if row["id"] in names]  # unchanged, in order
    [exact] = {"exact_a", "exact_b"} & drops.keys()
    [near] = {"near_a", "near_b"} & drops.keys()
    assert drops.keys() == {exact, near, "repeats", "bench"}
    assert len(kept) + len(drops) == len(rows)
    other = {"exact_a": "exact_b", "exact_b": "exact_a", "near_a": "near_b", "near_b": "near_a"}
    assert drops[exact] == ("exact_duplicates", "exact_duplicate", {"duplicate_of": other[exact]})
    assert drops[near] == ("near_duplicates", "near_duplicate", {"duplicate_of": other[near]})
    assert drops["repeats"][:2] == ("repetition", "top_2_gram")
    assert drops["bench"][:2] == ("contamination", "ngram_overlap")
    assert drops["bench"][2]["item"] == "B/1"


def test_counts_balance_and_are_written(tmp_path: Path, benchmark_file: Path) -> None:
    result = curate(save(tmp_path / "data.parquet", planted()), tmp_path / "out", [benchmark_file])
    report = json.loads((tmp_path / "out" / "curate.json").read_text())
    steps = [(step["stage"], step["entered"], step["accepted"], step["dropped"]) for step in report["steps"]]
    assert steps == [
        ("repetition", 8, 7, 1),
        ("contamination", 7, 6, 1),
        ("exact_duplicates", 6, 5, 1),
        ("near_duplicates", 5, 4, 1),
    ]
    assert report["benchmarks"] == [
        {"benchmark": "bench", "items": 1, "matched": 1, "rows": 1, "share": 1.0, "contaminated": True}
    ]
    text = result.text()
    assert "near_duplicates            5         4         1  near_duplicate 1" in text
    assert text.endswith("benchmark bench: 1 of 1 items found (100.0%) in 1 rows: CONTAMINATED")


def test_schema_and_its_metadata_stay_and_bytes_repeat(tmp_path: Path) -> None:
    data = save(tmp_path / "data.parquet", planted())
    first, second = (curate(data, tmp_path / name) for name in ("one", "two"))
    assert pq.read_schema(first.kept).equals(pq.read_schema(data), check_metadata=True)
    assert pq.read_schema(first.kept).metadata[b"kept"] == b"yes"
    for name in ("kept.parquet", "drops.parquet", "curate.json"):
        digests = {hashlib.sha256((tmp_path / out / name).read_bytes()).digest() for out in ("one", "two")}
        assert len(digests) == 1
    assert second.accounts.to_json() == first.accounts.to_json()
    assert not list(tmp_path.rglob("*.partial"))


@settings(max_examples=15, deadline=None)
@given(order=st.permutations(range(8)), cut=st.integers(0, 8))
def test_neither_order_nor_files_matter(tmp_path_factory: pytest.TempPathFactory, order: list[int], cut: int) -> None:
    folder = tmp_path_factory.mktemp("order")
    shuffled = [planted()[index] for index in order]
    save(folder / "data" / "a.parquet", shuffled[:cut])
    save(folder / "data" / "b.parquet", shuffled[cut:])
    whole = curate(save(folder / "whole.parquet", planted()), folder / "one")
    parts = curate(folder / "data", folder / "two")
    assert {row["id"] for row in kept_rows(whole)} == {row["id"] for row in kept_rows(parts)}
    assert drop_rows(whole) == drop_rows(parts)


def test_a_chain_of_duplicates_names_a_kept_row(tmp_path: Path) -> None:
    """An exact copy of a row that is itself a near duplicate must not point at a row that is gone."""
    base = prose(9)
    rows = [chat(str(at), base + (f" tail{at // 2}" if at < 8 else ""), "p" + " " * (at % 2)) for at in range(10)]
    result = curate(save(tmp_path / "data.jsonl", rows), tmp_path / "out")
    [kept] = kept_rows(result)
    drops = drop_rows(result)
    assert len(drops) == 9
    assert {evidence["duplicate_of"] for _, _, evidence in drops.values()} == {kept["id"]}


def test_steps_can_be_left_out(tmp_path: Path) -> None:
    data = save(tmp_path / "data.parquet", planted())
    for steps, dropped in [((), 0), (("near_duplicates",), 2), (("exact_duplicates",), 1), (("repetition",), 1)]:
        result = curate(data, tmp_path / "out", options=CurateOptions(steps=steps))
        assert len(drop_rows(result)) == dropped
        assert [count.stage for count in result.accounts] == list(steps)
    with pytest.raises(CurationError, match="unknown step 'sorcery'"):
        curate(data, tmp_path / "out", options=CurateOptions(steps=("sorcery",)))


@pytest.mark.parametrize("suffix", [".parquet", ".jsonl"])
def test_an_empty_dataset_is_curated_to_an_empty_one(tmp_path: Path, benchmark_file: Path, suffix: str) -> None:
    result = curate(save(tmp_path / f"data{suffix}", []), tmp_path / "out", [benchmark_file])
    assert kept_rows(result) == []
    assert drop_rows(result) == {}
    assert [count.entered for count in result.accounts] == [0, 0, 0, 0]


def test_a_run_folder_stands_for_its_sft_dataset(tmp_path: Path) -> None:
    save(tmp_path / "run" / "dataset" / "sft" / "train-0.parquet", planted())
    save(tmp_path / "run" / "drops.parquet", planted())
    assert len(kept_rows(curate(tmp_path / "run", tmp_path / "out"))) == 5


def test_rows_of_other_shapes(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"conversations": [{"from": "human", "value": "same"}, {"from": "gpt", "value": "words"}]},
        {"prompt": [{"role": "user", "content": "p"}], "chosen": [{"role": "assistant", "content": "c"}]},
        {"question": "How many?", "answer": "4"},
        {"question": "How many?", "answer": "5"},
        {"text": "plain \ud800"},
        {"messages": [{"role": "assistant", "content": None, "tool_calls": [{"name": "a"}]}]},
        {"messages": [{"role": "assistant", "content": None, "tool_calls": [{"name": "b"}]}]},
    ]
    result = curate(save(tmp_path / "data.jsonl", rows), tmp_path / "out")
    assert kept_rows(result) == rows
    doubled = curate(save(tmp_path / "twice.jsonl", rows + rows), tmp_path / "out2")
    assert kept_rows(doubled) == rows
    assert set(drop_rows(doubled)) == {f"row-{number}" for number in range(8, 15)}


BAD = [
    ("data.txt", b"x", r"data\.txt: unknown format; name a \.parquet or \.jsonl or \.ndjson file"),
    ("data.parquet", b"PAR1 no", r"data\.parquet: cannot be read as Parquet"),
    ("data.parquet", b"", r"data\.parquet: cannot be read as Parquet"),
    ("data.jsonl", b'{"text": "a"}\n{"text": \n', r"data\.jsonl:2: not JSON"),
    ("data.jsonl", b'{"text": "a"}\n[1]\n', r"data\.jsonl:2: not a JSON object; give each row"),
    ("data.jsonl", b'{"words": "a"}\n', r"data\.jsonl:1: no text; give each row a list `messages`"),
    ("data.jsonl", b'{"text": "\xff"}\n', r"data\.jsonl:1: not JSON"),
    ("data.jsonl", b"[" * 100_000, r"data\.jsonl:1: not JSON"),
]


@pytest.mark.parametrize(("name", "content", "message"), BAD)
@pytest.mark.parametrize("as_benchmark", [False, True])
def test_bad_files_are_one_clear_line(
    tmp_path: Path, name: str, content: bytes, message: str, as_benchmark: bool
) -> None:
    bad = tmp_path / name
    bad.write_bytes(content)
    good = save(tmp_path / "good.jsonl", planted())
    with pytest.raises(CurationError, match=message) as error:
        curate(good if as_benchmark else bad, tmp_path / "out", [bad] if as_benchmark else [])
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


def test_folders_that_cannot_be_meant(tmp_path: Path) -> None:
    data = save(tmp_path / "data" / "a.parquet", planted())
    with pytest.raises(CurationError, match="is the dataset's own folder"):
        curate(data, tmp_path / "data")
    with pytest.raises(CurationError, match="no such file or folder"):
        curate(tmp_path / "absent", tmp_path / "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(CurationError, match=r"holds no \.parquet or \.jsonl"):
        curate(tmp_path / "empty", tmp_path / "out")
    pq.write_table(pa.table({"text": ["x"]}), tmp_path / "data" / "b.parquet")
    with pytest.raises(CurationError, match=r"b\.parquet: has other columns or types than a\.parquet"):
        curate(tmp_path / "data", tmp_path / "out")
    save(tmp_path / "data" / "c.jsonl", planted())
    with pytest.raises(CurationError, match="holds Parquet and JSON lines together"):
        curate(tmp_path / "data", tmp_path / "out")


def test_a_failure_leaves_what_stood_there(tmp_path: Path) -> None:
    good = save(tmp_path / "good.jsonl", planted())
    curate(good, tmp_path / "out")
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    (tmp_path / "bad.jsonl").write_text('{"text": "a"}\n{')
    with pytest.raises(CurationError):
        curate(tmp_path / "bad.jsonl", tmp_path / "out")
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before
    curate(save(tmp_path / "good.parquet", planted()), tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "curate.json", "drops.parquet", "kept.parquet",
    ]  # fmt: skip


@pytest.mark.parametrize("suffix", [".parquet", ".jsonl"])
def test_more_rows_than_are_read_or_written_together(tmp_path: Path, suffix: str) -> None:
    rows = [
        chat(f"{copy}-{number}", f"answer {number}", f"question {number}") for copy in "ab" for number in range(1250)
    ]
    result = curate(save(tmp_path / f"data{suffix}", rows), tmp_path / "out")
    kept, drops = kept_rows(result), drop_rows(result)
    names = [row["id"] for row in kept]
    assert kept == [row for row in rows if row["id"] in set(names)]
    assert len(kept) == len(drops) == 1250
    assert {name[2:] for name in names} == {str(number) for number in range(1250)}
    for name, (stage, _, evidence) in drops.items():
        assert stage == "exact_duplicates"
        assert evidence["duplicate_of"][2:] == name[2:]
        assert evidence["duplicate_of"] in names


def test_columns_that_json_lacks(tmp_path: Path) -> None:
    day = datetime.date(2020, 2, 29)
    table = pa.table({"text": [prose(1), prose(1), prose(2)], "day": [day] * 3, "blob": [b"a", b"b", b"\xff"]})
    pq.write_table(table, tmp_path / "data.parquet")
    assert len(kept_rows(curate(tmp_path / "data.parquet", tmp_path / "out"))) == 2


@pytest.mark.parametrize("depth", [100, 900, 960, 985, 995])
@pytest.mark.parametrize("place", ['{"text": "t", "deep": %s}', '{"messages": [{"role": "user", "content": %s}]}'])
def test_hostile_nesting_is_a_row_or_one_line(tmp_path: Path, depth: int, place: str) -> None:
    data = tmp_path / "data.jsonl"
    data.write_text(place % ("[" * depth + "]" * depth))
    try:
        assert curate(data, tmp_path / "out").accounts.stage("curate", "near_duplicates").accepted == 1
    except CurationError as error:
        assert str(error).startswith(f"{data}:1: n")


def test_a_named_field_is_all_that_is_compared(tmp_path: Path) -> None:
    rows = [{"text": prose(1), "body": "b"}, {"text": prose(1), "body": "c"}]
    data = save(tmp_path / "data.jsonl", rows)
    assert len(kept_rows(curate(data, tmp_path / "one"))) == 1
    assert len(kept_rows(curate(data, tmp_path / "two", options=CurateOptions(field="body")))) == 2
    with pytest.raises(CurationError, match=r"data\.jsonl:1: no text in `absent`"):
        curate(data, tmp_path / "three", options=CurateOptions(field="absent"))
