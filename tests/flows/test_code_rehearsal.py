"""The code domain on the rehearsal model: what execution can decide does not get through, and nothing right is lost."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from flows import rehearse
from flows.config import RehearsalSettings

MEASURED = {"test_pass_rate", "mutation_score", "branch_coverage", "pass_rate", "difficulty", "topic", "language"}


@pytest.mark.heavy
def test_nothing_wrong_gets_through_and_nothing_right_is_lost(tmp_path: Path) -> None:
    made = rehearse.start(60, RehearsalSettings(fault_rate=0.4, seed=11), tmp_path, ["code/*"])
    table = made.escapes
    assert table.escaped_though_decidable == table.unaccounted == 0
    kinds = {(row.prompt.rpartition("/")[2], row.kind) for row in table.rows}
    assert {("tests", "vacuous_tests"), ("tests", "flaky_tests"), ("revise", "tests_copy_bug")} <= kinds
    assert {("revise", "gutted_tests"), ("document", "leaks_code"), ("rebuild", "wrong_solution")} <= kinds
    assert sum(table.wrongly_rejected.values()) < 0.02 * table.good
    made_by = {name for name, count in made.published.accepted.items() if count}
    assert {name.partition("-")[2] for name in made_by} >= {"code-solve_with_tests", "code-debug", "code-evolve"}
    assert_training_rows(tmp_path)
    assert "mutation score" in page_of(tmp_path) and "self-corrected" in page_of(tmp_path)


def page_of(out: Path) -> str:
    return (out / "report" / "index.html").read_text()


def assert_training_rows(out: Path) -> None:
    """Each row says what its proofs measured, and dialogues say which turn to learn from."""
    rows = pq.read_table(out / "dataset" / "sft").to_pylist()
    for row in rows:
        metadata = json.loads(row["metadata"])
        assert row["seed_licence"]
        if row["recipe"] == "code/solve_with_tests":
            assert metadata.keys() >= MEASURED
            assert metadata["mutation_score"] >= 0.6 and metadata["branch_coverage"] >= 0.9
        if row["recipe"] == "code/debug":
            assert [message["role"] for message in row["messages"]] == ["user", "assistant"] * 2
            assert metadata["train_on"] == [3]
