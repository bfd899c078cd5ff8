"""What all shards in work in one process share: model clients, sandbox, workers, the gate, what is spent.

A flow opens it around its shards. A task finds it through a context variable, like the progress reporter; a task that
finds none, in a worker process on another machine, opens one of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path

from flows.config import RunConfig, api_key
from flows.cores import cores
from flows.errors import ConfigError
from flows.run_metrics import CountedSandbox, Seen
from flows.sandboxes import sandbox_for
from flows.seed_gate import Load, SeedGate
from flows.tally import Tally
from sandbox.types import Sandbox
from served_model.batch import BatchClient
from served_model.client import ChatClient
from served_model.config import ModelConfig
from served_model.journal import Journal
from served_model.journaled import Durable, JournaledModel
from served_model.limits import CEILING
from served_model.meter import Limits, Meter, MeteredModel, Price
from served_model.types import Usage
from verifiers.workers import ProcessPool

UNNAMED = "unnamed"
"""Stands for a model whose name is still to be asked for; no request is made under it."""


@dataclass(frozen=True)
class Workbench:
    """Open tools, shared."""

    client: ChatClient
    sandbox: Sandbox
    workers: ProcessPool
    gate: SeedGate
    meter: Meter
    tallies: dict[str, Tally] = field(default_factory=dict)  # by recipe slug
    candidates_per_record: float | None = None
    seen: Seen = field(default_factory=Seen)
    durable: dict[Path, Durable] = field(default_factory=dict)  # by journal, where its replies go to a store as well

    def tally(self, slug: str) -> Tally:
        """The counts of one recipe, made on first use."""
        return self.tallies.setdefault(slug, Tally(self.candidates_per_record))

    @contextmanager
    def model(self, journal: Journal, slug: str) -> Iterator[JournaledModel]:
        """What one shard of a recipe asks: the journal, then the budget, then the served model."""
        metered = MeteredModel(self.client, self.meter, self.tally(slug).stop, self.client.model_name)
        model = JournaledModel(metered, journal, self.durable.get(journal.path))
        self.seen.open.add(model)
        try:
            yield model
        finally:
            self.seen.close(model)


_WORKBENCH: ContextVar[Workbench] = ContextVar("provender_workbench")


@asynccontextmanager
async def workbench(
    config: RunConfig, paid: Mapping[str, Usage] | None = None, batches: Path | None = None
) -> AsyncIterator[Workbench]:
    """The workbench of this context, or a new one that is closed at the end; `paid` is what counts as spent already.

    With `batches` requests are not sent but written to files there.
    """
    given = _WORKBENCH.get(None)
    if given is not None:
        yield given
        return
    if config.batch and batches is None:
        raise ConfigError("--batch works in one process: without a cluster, and without --estimate")
    configs = model_configs(config)
    client = ChatClient(configs) if batches is None else BatchClient(configs, batches)
    seen = Seen()
    sandbox = CountedSandbox(sandbox_for(config.sandbox), seen.sandbox)
    workers = ProcessPool(cores())
    gate = SeedGate(lambda: Load(client.slots, client.waiting))
    ticking = asyncio.create_task(gate.run())
    meter = Meter(_limits(config), price_table(config), dict(paid or {}))
    bench = Workbench(client, sandbox, workers, gate, meter, {}, config.budget.candidates_per_record, seen)
    try:
        with using(bench):
            yield bench
    finally:
        ticking.cancel()
        await client.close()
        await workers.aclose()
        await sandbox.aclose()


@contextmanager
def using(bench: Workbench) -> Iterator[None]:
    """Make it the workbench of this context: for a worker process, whose shards come one by one."""
    token = _WORKBENCH.set(bench)
    try:
        yield
    finally:
        _WORKBENCH.reset(token)


def _limits(config: RunConfig) -> Limits:
    budget = config.budget
    hours = float("inf") if budget.hours is None else budget.hours
    return Limits(
        tokens=float("inf") if budget.tokens is None else budget.tokens,
        money=float("inf") if budget.money is None else budget.money,
        ends_at=asyncio.get_running_loop().time() + 3600 * hours,
    )


def price_table(config: RunConfig) -> dict[str, Price]:
    """What the tokens of each model cost, by its name."""
    return {one.name or UNNAMED: Price(one.price_in, one.price_out) for one in config.models.values()}


def model_configs(config: RunConfig) -> dict[str, ModelConfig]:
    """The client's settings per role."""
    return {
        role: ModelConfig(
            name=settings.name or UNNAMED,
            base_urls=tuple(settings.base_url),
            api_key=api_key(settings) or "",
            timeout_s=settings.timeout_s,
            deadline_s=settings.deadline_s,
            max_in_flight=settings.max_in_flight or CEILING,
            api=settings.api,
        )
        for role, settings in config.models.items()
    }
