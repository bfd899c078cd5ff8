"""`make --batch`: the same requests as files, answered elsewhere, collected round by round into the same dataset."""

from __future__ import annotations

import json
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from flows.rehearse import write_knowledge
from served_model.rehearsal.launch import RehearsalServer

pytestmark = pytest.mark.heavy

Provender = Callable[..., subprocess.CompletedProcess[str]]
CONFIG = """
name = "b"
[models.default]
base_url = "{url}"
name = "rehearsal"
[[recipes]]
use = "math/solve"
seeds = 6
"""
MOST_ROUNDS = 8


def answer(url: str, request: dict[str, Any]) -> dict[str, Any]:
    """What a batch service writes for one request."""
    assert request["method"] == "POST" and request["url"] == "/v1/chat/completions"
    body = json.dumps(request["body"]).encode()
    asking = urllib.request.Request(f"{url}/chat/completions", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(asking, timeout=60) as reply:
        response = {"status_code": reply.status, "request_id": "r", "body": json.loads(reply.read())}
    return {"id": "x", "custom_id": request["custom_id"], "response": response, "error": None}


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def rows_of(run: Path) -> list[Any]:
    return [pq.read_table(path).to_pylist() for path in sorted(run.glob("dataset/**/*.parquet"))]


def test_rounds_of_files_give_the_dataset_of_a_run_over_http(provender: Provender, tmp_path: Path) -> None:
    write_knowledge(tmp_path / "knowledge.jsonl")
    config, batched, direct = tmp_path / "run.toml", tmp_path / "batched", tmp_path / "direct"
    with RehearsalServer(knowledge=tmp_path / "knowledge.jsonl") as url:
        config.write_text(CONFIG.format(url=url))
        assert provender("make", config, "--out", direct).returncode == 0
        asked: list[str] = []
        for number in range(1, MOST_ROUNDS):
            made = provender("make", config, "--out", batched, "--batch", "--json")
            assert made.returncode == 0, made.stderr
            file = batched / "batch" / f"{number:04}.requests.jsonl"
            if not file.exists():
                break
            requests = lines_of(file)
            asked += [request["custom_id"] for request in requests]
            again = provender("make", config, "--out", batched, "--batch", "--json")  # nothing was answered yet
            assert again.returncode == 0 and not file.with_name(f"{number + 1:04}.requests.jsonl").exists()
            answers = [json.dumps(answer(url, request)) for request in requests]
            expired = {"id": "x", "custom_id": requests[0]["custom_id"], "response": None, "error": {"code": "expired"}}
            (file.parent / f"{number:04}.results.jsonl").write_text(
                "\n".join([json.dumps(expired), *answers, '{"torn'])
            )
        else:
            raise AssertionError("it never ends")
    assert len(asked) == len(set(asked)) > 0  # nothing was asked twice
    assert json.loads(made.stdout)["ended"] == {"math_solve": "seeds"} or "seeds" in made.stdout
    assert rows_of(batched) == rows_of(direct) != []


def test_what_expired_is_asked_for_again_and_a_refusal_is_not(provender: Provender, tmp_path: Path) -> None:
    config, run = tmp_path / "run.toml", tmp_path / "run"
    config.write_text(CONFIG.format(url="http://127.0.0.1:9/v1"))
    assert provender("make", config, "--out", run, "--batch").returncode == 0
    first = lines_of(run / "batch" / "0001.requests.jsonl")
    refused = {"status_code": 400, "body": {"error": {"message": "too long"}}}
    results = [
        {"custom_id": first[0]["custom_id"], "response": None, "error": {"code": "batch_expired"}},
        *({"custom_id": one["custom_id"], "response": refused, "error": None} for one in first[1:]),
    ]
    (run / "batch" / "a.results.jsonl").write_text("".join(json.dumps(line) + "\n" for line in results))
    assert provender("make", config, "--out", run, "--batch").returncode == 0
    second = lines_of(run / "batch" / "0002.requests.jsonl")
    assert [one["custom_id"] for one in second] == [first[0]["custom_id"]]
    assert "--batch needs" in provender("make", config, "--batch", "--set", "models.default.api=score").stderr
