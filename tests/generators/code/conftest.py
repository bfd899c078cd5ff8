"""What the recipes' tests share: the real verifiers and sandbox."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from sandbox import open_sandbox
from verifiers.base import Resources
from verifiers.workers import ProcessPool


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def judges() -> AsyncIterator[Resources]:
    sandbox, workers = open_sandbox(), ProcessPool(1)
    yield Resources(sandbox, workers)
    await workers.aclose()
    await sandbox.aclose()
