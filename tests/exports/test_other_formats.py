"""ShareGPT and Alpaca: turns by their speakers, calls as JSON, and what Alpaca cannot say stays out."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa

from exports import DATASET, EXPORTS
from exports.base import with_tools
from exports.other_formats import ALPACA, SHAREGPT, alpaca_rows, sharegpt_rows
from tests.exports.stored_rows import row

SYSTEM = {"role": "system", "content": "Be brief."}
USER, REPLY = {"role": "user", "content": "What is 2 + 3?"}, {"role": "assistant", "content": "5"}
CALL = {"id": "c1", "name": "add", "arguments": '{"y": 3, "x": 2}'}
CALLING = {"role": "assistant", "content": "", "tool_calls": [CALL]}
RESULT = {"role": "tool", "content": "5", "tool_call_id": "c1", "name": "add"}
TOOLS = json.dumps([{"type": "function", "function": {"name": "add"}}])


def dialogue(*messages: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return row("a") | {"messages": list(messages)} | changes


def test_they_are_made_on_request_only() -> None:
    assert {"sharegpt", "alpaca"} <= EXPORTS.keys() and not {"sharegpt", "alpaca"} & set(DATASET)


def test_sharegpt_names_the_speakers() -> None:
    [made] = sharegpt_rows([dialogue(SYSTEM, USER, REPLY)], {"a"})
    assert made["system"] == "Be brief."
    assert made["conversations"] == [{"from": "human", "value": "What is 2 + 3?"}, {"from": "gpt", "value": "5"}]
    assert not list(sharegpt_rows([dialogue(USER, REPLY)], {"b"}))


def test_sharegpt_has_a_turn_for_calls_and_one_for_their_results() -> None:
    [made] = sharegpt_rows([dialogue(USER, CALLING, RESULT, REPLY, tools=TOOLS)], {"a"})
    assert [turn["from"] for turn in made["conversations"]] == ["human", "function_call", "observation", "gpt"]
    assert json.loads(made["conversations"][1]["value"]) == {"name": "add", "arguments": {"x": 2, "y": 3}}
    assert made["tools"] == TOOLS
    pa.Table.from_pylist([made], schema=with_tools(SHAREGPT.schema))
    two = {**CALLING, "content": "Both at once.", "tool_calls": [CALL, {**CALL, "id": "c2"}]}
    [made] = sharegpt_rows([dialogue(USER, two, RESULT, RESULT, REPLY, tools=TOOLS)], {"a"})
    assert [turn["from"] for turn in made["conversations"]][1:3] == ["gpt", "function_call"]
    assert len(json.loads(made["conversations"][2]["value"])) == 2


def test_alpaca_splits_off_the_last_exchange() -> None:
    more = {"role": "user", "content": "And 4 + 4?"}, {"role": "assistant", "content": "8"}
    [made] = alpaca_rows([dialogue(SYSTEM, USER, REPLY, *more)], {"a"})
    assert (made["instruction"], made["input"], made["output"]) == ("And 4 + 4?", "", "8")
    assert (made["system"], made["history"]) == ("Be brief.", [["What is 2 + 3?", "5"]])
    pa.Table.from_pylist([made], schema=ALPACA.schema)


def test_alpaca_leaves_out_what_it_has_no_form_for() -> None:
    for messages in ([USER, CALLING, RESULT, REPLY], [USER], [USER, CALLING], [USER, REPLY, REPLY], []):
        assert not list(alpaca_rows([dialogue(*messages)], {"a"}))
