"""Budgets end a run at their limit with a valid dataset; a raised budget goes on to the bytes of a run without one."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from flows.config import RunConfig, validate_config
from flows.export_run import report_run
from flows.make_dataset import run
from flows.rehearse import write_knowledge
from flows.run_folder import RunFolder
from flows.tally import FEWEST_CANDIDATES, Tally
from records.types import Outcome
from served_model.journal import read_journal
from served_model.rehearsal.launch import RehearsalServer
from tests.flows.run_files import data_files

pytestmark = pytest.mark.usefixtures("prefect_server")

SLUG = "00-math-solve"
PRICES = {"price_in": 1.0, "price_out": 4.0}


@pytest.fixture(scope="module")
def sums(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus of 800 questions with their answers."""
    path = tmp_path_factory.mktemp("sums") / "questions.jsonl"
    rows = [{"id": f"q{n}", "question": f"What is {n} + {n + 1}?", "answer": str(2 * n + 1)} for n in range(800)]
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


@pytest.fixture(scope="module")
def url(sums: Path) -> Iterator[str]:
    """A model that knows them, with faults."""
    with RehearsalServer(seed=1, fault_rate=0.3, wire_fault_rate=0.0, knowledge=sums) as base_url:
        yield base_url


@pytest.fixture(scope="module")
def steady_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Without faults: no reply is endless, so that one reply more or less is little."""
    folder = tmp_path_factory.mktemp("steady")
    write_knowledge(folder / "knowledge.jsonl")
    with RehearsalServer(seed=1, knowledge=folder / "knowledge.jsonl") as base_url:
        yield base_url


def config(url: str, seeds: int = 60, target: int | None = None, **more: Any) -> RunConfig:
    models = {"default": {"base_url": url, "name": "rehearsal", **PRICES}}
    recipe = {"use": "math/solve"} | ({"seeds": seeds} if target is None else {"target": target})
    recipe |= more.pop("recipe", {})
    return validate_config({"name": "budget", "models": models, "recipes": [recipe], "shard_size": 20} | more, "test")


def asked(out: Path) -> list[str]:
    return [line["key"] for path in out.glob("journal/*.jsonl") for line in read_journal(path) if "event" not in line]


async def test_a_budget_ends_the_run_at_its_limit_and_a_raised_one_goes_on(steady_url: str, tmp_path: Path) -> None:
    url = steady_url
    whole = await run(config(url), str(tmp_path / "whole"))
    total = RunFolder(tmp_path / "whole").read_run()["budget"]
    out = tmp_path / "cut"
    replies = len(asked(tmp_path / "whole"))
    two_replies = {name: 2 * total[name] / replies for name in ("tokens", "money")}
    for budget in ({"tokens": total["tokens"] // 3}, {"money": total["money"] / 2}):
        [(name, limit)] = budget.items()
        made = await run(config(url, budget=budget), str(out))
        description = RunFolder(out).read_run()
        assert made.ended == {SLUG: f"budget: {name}"} == description["ended"]
        assert description["budget"][name] == pytest.approx(limit, abs=max(0.01 * limit, two_replies[name]))
        assert pq.read_table(out / "dataset" / "sft").num_rows == made.total > 0
        assert report_run(out).exists()
        reasons = json.loads(RunFolder(out).run_json.read_text())["accounts"][1]["reasons"]
        assert reasons["propose: budget"] > 0
    again = await run(config(url), str(out))
    assert again.ended == {SLUG: "seeds"}
    assert again.accepted == whole.accepted
    assert data_files(out) == data_files(tmp_path / "whole")
    assert len(asked(out)) == len(set(asked(out))) == len(asked(tmp_path / "whole"))


async def test_a_budget_of_next_to_nothing_asks_nothing_and_leaves_a_valid_dataset(url: str, tmp_path: Path) -> None:
    made = await run(config(url, budget={"tokens": 1}), str(tmp_path))
    assert made.ended == {SLUG: "budget: tokens"}
    assert made.total == 0
    assert asked(tmp_path) == []
    assert pq.read_table(tmp_path / "dataset" / "sft").num_rows == 0


class Refusing(BaseHTTPRequestHandler):
    """A server whose every reply is of no use: the prompt is always too long for it."""

    asked = 0

    def do_GET(self) -> None:
        self._send(200, {"object": "list", "data": [{"id": "m", "object": "model", "created": 1, "owned_by": "t"}]})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        type(self).asked += 1
        self._send(400, {"error": {"message": "maximum context length is 16 tokens"}})

    def _send(self, status: int, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Nothing."""


async def test_the_circuit_opens_before_all_seeds_are_tried(sums: Path, tmp_path: Path) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    settings = config(f"http://127.0.0.1:{server.server_port}/v1", seeds=700, recipe={"corpus": str(sums)})
    model = settings.models["default"].model_copy(update={"name": "m", "max_in_flight": 8})
    made = await run(settings.model_copy(update={"models": {"default": model}}), str(tmp_path))
    server.shutdown()
    server.server_close()
    assert made.ended[SLUG].startswith("circuit: ")
    assert "request_refused" in made.ended[SLUG]
    assert Refusing.asked < 4 * 300  # samples of the seeds that were under way
    drops = pq.read_table(RunFolder(tmp_path).drops).to_pylist()
    assert {drop["reason"] for drop in drops} == {"request_refused", "circuit"}


async def test_time_ends_a_run(url: str, tmp_path: Path) -> None:
    made = await run(config(url, budget={"hours": 1e-9}), str(tmp_path))
    assert made.ended == {SLUG: "budget: hours"}


async def test_too_many_candidates_per_record_end_a_recipe(url: str, sums: Path, tmp_path: Path) -> None:
    budget = {"candidates_per_record": 1.01}
    settings = config(url, seeds=150, budget=budget, recipe={"corpus": str(sums)})
    model = settings.models["default"].model_copy(update={"max_in_flight": 8})
    made = await run(settings.model_copy(update={"models": {"default": model}}), str(tmp_path))
    assert made.ended == {SLUG: "budget: candidates_per_record"}
    assert 0 < made.total < 300


def test_the_tally_stops_at_the_candidate_that_is_one_too_many() -> None:
    tally = Tally(2.0)
    tally.begin(0)
    tally.begin(1)
    for number in range(FEWEST_CANDIDATES):
        assert not tally.stop.reason
        tally.count(number % 2, Outcome.FAIL if number % 4 == 0 else Outcome.PASS)
    assert not tally.stop.reason
    tally.begin(1)  # worked again: counts once
    assert tally.per_record == 0
    tally.set(1, 100, 40)
    assert tally.stop.reason


@pytest.mark.parametrize("target", [1, 100, pytest.param(1234, marks=pytest.mark.heavy)])
async def test_exactly_n_in_seed_order(url: str, sums: Path, tmp_path: Path, target: int) -> None:
    """Whatever else is begun, the N are the first N of the run that has them all."""
    made = await run(config(url, target=target, recipe={"corpus": str(sums)}), str(tmp_path))
    assert made.accepted == {SLUG: target}
    assert made.ended == {SLUG: "target"}
    kept = pq.read_table(tmp_path / "dataset" / "sft", columns=["id"])["id"].to_pylist()
    assert len(kept) == target
    shards = RunFolder(tmp_path).used_shards(RunFolder(tmp_path).read_run()["shards"])
    rows = [row for shard in shards for row in pq.read_table(shard).to_pylist()]
    assert [int(row["seed_id"][1:]) for row in rows] == sorted(int(row["seed_id"][1:]) for row in rows)
    drops = pq.read_table(RunFolder(tmp_path).drops).to_pylist()
    duplicates = {drop["id"] for drop in drops if drop["reason"] == "exact_duplicate"}
    accepted = [row["id"] for row in rows if row["is_final"] and row["outcome"] == "pass"]
    assert kept == [one for one in accepted if one not in duplicates][:target]
