"""The math domain on the rehearsal model: nothing wrong gets through, and judges are as good as they were set to be."""

from __future__ import annotations

import json
from math import sqrt
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from flows import rehearse
from flows.config import RehearsalSettings
from records.tables import read_rows
from verifiers.solution_steps import split_steps

pytestmark = pytest.mark.timeout(1800)  # whole runs, which a busy machine may take long over


@pytest.mark.heavy
def test_nothing_wrong_gets_through_and_nothing_right_is_lost(tmp_path: Path) -> None:
    made = rehearse.start(80, RehearsalSettings(fault_rate=0.4, seed=2), tmp_path, ["math/*"])
    table = made.escapes
    assert table.escaped == table.unaccounted == 0
    kinds = {(row.prompt.rpartition("/")[2], row.kind) for row in table.rows}
    assert {("cell", "invented_output"), ("solve", "wrong_step_right_answer"), ("correct", "wrong_correction")} <= kinds
    assert {("extract", "unsupported_extraction"), ("solve", "hostile_answer"), ("evolve", "copied_problem")} <= kinds
    assert sum(table.wrongly_rejected.values()) < 0.02 * table.good
    assert all(made.published.accepted.values())
    assert_exports(tmp_path)


def assert_exports(out: Path) -> None:
    """Every kind of training file is there; what is wrong on purpose is in no other than its own."""
    files = {path.name: pq.read_table(path).to_pylist() for path in (out / "dataset").iterdir() if path.is_dir()}
    assert {"sft", "preference", "rlvr", "step_labels", "step_preference"} <= files.keys()
    assert not [row for row in files["sft"] if row["recipe"] == "math/label_steps"]
    dialogues = [row for row in files["sft"] if row["recipe"] == "math/learn_from_mistakes"]
    assert dialogues and all(len(row["messages"]) == 4 for row in dialogues)
    assert all(row["ground_truth"] and row["verifier"] in ("math_answer", "majority_vote") for row in files["rlvr"])
    sources = {json.loads(row["metadata"])["answer_source"] for row in files["sft"]}
    assert sources == {"reference", "majority", "document"}
    by = {"rollouts": set(), "judge": set()}
    for row in files["step_labels"]:
        assert len(row["labels"]) == len(row["steps"]) == len(split_steps("".join(row["steps"])))
        by[row["labelled_by"]] |= set(row["labels"])
    assert by == {"rollouts": {1, -1}, "judge": {1, -1, 0}}


@pytest.mark.heavy
def test_wrong_steps_are_caught_as_often_as_the_judge_is_right(tmp_path: Path) -> None:
    accuracy = 0.75
    settings = RehearsalSettings(fault_rate=0.4, seed=3, judge_accuracy=accuracy)
    made = rehearse.start(300, settings, tmp_path, ["math/solve"])
    assert made.escapes.escaped_though_decidable == 0
    lines = [json.loads(line) for line in (tmp_path / "rehearsal" / "answer_key.jsonl").read_text().splitlines()]
    lucky = {line["key"] for line in lines if line["fault"] == "wrong_step_right_answer"}
    judged = [
        row
        for row in read_rows(sorted((tmp_path / "shards").glob("*.parquet")))
        if row["calls"][-1]["key"] in lucky and any(verdict["check"] == "judged" for verdict in row["verdicts"])
    ]
    caught = sum(row["outcome"] == "fail" for row in judged)
    assert len(judged) > 40
    assert abs(caught - accuracy * len(judged)) <= 4 * sqrt(len(judged) * accuracy * (1 - accuracy))
