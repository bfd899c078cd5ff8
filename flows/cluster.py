"""The flow's side of a cluster: orders go to worker processes through Prefect's task runners, summaries come back."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
import os
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from prefect.futures import PrefectFuture
from prefect.settings import PREFECT_API_URL
from prefect.task_runners import TaskRunner

from flows import progress
from flows.engine_settings import EngineSettings
from flows.errors import ConfigError, UserError
from flows.make_shard import ShardJob, ShardSummary, usage_of
from flows.orders import Heart, Order, shard_name
from flows.run_folder import RunFolder
from flows.run_store import RunStore
from flows.workbench import Workbench
from flows.worker import Worked, work_order
from records.types import Outcome
from served_model.types import Usage

MOST_WAITERS = 4096
"""Threads, each of which waits for one shard: there are as many shards in work as all recipes' lookaheads."""

WorkShard = Callable[[ShardJob, str], Awaitable[ShardSummary]]


@dataclass
class Crew:
    """Workers that nobody sees: shards go out as orders, and come back as files and summaries."""

    runner: TaskRunner[Any]
    waiters: ThreadPoolExecutor
    heart: Heart
    folder: RunFolder
    bench: Workbench
    store: RunStore | None = None
    started: float = field(default_factory=lambda: asyncio.get_running_loop().time())

    async def work(self, job: ShardJob, slug: str) -> ShardSummary:
        """One shard's summary. When cancelled, the worker is told to stop as well."""
        path = self.folder.shard(slug, job.shard)
        if path.exists() and not (summary := ShardSummary.read(path)).cut:
            return self._tell(slug, summary)
        before = self._paid(slug, job.shard)
        run = "" if self.store is None else self.store.name
        order = Order(self._own(job), slug, run, self.heart.start, dict(self.bench.meter.usage))
        future = await asyncio.to_thread(self.runner.submit, work_order, {"order": order})
        try:
            name = shard_name(slug, job.shard)
            worked = await asyncio.get_running_loop().run_in_executor(self.waiters, _result, future, name)
        except asyncio.CancelledError:
            self.heart.recalled.add(shard_name(slug, job.shard))
            _cancel(future)
            await self.heart.beat()
            raise
        summary = worked.summary
        if self.store is not None:
            await asyncio.to_thread(self._take_in, slug, worked)
        for model, usage in summary.usage.items():
            known = before.get(model, Usage())
            new = Usage(usage.prompt_tokens - known.prompt_tokens, usage.completion_tokens - known.completion_tokens)
            self.bench.meter.spent_elsewhere(model, new)
        return self._tell(slug, summary)

    def _take_in(self, slug: str, worked: Worked) -> None:
        """This worker's files are the shard's, whoever else may have worked it."""
        assert self.store is not None
        self.store.fetch_shard(self.folder, worked.files)
        if not worked.summary.cut:
            self.store.put_done(slug, worked.summary.shard, worked.files)

    def _paid(self, slug: str, shard: int) -> dict[str, Usage]:
        """What earlier starts have paid for a shard; the run's meter has counted it."""
        journal = self.folder.journal(slug, shard)
        return usage_of(journal) if journal.exists() else {}

    def _own(self, job: ShardJob) -> ShardJob:
        """The job as a worker needs it: paths from anywhere, its share of the slots, the hours that are left."""
        config = job.config
        models = {
            role: one
            if one.max_in_flight is None
            else one.model_copy(update={"max_in_flight": -(-one.max_in_flight // config.engine.workers)})
            for role, one in config.models.items()
        }
        budget = config.budget
        if budget.hours is not None:
            gone = (asyncio.get_running_loop().time() - self.started) / 3600
            budget = budget.model_copy(update={"hours": max(budget.hours - gone, 1e-6)})
        return replace(
            job, out=job.out.resolve(), config=config.model_copy(update={"models": models, "budget": budget})
        )

    def _tell(self, slug: str, summary: ShardSummary) -> ShardSummary:
        """To the run's reporter: first the records that the worker has had, as events, then the shard."""
        reporter = progress.current()
        for count in summary.accounts:
            if count.stage == "propose":
                for _ in range(count.entered):
                    reporter.event(slug, "seed", None, "")
            if count.stage == "record":
                outcomes = Counter(fail=count.rejected, unjudged=count.unjudged).elements()
                for _ in range(count.accepted):
                    reporter.event(slug, "record", Outcome.PASS, "")
                for outcome, reason in zip(outcomes, Counter(count.reasons).elements(), strict=False):
                    reporter.event(slug, "record", Outcome(outcome), reason)
        reporter.shard(slug, summary.shard, *summary.accepted_of)
        return summary


def require_runner(settings: EngineSettings) -> None:
    """Refuse a runner whose extra is missing, or whose workers could not report. Raises ConfigError."""
    if settings.runner == "threads":
        return
    _module(settings.runner)
    address = settings.address
    if address is None or _is_here(address):
        return
    api = PREFECT_API_URL.value()
    if api is None or _is_here(api):
        raise ConfigError(
            f"engine.address {address}: its workers need a Prefect server that they can reach; start one with "
            "`prefect server start --host 0.0.0.0` and set PREFECT_API_URL, here, to its address as they see it"
        )


def _is_here(url: str) -> bool:
    host = urlsplit(url if "://" in url else f"tcp://{url}").hostname or ""
    return host in ("localhost", "::1") or host.startswith("127.")


def _module(runner: str) -> Any:
    try:
        return importlib.import_module(f"prefect_{runner}")
    except ImportError as error:
        raise ConfigError(
            f'engine.runner = "{runner}" needs the extra {runner}, here and on the workers: '
            f'pip install "provender[{runner}]" ({error})'
        ) from error


@contextlib.contextmanager
def running(settings: EngineSettings) -> Iterator[tuple[TaskRunner[Any], ThreadPoolExecutor]]:
    """The task runner, connected, and threads to wait in for its results. Raises UserError."""
    module = _module(settings.runner)
    runner = _dask(module, settings) if settings.runner == "dask" else _ray(module, settings)
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(runner)
            getattr(runner, "client", None)  # Dask: connects, or starts the cluster
        except (OSError, TimeoutError, ConnectionError, RuntimeError) as error:
            where = settings.address or "on this machine"
            raise UserError(f"engine: no {settings.runner} cluster {where}: {error}") from error
        yield runner, stack.enter_context(ThreadPoolExecutor(MOST_WAITERS, "waits-for-shard"))


def _dask(module: Any, settings: EngineSettings) -> Any:
    if settings.address is not None:
        return module.DaskTaskRunner(address=settings.address)
    return module.DaskTaskRunner(
        cluster_kwargs={
            "n_workers": settings.workers,
            "threads_per_worker": settings.shards_per_worker,
            "processes": True,
            "dashboard_address": None,
            "preload": ["flows.worker"],
            "memory_limit": 0,  # most memory is that of programs in the sandbox, which has limits of its own
            "silence_logs": logging.ERROR,
        }
    )


def _ray(module: Any, settings: EngineSettings) -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if settings.address is not None:
        return module.RayTaskRunner(address=settings.address)
    return module.RayTaskRunner(
        init_kwargs={"num_cpus": settings.workers, "include_dashboard": False, "logging_level": logging.ERROR}
    )


def _result(future: PrefectFuture[Worked], name: str) -> Worked:
    result = future.result()
    if not isinstance(result, Worked):
        raise UserError(f"{name}: its task ended without a summary: {result!r}; see the workers' logs")
    return result


def _cancel(future: Any) -> None:
    """Take it out of the cluster's queue; one that runs is stopped by its recall."""
    cancel = getattr(future.wrapped_future, "cancel", None)
    if cancel is not None:
        cancel()
