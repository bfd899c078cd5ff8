"""The way back from a row to its seed: whole, from one shard, and not believed where it contradicts itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from audit.trace import faults_of, trace, trace_all, trace_json, trace_text
from corpus.attempts import read_shards
from flows.__main__ import run_command
from records.types import canonical_json
from tests.exports.stored_rows import FAIL, row, seed, write_shards


def made_from(root: Path) -> list[dict[str, Any]]:
    """Rows of a second recipe whose seed is what a first one made."""
    first = [row("a0", FAIL, "failed_assertion", chain="a", final=False), row("a1", chain="a", attempt=1)]
    [attempts] = read_shards(write_shards(root / "first", first))
    return [row("b", seed=attempts, recipe="code/debug")]


def test_a_corrected_record_names_every_attempt_and_its_seed(tmp_path: Path) -> None:
    attempts = [row("a0", FAIL, "failed_assertion", chain="a", final=False), row("a1", chain="a", attempt=1)]
    steps = trace(write_shards(tmp_path, [row("z"), *attempts]), "a1")
    assert [(step.kind, step.about["id"]) for step in steps] == [("record", "a0"), ("record", "a1"), ("seed", "seed-0")]
    assert steps[-1].about["licence"] == "MIT" and steps[-1].text == "def add(a, b): ..."
    assert steps[0].about["prompts"] == "generators.code/solve@abababababab"
    assert faults_of(steps) == []


def test_what_another_recipe_made_is_followed_to_real_material(tmp_path: Path) -> None:
    steps = trace(write_shards(tmp_path, made_from(tmp_path)), "b")
    assert [(step.kind, step.about["id"], step.depth) for step in steps] == [
        ("record", "b", 0),
        ("record", "a0", 1),
        ("record", "a1", 1),
        ("seed", "seed-0", 1),
    ]
    assert dict(trace_all(write_shards(tmp_path, made_from(tmp_path)), {"b"}))["b"] == steps
    assert trace_json(steps)[-1]["source"] == "pool/0.py"


def test_a_part_of_a_record_leads_to_the_record(tmp_path: Path) -> None:
    files = write_shards(tmp_path, [row("a")])
    assert trace(files, "a/sample-3") == trace(files, "a/independent_1") == trace(files, "a")


def test_earlier_rounds_stand_between(tmp_path: Path) -> None:
    lineage = canonical_json([{"round": 0, "records": ["x"]}, {"round": 1, "records": ["y"]}])
    steps = trace(write_shards(tmp_path, [row("c", seed=seed(fields={"lineage": lineage}))]), "c")
    assert [(step.kind, step.about.get("records"), step.depth) for step in steps] == [
        ("record", None, 0),
        ("earlier_round", ["y"], 1),
        ("earlier_round", ["x"], 2),
        ("seed", None, 2),
    ]


BROKEN = {
    "another text": ({"seed_text": "def subtract(a, b): ..."}, "another hash"),
    "no licence": ({"seed_licence": ""}, "no licence"),
    "no source": ({"seed_source": ""}, "no source"),
    "fewer verdicts than checks": ({"verdicts": []}, "0 verdicts on 1 checks"),
    "an empty seed of attempts": ({"seed_fields": json.dumps({"chains": "[]"})}, "does not end at a seed"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_contradicts_itself_is_a_fault(case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    changes, fault = BROKEN[case]
    [file] = write_shards(tmp_path, [row("a") | changes])
    assert any(fault in one for one in faults_of(trace([file], "a")))
    assert run_command(["trace", str(file), "--id", "a"]) == 1
    assert fault in capsys.readouterr().err


def test_the_command_takes_a_shard_alone_and_says_what_it_lacks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    [file] = write_shards(tmp_path, [row("a", reply="\x1b[31mred")])
    assert run_command(["trace", str(file), "--id", "a", "--json"]) == 0
    assert [one["kind"] for one in json.loads(capsys.readouterr().out)] == ["record", "seed"]
    assert run_command(["trace", str(tmp_path), "--id", "a"]) == 0
    for place, identity in ((file, "b"), (tmp_path / "nothing", "a")):
        assert run_command(["trace", str(place), "--id", identity]) == 2
    assert "\x1b" not in trace_text(trace([file], "a"))
