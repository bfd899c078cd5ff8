"""What a run does, for Prometheus: counts are read when they are asked for, so they cost the run nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from flows.errors import UserError
from records.types import Record
from sandbox.types import DEFAULT_LIMITS, Execution, Limits, Request, Sandbox, Session
from served_model.journaled import JournalCounts, JournaledModel
from served_model.service import ClientCounts

if TYPE_CHECKING:
    from flows.workbench import Workbench


@dataclass
class Seen:
    """Counts that no part of the engine keeps for its own work."""

    records: Counter[tuple[str, str]] = field(default_factory=Counter)  # recipe, outcome
    verdicts: Counter[tuple[str, str]] = field(default_factory=Counter)  # check, outcome
    sandbox: Counter[str] = field(default_factory=Counter)  # status of an execution, "session", or "error"
    replies: JournalCounts = field(default_factory=JournalCounts)  # of shards that are done
    open: set[JournaledModel] = field(default_factory=set)  # of shards in work

    def record(self, record: Record) -> None:
        """An attempt was verified."""
        self.records[record.candidate.recipe, str(record.outcome)] += 1
        self.verdicts.update((verdict.check, str(verdict.outcome)) for verdict in record.verdicts)

    def close(self, model: JournaledModel) -> None:
        """A shard asks no more."""
        self.open.discard(model)
        self.replies += model.snapshot()

    def all_replies(self) -> JournalCounts:
        """Of all shards."""
        return sum((model.snapshot() for model in tuple(self.open)), self.replies)


@dataclass(frozen=True)
class CountedSandbox:
    """Implements Sandbox: counts how executions end."""

    sandbox: Sandbox
    runs: Counter[str]

    @property
    def backend(self) -> str:
        """That of the sandbox itself."""
        return self.sandbox.backend

    async def run(self, request: Request) -> Execution:
        """Run one program. An execution that ends with an error of the sandbox counts as that."""
        status = "error"
        try:
            execution = await self.sandbox.run(request)
            status = str(execution.status)
            return execution
        finally:
            self.runs[status] += 1

    def session(
        self,
        language: str = "python",
        limits: Limits = DEFAULT_LIMITS,
        files: Mapping[str, bytes] = MappingProxyType({}),
        profile: str = "plain",
    ) -> AbstractAsyncContextManager[Session]:
        """A stateful session, counted when it is asked for."""
        self.runs["session"] += 1
        return self.sandbox.session(language, limits, files, profile)

    async def aclose(self) -> None:
        """End every slot."""
        await self.sandbox.aclose()


class RunCollector(Collector):
    """Reads the workbench, in the thread of the metrics server."""

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench

    def collect(self) -> Iterator[Metric]:
        """All families, fresh."""
        models = self._bench.client.snapshot()
        yield _counter("requests", "Attempts sent, by model.", "model", {m: c.requests for m, c in models.items()})
        yield _counter("retries", "Further attempts, by model.", "model", {m: c.retries for m, c in models.items()})
        yield _faults(models)
        yield _gauge("in_flight", "Requests under way, by model.", "model", {m: c.in_flight for m, c in models.items()})
        yield _gauge("slots", "Requests that may be under way.", "", {"": self._bench.client.slots})
        yield _gauge("waiting", "Requests in our own line.", "", {"": self._bench.client.waiting})
        yield _gauge("seeds_in_work", "Seeds that were begun and not finished.", "", {"": self._bench.gate.inside})
        yield from self._tokens()
        yield from self._seen()

    def _tokens(self) -> Iterator[Metric]:
        tokens = CounterMetricFamily("provender_tokens", "Paid for, earlier starts included.", labels=("model", "kind"))
        for model, usage in dict(self._bench.meter.usage).items():
            tokens.add_metric((model, "prompt"), usage.prompt_tokens)
            tokens.add_metric((model, "completion"), usage.completion_tokens)
        yield tokens

    def _seen(self) -> Iterator[Metric]:
        seen = self._bench.seen
        replies = seen.all_replies()
        by_source = {"model": replies.asked, "journal": replies.replayed, "shared": replies.shared}
        yield _counter("replies", "By where they came from.", "source", by_source)
        yield _counter("sandbox_runs", "By how they ended.", "status", dict(seen.sandbox))
        for name, label, counts in (("attempts", "recipe", seen.records), ("verdicts", "check", seen.verdicts)):
            family = CounterMetricFamily(f"provender_{name}", f"By {label} and outcome.", labels=(label, "outcome"))
            for labels, count in dict(counts).items():
                family.add_metric(labels, count)
            yield family


@contextmanager
def metrics_server(host: str, port: int | None, bench: Workbench) -> Iterator[str | None]:
    """Serve /metrics while inside, and give its address; port 0 takes any, None serves nothing. Raises UserError."""
    if port is None:
        yield None
        return
    registry = CollectorRegistry()
    registry.register(RunCollector(bench))
    try:
        server, thread = start_http_server(port, host, registry)
    except OSError as error:
        raise UserError(f"observe.metrics_port {port}: {error.strerror}; take another port, or 0 for any") from error
    try:
        yield f"http://{host}:{server.server_port}/metrics"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _counter(name: str, about: str, label: str, counts: Mapping[str, float]) -> Metric:
    family = CounterMetricFamily(f"provender_{name}", about, labels=(label,))
    for value, count in counts.items():
        family.add_metric((value,), count)
    return family


def _gauge(name: str, about: str, label: str, counts: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(f"provender_{name}", about, labels=(label,) if label else ())
    for value, count in counts.items():
        family.add_metric((value,) if label else (), count)
    return family


def _faults(models: Mapping[str, ClientCounts]) -> Metric:
    family = CounterMetricFamily("provender_faults", "Failed attempts, by kind.", labels=("model", "kind"))
    for model, counts in models.items():
        for kind, count in counts.faults.items():
            family.add_metric((model, kind), count)
    return family
