"""Training files of tool dialogues: OpenAI's form, message-level pairs with one prefix, and the split by tool."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import pyarrow.parquet as pq
import yaml
from hypothesis import given
from hypothesis import strategies as st

from exports import EXPORTS, preference, rlvr
from exports.dataset_card import CardFacts
from exports.tool_split import in_test_split, is_held_out, tool_names
from exports.write import write_exports
from records.schema import record_row
from records.types import Candidate, Check, Message, MessageCall, Outcome, Record, Verdict, canonical_json
from tests.exports.stored_rows import SOFTWARE, call, row, seed, write_shards

FACTS = CardFacts("nightly", "0123456789ab", "small-model")


@dataclass(frozen=True)
class Calls(Check):
    kind: ClassVar[str] = "tool_calls"
    tools: Any = "[]"
    accepted: Any = None


def tools(*names: str) -> str:
    return canonical_json(
        [{"type": "function", "function": {"name": name, "parameters": {"type": "object"}}} for name in names]
    )


def dialogue(argument: str, result: str = "4", name: str = "add") -> tuple[Message, ...]:
    return (
        Message("user", "What is 2 + 2?"),
        Message("assistant", "", (MessageCall("call_1", name, argument),)),
        Message("tool", result, tool_call_id="call_1", name=name),
        Message("assistant", f"It is {result}."),
    )


def tool_row(identity: str, messages: Sequence[Message], **changes: Any) -> dict[str, Any]:
    given = {"verdict": Verdict("tool_calls", Outcome.PASS, "good_calls"), "tools": tools("add"), "accepted": None}
    given.update(changes)
    candidate = Candidate(
        identity, identity, seed(), "tool_use/single", tuple(messages), {}, (Calls(given["tools"], given["accepted"]),),
        (call(),), tools=given["tools"],
    )  # fmt: skip
    return record_row(Record(candidate, (given["verdict"],)), True, SOFTWARE)


def wrong(message: int | None = 1, reason: str = "wrong_value") -> Verdict:
    evidence = {} if message is None else {"message": message}
    return Verdict("tool_calls", Outcome.FAIL, reason, evidence)


def pairs(*group: dict[str, Any]) -> list[dict[str, Any]]:
    return list(preference.rows_of(group, {one["id"] for one in group if one["outcome"] == "pass"}))


def test_sft_holds_openai_messages_and_tools(tmp_path: Path) -> None:
    files = write_shards(tmp_path, [tool_row("a", dialogue('{"x": 2}')), row("b")])
    write_exports(files, ["a", "b"], tmp_path / "out", tuple(EXPORTS), FACTS)
    made, plain = pq.read_table(tmp_path / "out" / "sft").to_pylist()
    called = made["messages"][1]["tool_calls"]
    assert called == [{"id": "call_1", "type": "function", "function": {"name": "add", "arguments": '{"x": 2}'}}]
    assert made["messages"][2]["tool_call_id"] == "call_1"
    assert made["messages"][2]["name"] == "add"
    assert json.loads(made["tools"])[0]["function"]["name"] == "add"
    assert plain["tools"] is None
    assert all(message["tool_calls"] is None for message in plain["messages"])


def test_a_dataset_without_tools_has_no_columns_for_them(tmp_path: Path) -> None:
    write_exports(write_shards(tmp_path, [row("b")]), ["b"], tmp_path / "out", ["sft"], FACTS)
    assert pq.read_table(tmp_path / "out" / "sft").schema.equals(EXPORTS["sft"].schema)


def test_a_wrong_turn_and_the_right_one_make_a_pair_with_one_prefix() -> None:
    good, bad = tool_row("a", dialogue('{"x": 2}')), tool_row("b", dialogue('{"x": 3}', "5"), verdict=wrong())
    [pair] = pairs(good, bad)
    assert [one["role"] for one in pair["prompt"]] == ["user"]
    assert pair["chosen"][0]["tool_calls"][0]["function"]["arguments"] == '{"x": 2}'
    assert pair["rejected"][0]["tool_calls"][0]["function"]["arguments"] == '{"x": 3}'
    assert pair["tools"] == tools("add")


def test_every_gate_that_blames_a_turn_makes_pairs() -> None:
    good = tool_row("a", dialogue('{"x": 2}'))
    answer = [*dialogue('{"x": 2}')[:3], Message("assistant", "No idea.")]
    ignored = tool_row("b", answer, verdict=Verdict("tool_answer", Outcome.FAIL, "ignores_result", {"message": 3}))
    raised = Verdict("tool_execution", Outcome.FAIL, "call_raised", {"message": 1})
    made = pairs(good, ignored, tool_row("c", dialogue('{"x": 3}'), verdict=raised))
    assert [(pair["verifier"], len(pair["prompt"])) for pair in made] == [("tool_answer", 3), ("tool_execution", 1)]
    assert made[0]["rejected"] == [{"role": "assistant", "content": "No idea."}]


def test_no_pair_where_the_wrong_turn_is_another_one_or_a_tool_result_differs() -> None:
    good = tool_row("a", dialogue('{"x": 2}'))
    later = tool_row("b", dialogue('{"x": 3}'), verdict=wrong(3))  # differs in turn 1 already, which was not blamed
    result = tool_row("c", dialogue('{"x": 2}', "5"), verdict=wrong(2))
    unnamed = tool_row("d", dialogue('{"x": 3}'), verdict=wrong(None))
    unreadable = tool_row("e", dialogue('{"x": 3}'), verdict=wrong(1, "malformed_calls"))
    others = tool_row("f", dialogue('{"x": 3}'), verdict=wrong(), tools=tools("add", "sub"))
    unjudged = tool_row("g", dialogue('{"x": 3}'), verdict=replace(wrong(), outcome=Outcome.UNJUDGED))
    same = tool_row("h", dialogue('{"x": 2}'), verdict=wrong())
    assert pairs(good, later, result, unnamed, unreadable, others, unjudged, same) == []


def test_rlvr_asks_with_what_stands_before_the_first_calls() -> None:
    accepted = canonical_json([{"name": "add", "arguments": {"x": [2]}}])
    stored = [tool_row("a", dialogue('{"x": 2}'), accepted=accepted), tool_row("b", dialogue('{"x": 2}'))]
    [made] = rlvr.rows_of(stored, {"a", "b"})  # the second has no ground truth: any call that fits is good
    assert [one["role"] for one in made["prompt"]] == ["user"]
    assert (made["verifier"], made["ground_truth"], made["tools"]) == ("tool_calls", accepted, tools("add"))


def test_held_out_tools_are_in_the_test_split_only(tmp_path: Path) -> None:
    names = [f"tool_{number}" for number in range(60)]
    rows = [
        tool_row(f"r{n}", dialogue("{}", name=names[n]), tools=tools(names[n], names[(7 * n + 3) % 60]))
        for n in range(60)
    ]
    files = write_shards(tmp_path, rows)
    kept = [one["id"] for one in rows]
    counts = write_exports(files, kept, tmp_path / "out", ["sft"], replace(FACTS, heldout_tools=0.2))
    train = pq.read_table(tmp_path / "out" / "sft" / "train-00000-of-00001.parquet").to_pylist()
    test = pq.read_table(tmp_path / "out" / "sft" / "test-00000-of-00001.parquet").to_pylist()
    held_out = {name for name in names if is_held_out(name, 0.2)}
    assert counts == {"sft": 60}
    assert len(train) + len(test) == 60
    assert test
    assert held_out
    assert held_out.isdisjoint(name for made in train for name in tool_names(made["tools"]))
    assert all(held_out & set(tool_names(made["tools"])) for made in test)
    front = yaml.safe_load((tmp_path / "out" / "README.md").read_text().split("---\n")[1])
    assert [one["split"] for one in front["configs"][0]["data_files"]] == ["train", "test"]
    write_exports(files, kept, tmp_path / "out", ["sft"], FACTS)  # what we wrote is replaced, test split and all
    assert [path.name for path in (tmp_path / "out" / "sft").iterdir()] == ["train-00000-of-00001.parquet"]


@given(st.lists(st.text(min_size=1, max_size=8), max_size=4), st.floats(0, 0.99))
def test_a_row_is_held_out_with_any_of_its_tools_and_never_without_tools(names: list[str], share: float) -> None:
    assert in_test_split(tools(*names), share) == any(is_held_out(name, share) for name in names)
    assert not in_test_split(None, share)
    assert not in_test_split("", share)
    assert not any(is_held_out(name, 0.0) for name in names)
