"""Single labelled replies: what passed, what surely failed, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from exports.unpaired import UNPAIRED, rows_of
from exports.write import write_exports
from tests.exports.stored_rows import FAIL, UNJUDGED, Answer, Static, row, write_shards
from tests.exports.test_tool_dialogues import dialogue, tool_row, wrong
from tests.exports.test_write import FACTS


def labels(group: list[dict[str, Any]], *kept: str) -> dict[str, bool]:
    return {made["id"]: made["label"] for made in rows_of(group, set(kept))}


def test_failures_need_no_accepted_reply_beside_them() -> None:
    group = [row("w", FAIL, "wrong_answer", check=Answer())]
    [made] = rows_of(group, set())
    assert (made["label"], made["verifier"], made["reason"]) == (False, "math_answer", "wrong_answer")
    assert made["completion"] == [{"role": "assistant", "content": "reply of w"}]
    pa.Table.from_pylist([made], schema=UNPAIRED.schema)


REFUSED = {
    "not read": row("x", FAIL, "no_answer", check=Answer()),
    "a wall clock": row("x", FAIL, "timeout_wall"),
    "nothing known": row("x", UNJUDGED, "sandbox_error"),
    "failed before it ran": row("x", FAIL, "unsafe_import", check=Static()),
    "accepted, not kept": row("x"),
    "an empty reply of nobody": row("x", FAIL, "wrong_answer", check=Answer(), reply="reply of k"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_proves_nothing_is_left_out(case: str) -> None:
    assert "x" not in labels([REFUSED[case], row("k")], "k")


def test_a_text_that_passed_and_failed_is_on_neither_side() -> None:
    group = [row("k", check=Answer(), reply="twice"), row("w", FAIL, "wrong_answer", check=Answer(), reply="twice")]
    assert labels(group, "k") == {}


def test_of_a_dialogue_the_turn_that_was_found_wrong_is_the_negative_example(tmp_path: Path) -> None:
    good, bad = dialogue('{"a": 2, "b": 2}'), dialogue('{"a": 2, "b": 3}', "5")
    group = [tool_row("g", good), tool_row("b", bad, verdict=wrong())]
    write_exports(write_shards(tmp_path, group), ["g"], tmp_path / "out", ["unpaired"], FACTS)
    first, second = pq.read_table(tmp_path / "out" / "unpaired").to_pylist()
    assert (first["label"], second["label"]) == (True, False)
    assert [one["role"] for one in second["prompt"]] == ["user"]
    assert second["completion"][0]["tool_calls"][0]["function"]["arguments"] == '{"a": 2, "b": 3}'
