"""One sandbox of each backend for all tests of the package, and the programs' limits that keep the suite short."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from sandbox import open_sandbox
from sandbox.types import Limits, Sandbox
from tests.sandbox.backends import why_no_docker

SHORT = Limits(cpu_s=0.5, wall_s=2.0)


LONG_ON_DOCKER = ("test_spoofing", "test_languages", "test_programs", "test_test_source", "test_values")
"""Run on a second backend they say little more, and take as long again: there they are heavy."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        parameters = getattr(getattr(item, "callspec", None), "params", {})
        if parameters.get("sandbox") == "docker" and item.path.stem in LONG_ON_DOCKER:
            item.add_marker(pytest.mark.heavy)


@pytest_asyncio.fixture(scope="session", loop_scope="session", params=["namespaces", "docker"])
async def sandbox(request: pytest.FixtureRequest) -> AsyncIterator[Sandbox]:
    """Every test that takes it runs once on each backend."""
    if request.param == "docker" and (missing := await asyncio.to_thread(why_no_docker)):
        pytest.skip(missing)
    pool = open_sandbox(request.param)
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
