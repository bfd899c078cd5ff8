"""A run can be watched: /metrics answers while it works, and a record can be followed from its seed to its shard."""

from __future__ import annotations

import json
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from flows import progress
from flows.config import RunConfig, validate_config
from flows.errors import UserError
from flows.make_dataset import run
from flows.run_folder import RunFolder
from records.tables import read_rows
from served_model.rehearsal.launch import RehearsalServer

pytestmark = pytest.mark.usefixtures("prefect_server")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sums") / "questions.jsonl"
    rows = [{"id": f"q{n}", "question": f"What is {n} + {n}?", "answer": str(2 * n)} for n in range(40)]
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


@pytest.fixture(scope="module")
def url(corpus: Path) -> Iterator[str]:
    with RehearsalServer(seed=1, knowledge=corpus, wire_fault_rate=0.2, latency_ms=100) as base_url:
        yield base_url


@pytest.fixture(scope="module")
def spans() -> InMemorySpanExporter:
    """OpenTelemetry takes one provider in a process's life, so it is set for the whole module and later ones."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    return exporter


def config(url: str, corpus: Path, **observe: Any) -> RunConfig:
    models = {"default": {"base_url": url, "name": "rehearsal", "max_in_flight": 8}}
    recipe = {"use": "math/solve", "corpus": str(corpus)}
    data = {"name": "seen", "models": models, "recipes": [recipe], "shard_size": 10, "observe": observe}
    return validate_config(data, "test")


class Scraper(progress.Silent):
    """Reads the metrics in a thread of its own as soon as the run says where they are."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.address = ""
        self._threads: list[threading.Thread] = []
        self._done = threading.Event()

    def note(self, text: str) -> None:
        if text.startswith("metrics at "):
            self.address = text.removeprefix("metrics at ")
            thread = threading.Thread(target=self._scrape, args=(self.address,))
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join()

    def _scrape(self, address: str) -> None:
        while not self._done.wait(0.05):
            try:
                with urllib.request.urlopen(address, timeout=10) as answer:
                    self.texts.append(answer.read().decode())
            except OSError:
                return  # the run is over


def value(text: str, name: str) -> float:
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(name))


async def test_metrics_answer_while_the_run_works(url: str, corpus: Path, tmp_path: Path) -> None:
    scraper = Scraper()
    with progress._set(scraper):
        made = await run(config(url, corpus, metrics_port=0), str(tmp_path))
    scraper.stop()
    assert made.total > 0
    busy = [value(text, "provender_in_flight{") for text in scraper.texts]
    assert max(busy) == 8
    last = scraper.texts[-1]
    assert value(last, "provender_requests_total{") > 8
    assert value(last, "provender_tokens_total{") > 0
    for name in ("retries", "faults", "replies", "attempts", "verdicts", "sandbox_runs", "slots", "waiting", "seeds"):
        assert f"# HELP provender_{name}" in last
    totals = [value(text, "provender_replies_total{") for text in scraper.texts]
    assert totals == sorted(totals)
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(scraper.address, timeout=5)  # it ends with the run


async def test_a_port_that_is_taken_is_one_line(url: str, corpus: Path, tmp_path: Path) -> None:
    port = int(url.rsplit(":", 1)[1].split("/")[0])
    with pytest.raises(UserError, match=f"metrics_port {port}: .* take another"):
        await run(config(url, corpus, metrics_port=port), str(tmp_path))


async def test_a_record_can_be_followed_from_seed_to_shard(
    url: str, corpus: Path, tmp_path: Path, spans: InMemorySpanExporter
) -> None:
    spans.clear()
    await run(config(url, corpus), str(tmp_path))
    finished = {span.context.span_id: span for span in spans.get_finished_spans()}
    row = next(row for row in read_rows(RunFolder(tmp_path).shards()) if row["outcome"] == "pass")
    [verify] = [span for span in finished.values() if (span.attributes or {}).get("provender.record") == row["id"]]
    assert (verify.attributes or {})["provender.outcome"] == "pass"
    seed, shard = above(verify, finished), above(above(verify, finished), finished)
    assert (seed.name, (seed.attributes or {})["provender.seed"]) == ("seed", row["seed_id"])
    assert (shard.name, (shard.attributes or {})["provender.run"]) == ("shard", tmp_path.name)
    below = [span for span in finished.values() if span.context.trace_id == seed.context.trace_id]
    [call] = [span for span in below if (span.attributes or {}).get("provender.key") == row["calls"][0]["key"]]
    assert above(above(call, finished), finished) is seed  # propose stands between
    assert (call.attributes or {})["gen_ai.usage.output_tokens"] > 0
    [commit] = [span for span in below if span.name == "commit" and above(span, finished) is shard]
    assert (commit.attributes or {})["provender.shard"] == (shard.attributes or {})["provender.shard"]


def above(span: ReadableSpan, finished: dict[int, ReadableSpan]) -> ReadableSpan:
    assert span.parent is not None
    return finished[span.parent.span_id]
