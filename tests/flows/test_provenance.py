"""Acceptance: a run's dataset is read back row by row; every verdict repeats, every row leads back to its seed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from audit.trace import faults_of, record_of, trace_all
from flows import rehearse
from flows.__main__ import run_command
from flows.config import RehearsalSettings
from flows.run_folder import RunFolder
from records.tables import read_rows

SEEDS = 8


def records_of(out: Path) -> set[str]:
    """Ids of the records that rows of any export name."""
    found = set()
    for folder in (path for path in (out / "dataset").iterdir() if path.is_dir()):
        for row in read_rows(sorted(folder.glob("*.parquet"))):
            assert row["seed_id"] and row["seed_source"] and row["seed_licence"] and row["model"] and row["software"]
            assert row["round"] == 0 and isinstance(json.loads(row["lineage"]), list)
            sides = (row["chosen_id"], row["rejected_id"]) if "chosen_id" in row else (row.get("record_id", row["id"]),)
            found.update(map(record_of, sides))
    return found


@pytest.mark.heavy
@pytest.mark.timeout(1800)
def test_every_row_of_every_recipe_is_proved_again_and_traced_from_its_shard(tmp_path: Path) -> None:
    out = tmp_path / "run"
    made = rehearse.start(SEEDS, RehearsalSettings(fault_rate=0.3, seed=4), out, ["*"])
    shards = RunFolder(out).shards()
    named = records_of(out)
    recipes = set()
    for shard in shards:
        for row in read_rows([shard], ["id", "recipe"]):
            recipes |= {row["recipe"]} if row["id"] in named else set()
        for identity, steps in trace_all([shard], named):
            assert faults_of(steps) == [], identity
            named.discard(identity)
    assert named == set()
    assert len(recipes) >= 20
    assert run_command(["verify", "records", "--in", str(out), "--out", str(tmp_path / "again.jsonl"), "--quiet"]) == 0
    again = [json.loads(line) for line in (tmp_path / "again.jsonl").read_text().splitlines()]
    accepted = sum(count.accepted for count in made.published.accounts if count.stage == "record")
    assert len(again) == accepted > 100
    assert [line for line in again if line["outcome"] == "fail" or line["evidence"].get("differing")] == []
