"""Tool dialogues as trainers take them: the dataset card's function is exact, and TRL trains on what it gives."""

from __future__ import annotations

import importlib.util
import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from exports.dataset_card import CardFacts
from exports.write import write_exports
from records.types import Message, Outcome, Verdict
from tests.exports.stored_rows import row, write_shards
from tests.exports.test_tool_dialogues import dialogue, tool_row

ARGUMENTS: dict[str, Any] = {
    "null": None, "price": 2.72, "share": 0.359057, "huge": 10**30, "tiny": 5e-324, "whole": 1.0, "text": "[1, 2]",
    "nested": [{"a": {"b": [None, False]}}], "words": 'é\u2028😀 "quoted" \\ <|im_end|', "empty": {},
}  # fmt: skip
"""What goes wrong on the way where a table or a careless reader of JSON comes between."""

READ = """
import json, os, sys
scope = {}
exec(sys.argv[2], scope)
rows = scope["load_dataset"](sys.argv[1], sys.argv[3], split="train", streaming=True).map(scope["with_objects"])
print(json.dumps(list(rows)), flush=True)
os._exit(0)  # threads that read ahead may abort the interpreter while it ends
"""


def dataset(folder: Path) -> Path:
    """A call with all of ARGUMENTS, another tool's call, a pair of turns, and a dialogue without tools."""
    answer = [*dialogue('{"y": 1}')[:3], Message("assistant", "No idea.")]
    ignored = Verdict("tool_answer", Outcome.FAIL, "ignores_result", {"message": 3})
    wrong = Verdict("tool_calls", Outcome.FAIL, "wrong_value", {"message": 1})
    stored = [
        tool_row("a", dialogue(json.dumps(ARGUMENTS))),
        tool_row("b", dialogue('{"x": 3}'), verdict=wrong),
        tool_row("c", dialogue('{"y": 1}')),
        tool_row("d", answer, verdict=ignored),
    ]
    files = write_shards(folder / "run", stored, [row("e")])
    out = folder / "dataset"
    write_exports(files, ["a", "c", "e"], out, ("sft", "preference"), CardFacts("tools", "0123456789ab"))
    return out


def function_of(card: Path) -> str:
    """The program of the card, up to the line that names the folder."""
    [code] = re.findall(r"^```python\n(.*?)^```", card.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    function, line, rest = code.rpartition("\n\nrows = ")
    assert line
    assert 'split="train", streaming=True).map(with_objects)' in rest
    return function


def run(*command: str, home: Path) -> Any:
    environment = {**os.environ, "HF_HOME": str(home), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-4_000:]
    return json.loads(done.stdout.splitlines()[-1])


def same(left: Any, right: Any) -> bool:
    return json.dumps(left, sort_keys=True) == json.dumps(right, sort_keys=True)


def test_the_card_tells_how_to_read_calls_as_objects_and_what_it_says_is_exact(tmp_path: Path) -> None:
    folder = dataset(tmp_path)
    code = function_of(folder / "README.md")
    first, second, plain = run("-c", READ, str(folder), code, "sft", home=tmp_path / "home")
    assert same(first["messages"][1]["tool_calls"][0]["function"]["arguments"], ARGUMENTS)
    assert second["messages"][1]["tool_calls"][0]["function"]["arguments"] == {"y": 1}  # not "price": null as well
    assert [sorted(one) for one in first["messages"]] == [
        ["content", "role"], ["content", "role", "tool_calls"], ["content", "name", "role", "tool_call_id"],
        ["content", "role"],
    ]  # fmt: skip
    assert first["tools"][0]["function"]["name"] == "add"
    assert plain["tools"] is None
    assert plain["messages"][1] == {"role": "assistant", "content": "reply of e"}
    [good, *_] = run("-c", READ, str(folder), code, "preference", home=tmp_path / "home")
    assert same(good["chosen"][0]["tool_calls"][0]["function"]["arguments"], ARGUMENTS)
    assert same(good["rejected"][0]["tool_calls"][0]["function"]["arguments"], {"x": 3})


def test_a_dataset_without_tools_has_no_such_section(tmp_path: Path) -> None:
    write_exports(write_shards(tmp_path / "run", [row("e")]), ["e"], tmp_path / "out", ("sft",), CardFacts("x", "0"))
    assert "with_objects" not in (tmp_path / "out" / "README.md").read_text()


@pytest.mark.heavy
@pytest.mark.skipif(importlib.util.find_spec("trl") is None, reason="needs TRL: pip install 'provender[consumers]'")
def test_trl_takes_an_sft_step_and_a_dpo_step_on_tool_calls(tmp_path: Path) -> None:
    folder = dataset(tmp_path)
    script = Path(__file__).with_name("trl_steps.py")
    work, code = str(tmp_path / "work"), function_of(folder / "README.md")
    made = run(str(script), str(folder), work, code, home=tmp_path / "home")
    called = json.dumps({"name": "add", "arguments": ARGUMENTS}, ensure_ascii=False)
    first, second, plain = made["learnt"]
    assert f"<tool_call>\n{called}\n</tool_call>" in first
    assert "It is 4." in first
    assert "What is 2 + 2?" not in first  # the user's words and the tools are context, not learnt
    assert '{"name": "add", "arguments": {"y": 1}}' in second
    assert plain.strip().startswith("reply of e")
    assert [called in chosen for chosen, _ in made["pairs"]] == [True, False, False]
    wrong = '<tool_call>\n{"name": "add", "arguments": {"x": 3}}\n</tool_call><|im_end|>'
    assert [rejected.strip() for _, rejected in made["pairs"]] == [wrong, wrong, "No idea.<|im_end|>"]
    for shown in made["shown"].values():
        assert json.dumps(ARGUMENTS, ensure_ascii=False) in shown[0]
        assert '{"y": 1}' in shown[1]
    assert all(map(math.isfinite, made["losses"]))
    assert made["losses"][1] == pytest.approx(math.log(2), abs=1e-3)  # DPO's loss while model and reference agree
