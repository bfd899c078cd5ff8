"""A real Prefect server for the session, and the command line in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from prefect.testing.utilities import prefect_test_harness

ROOT = Path(__file__).resolve().parents[2]

Provender = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def prefect_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Prefect home that is nobody's own."""
    return tmp_path_factory.mktemp("prefect")


@pytest.fixture
def provender(prefect_home: Path, tmp_path: Path) -> Provender:
    """Runs `python -m flows` in a process of its own and gives exit status, standard output and standard error."""

    def run(*arguments: str | Path, timeout: float = 200) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PREFECT_HOME": str(prefect_home), "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "flows", *map(str, arguments)]
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=timeout, check=False
        )

    return run


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[None]:
    """One temporary Prefect server for all tests that run a flow in this process."""
    with prefect_test_harness(server_startup_timeout=120):
        yield
