"""Mixing: exact shares, caps and epochs; what is taken does not depend on order; wrong files are refused."""

from __future__ import annotations

import json
import random
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.errors import CurationError
from curation.mix import Mix, allocate, choose, group_of, read_mix, table
from curation.mix_dataset import mix_dataset

GROUPS = st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 500), min_size=1)


@settings(deadline=None)
@given(GROUPS, st.integers(1, 2000), st.sampled_from([0.5, 1, 2, 3.5]), st.randoms())
def test_rows_add_up_and_no_group_gives_more_than_it_has(available, total, max_epochs, rng):
    weights = {name: rng.choice([0.1, 0.3, 1.0, 2.5]) for name in available}
    caps = {name: rng.randrange(300) for name in available if rng.random() < 0.3}
    mix = Mix(by="g", weights=weights, total=total, max_epochs=max_epochs, caps=caps)
    rows = allocate(mix, available)
    most = {name: min(int(Fraction(str(max_epochs)) * n), caps.get(name, 10**9)) for name, n in available.items()}
    assert all(0 <= rows[name] <= most[name] for name in available)
    assert sum(rows.values()) == min(total, sum(most.values()))
    full = {name for name in available if rows[name] == most[name]}
    rest = {name: weights[name] for name in available if name not in full}
    left = sum(rows[name] for name in rest)
    for name in rest:  # those that are not exhausted share what is left exactly, within one row
        assert abs(rows[name] - left * weights[name] / sum(rest.values())) < 1


def test_the_largest_remainder_is_exact():
    mix = Mix(by="g", weights={"a": 1, "b": 1, "c": 1}, total=100)
    assert allocate(mix, {"a": 90, "b": 90, "c": 90}) == {"a": 34, "b": 33, "c": 33}
    mix = Mix(
        by="g", weights={"english": 52.66, "code": 14.89, "reasoning": 21.19, "exam": 8.14, "other": 3.12}, total=10_000
    )
    assert allocate(mix, dict.fromkeys(mix.weights, 10_000)) == {
        "english": 5266, "code": 1489, "reasoning": 2119, "exam": 814, "other": 312,
    }  # fmt: skip


def test_without_a_total_the_scarcest_group_sets_the_measure():
    mix = Mix(by="g", weights={"a": 0.75, "b": 0.25})
    assert allocate(mix, {"a": 300, "b": 10}) == {"a": 30, "b": 10}
    assert allocate(mix, {"a": 300}) == {"a": 0, "b": 0}


@given(st.integers(0, 40), st.integers(1, 12), st.integers(0, 3), st.randoms())
def test_what_is_chosen_does_not_depend_on_the_order_of_rows(rows, count, seed, rng):
    hashes = [bytes([number]) * 8 for number in range(count)]
    first = choose(rows, dict(enumerate(hashes)), seed)
    shuffled = list(range(count))
    rng.shuffle(shuffled)
    second = choose(rows, {place: hashes[number] for place, number in enumerate(shuffled)}, seed)
    assert sum(first.values()) == rows
    assert {hashes[index]: times for index, times in first.items()} == {
        hashes[shuffled[index]]: times for index, times in second.items()
    }
    assert not first or max(first.values()) - min(first.get(index, 0) for index in range(count)) <= 1


def test_another_seed_chooses_other_rows():
    keys = {number: bytes([number]) * 8 for number in range(100)}
    assert choose(10, keys, 1).keys() != choose(10, keys, 2).keys()


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def read(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".parquet":
        return pq.read_table(path).to_pylist()
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("suffix", [".parquet", ".jsonl"])
def test_repeats_are_marked_and_groups_without_weight_left_out(tmp_path: Path, suffix: str) -> None:
    rows = [{"id": f"{group}{n}", "text": f"{group} {n}", "metadata": json.dumps({"topic": group})}
            for group, count in (("math", 4), ("code", 10), ("odd", 3)) for n in range(count)]  # fmt: skip
    random.Random(1).shuffle(rows)
    mix = Mix(by="metadata.topic", weights={"math": 1, "code": 1}, total=20, max_epochs=2.5)
    mixed = mix_dataset(write(tmp_path / f"data{suffix}", rows), tmp_path, mix)
    found = read(mixed.file)
    assert mixed.left_out == {"odd": 3}
    assert {line.group: (line.rows, line.available) for line in mixed.table} == {"math": (10, 4), "code": (10, 10)}
    assert sorted(row["epoch"] for row in found if row["id"].startswith("math")) == [0] * 4 + [1] * 4 + [2] * 2
    assert sorted(row["id"] for row in found if row["epoch"] == 0) == sorted(
        row["id"] for row in rows if not row["id"].startswith("odd")
    )
    assert "2.50" in mixed.text() and "left out" in mixed.text()
    again = mix_dataset(tmp_path / f"data{suffix}", tmp_path / "again", mix)
    assert again.file.read_bytes() == mixed.file.read_bytes()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("by = 'recipe'", "weights"),
        ("by = 'recipe'\n[weights]\na = 0", "weights.a: must be a positive number"),
        ("by = 'recipe'\n[weights]\na = nan", "weights.a: must be a positive number"),
        ("by = 'recipe'\n[weights]\na = 1\n[caps]\nb = 3", "caps.b"),
        ("by = 'recipe'\nepochs = 2\n[weights]\na = 1", "epochs"),
        ("by = 'recipe'\ntotal = 0\n[weights]\na = 1", "total"),
        ("by = ", "TOML"),
    ],
)
def test_wrong_mix_files_are_refused(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "mix.toml").write_text(text)
    with pytest.raises(CurationError, match=says):
        read_mix(tmp_path / "mix.toml")


def test_a_mix_of_groups_that_are_not_there_is_refused(tmp_path: Path) -> None:
    data = write(tmp_path / "data.jsonl", [{"text": "x", "recipe": "a"}])
    with pytest.raises(CurationError, match="no row has a group of the mix"):
        mix_dataset(data, tmp_path / "out", Mix(by="recipe", weights={"b": 1}))
    marked = write(tmp_path / "marked.parquet", [{"text": "x", "recipe": "a", "epoch": 0}])
    with pytest.raises(CurationError, match="epoch"):
        mix_dataset(marked, tmp_path / "out", Mix(by="recipe", weights={"a": 1}))


@pytest.mark.parametrize(
    ("values", "by", "group"),
    [
        ({"recipe": "a"}, "recipe", "a"),
        ({"level": 3}, "level", "3"),
        ({"m": {"topic": "t"}}, "m.topic", "t"),
        ({"m": '{"topic": "t"}'}, "m.topic", "t"),
        ({"m": "not json"}, "m.topic", None),
        ({"m": "[" * 10_000}, "m.topic", None),
        ({"recipe": None}, "recipe", None),
        ({"recipe": True}, "recipe", None),
        ({}, "recipe", None),
    ],
)
def test_groups(values: dict[str, Any], by: str, group: str | None) -> None:
    assert group_of(values, by) == group


def test_the_table_tells_target_and_achievement():
    mix = Mix(by="g", weights={"a": 3, "b": 1}, total=100)
    rows = allocate(mix, {"a": 30, "b": 100})
    assert [(line.group, line.weight, line.rows, line.share) for line in table(mix, {"a": 30, "b": 100}, rows)] == [
        ("a", 0.75, 30, 0.3),
        ("b", 0.25, 70, 0.7),
    ]
