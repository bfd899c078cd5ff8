"""One sandbox for all tests of the package, and the programs' limits that keep the suite short."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from sandbox import open_sandbox
from sandbox.types import Limits, Sandbox

SHORT = Limits(cpu_s=0.5, wall_s=2.0)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def sandbox() -> AsyncIterator[Sandbox]:
    pool = open_sandbox()
    yield pool
    await pool.aclose()


@pytest.fixture(scope="session")
def short() -> Limits:
    return SHORT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    folder = Path(__file__).parents[3] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("../shared/data is not here")
    return folder


@pytest.fixture(scope="session")
def is_root() -> bool:
    return os.geteuid() == 0
