"""What all shards in work in one process share: model clients, sandbox, workers, the gate, what is spent.

A flow opens it around its shards. A task finds it through a context variable, like the progress reporter; a task that
finds none, in a worker process on another machine, opens one of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from flows.config import RunConfig, api_key
from flows.cores import cores
from flows.seed_gate import Load, SeedGate
from sandbox import open_sandbox
from sandbox.types import Sandbox
from served_model.client import ChatClient
from served_model.config import ModelConfig
from served_model.limits import CEILING
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


_WORKBENCH: ContextVar[Workbench] = ContextVar("provender_workbench")


@asynccontextmanager
async def workbench(config: RunConfig) -> AsyncIterator[Workbench]:
    """The workbench of this context, or a new one that is closed at the end."""
    shared = _WORKBENCH.get(None)
    if shared is not None:
        yield shared
        return
    client = ChatClient(model_configs(config))
    sandbox = open_sandbox(config.sandbox.backend, config.sandbox.slots)
    workers = ProcessPool(cores())
    gate = SeedGate(lambda: Load(client.slots, client.waiting))
    ticking = asyncio.create_task(gate.run())
    bench = Workbench(client, sandbox, workers, gate)
    token = _WORKBENCH.set(bench)
    try:
        yield bench
    finally:
        _WORKBENCH.reset(token)
        ticking.cancel()
        await client.close()
        await workers.aclose()
        await sandbox.aclose()


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
