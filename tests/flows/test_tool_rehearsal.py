"""The nine recipes for tool use against the rehearsal model: nothing decidable escapes, good work is let through."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from exports.tool_split import tool_names
from flows import rehearse
from flows.config import RehearsalSettings
from generators import RECIPES
from records.tables import read_rows

DECIDABLE = {"format", "execution", "state"}
NAMES = [name for name in RECIPES if name.startswith("tool_use/")]


@pytest.mark.heavy
@pytest.mark.timeout(900)
def test_no_decidable_fault_escapes_and_the_dataset_is_openai_tool_dialogues(tmp_path: Path) -> None:
    made = rehearse.start(30, RehearsalSettings(fault_rate=0.4), tmp_path, ["tool_use/*"])
    table = made.escapes
    assert len(NAMES) == 9
    assert table.planted > 200
    assert [row for row in table.rows if row.escaped and row.decidable_by in DECIDABLE] == []
    assert table.unaccounted == 0
    assert sum(table.wrongly_rejected.values()) < 0.02 * table.good, table.wrongly_rejected
    planted = {row.kind for row in table.rows if row.prompt.startswith("generators.tool_use/")}
    assert {"unknown_tool", "wrong_type", "missing_argument", "hallucinated_argument", "no_call", "ignores_result",
            "extra_call", "malformed_call", "calls_anyway", "gold_differs"} <= planted  # fmt: skip
    rows = list(read_rows(sorted((tmp_path / "dataset" / "sft").glob("*.parquet"))))
    assert {row["recipe"] for row in rows} == set(NAMES)
    for row in rows:
        offered = set(tool_names(row["tools"]))
        asked = {call["id"] for message in row["messages"] for call in message["tool_calls"] or ()}
        answered = {message["tool_call_id"] for message in row["messages"] if message["role"] == "tool"}
        assert asked == answered
        for message in row["messages"]:
            for call in message["tool_calls"] or ():
                assert call["function"]["name"] in offered
                assert isinstance(json.loads(call["function"]["arguments"]), dict)
    assert (tmp_path / "dataset" / "preference").exists()
