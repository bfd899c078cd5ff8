"""`make --batch`: the same requests as files, answered elsewhere, collected round by round into the same dataset."""

from __future__ import annotations

import json
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from flows.rehearse import write_knowledge
from served_model.rehearsal.launch import RehearsalServer
from tests.served_model.batch_service import KEY, BatchService, running

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


class Answering(threading.Thread):
    """Somebody who answers each requests file in the folder, as `vllm run-batch` does."""

    def __init__(self, url: str, folder: Path) -> None:
        super().__init__(daemon=True)
        self.url, self.folder, self.ended, self.asked = url, folder, threading.Event(), list[str]()

    def run(self) -> None:
        while not self.ended.wait(0.2):
            for file in sorted(self.folder.glob("*.requests.jsonl")):
                results = file.with_name(file.name.replace(".requests.", ".results."))
                if not results.exists() and file.read_bytes().endswith(b"\n"):
                    self.answer(file, results)

    def answer(self, file: Path, results: Path) -> None:
        requests = lines_of(file)
        self.asked += [request["custom_id"] for request in requests]
        expired = {"id": "x", "custom_id": requests[0]["custom_id"], "response": None, "error": {"code": "expired"}}
        answers = [json.dumps(answer(self.url, request)) for request in requests]
        partial = results.with_suffix(".writing")
        partial.write_text("\n".join([json.dumps(expired), *answers, '{"torn']))
        partial.rename(results)


@pytest.fixture(scope="module")
def rehearsal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("rehearsal")
    write_knowledge(folder / "knowledge.jsonl")
    with RehearsalServer(knowledge=folder / "knowledge.jsonl") as url:
        yield url


def assert_as_over_http(provender: Provender, url: str, batched: Path) -> None:
    config, direct = batched.with_name("run.toml"), batched.with_name("direct")
    config.write_text(CONFIG.format(url=url))
    assert provender("make", config, "--out", direct).returncode == 0
    assert rows_of(batched) == rows_of(direct) != []


def test_rounds_of_files_give_the_dataset_of_a_run_over_http(
    provender: Provender, rehearsal: str, tmp_path: Path
) -> None:
    config, run = tmp_path / "run.toml", tmp_path / "run"
    config.write_text(CONFIG.format(url="http://127.0.0.1:9/v1"))
    answering = Answering(rehearsal, run / "batch")
    answering.start()
    made = provender("make", config, "--out", run, "--batch", "--wait", "--json")
    answering.ended.set()
    answering.join()
    assert made.returncode == 0, made.stderr
    assert len(answering.asked) == len(set(answering.asked)) > 0  # nothing was asked twice
    assert len(list((run / "batch").glob("*.requests.jsonl"))) > 1
    assert set(json.loads(made.stdout)["ended"].values()) == {"seeds"}
    assert_as_over_http(provender, rehearsal, run)


def test_a_providers_batch_api_there_and_back(
    provender: Provender, rehearsal: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Collected later, then waited for; the key stands nowhere; each request is worked once."""
    monkeypatch.setenv("BATCH_KEY", KEY)
    config, run = tmp_path / "run.toml", tmp_path / "run"
    service = BatchService(lambda line: (200, answer(rehearsal, line)["response"]["body"]))
    with running(service) as url:
        config.write_text(CONFIG.format(url=url).replace("[[", 'api_key_env = "BATCH_KEY"\n[[', 1))
        sent = provender("make", config, "--out", run, "--batch", "--send")
        assert sent.returncode == 0 and "0001 (rehearsal): validating" in sent.stderr, sent.stderr
        assert "give the same command again" in sent.stderr
        made = provender("make", config, "--out", run, "--batch", "--send", "--wait", "--json")
        assert made.returncode == 0, made.stderr
    assert set(json.loads(made.stdout)["ended"].values()) == {"seeds"}
    assert len(service.worked) == len(set(service.worked)) > 0
    assert len(service.batches) == len(list((run / "batch").glob("*.requests.jsonl"))) > 1
    assert not [path for path in run.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]


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
    assert provender("make", config, "--out", run, "--batch").returncode == 0
    assert not (run / "batch" / "0003.requests.jsonl").exists()  # it is asked for, and not a third time
    assert "go with --batch" in provender("make", config, "--wait").stderr
    assert "--batch needs" in provender("make", config, "--batch", "--set", "models.default.api=score").stderr
