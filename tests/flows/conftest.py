"""A real Prefect server for the session, and the command line in a process of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from prefect.testing.utilities import prefect_test_harness

ROOT = Path(__file__).resolve().parents[2]
GRACE_S = 5
"""Seconds for a part of Prefect to end by itself at the end of a test; nothing of it is needed any more."""

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


@dataclass(frozen=True)
class PrefectPlace:
    """A Prefect server as a user has it, with its UI, and a folder that deployed runs work in."""

    url: str
    work: Path
    environment: dict[str, str]

    def provender(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """`python -m flows`, seeing this server."""
        return self._run(["flows", *map(str, arguments)])

    def prefect(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Prefect's own command line, seeing this server."""
        return self._run(["prefect", *arguments])

    def _run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        program = [sys.executable, "-m", *command]
        return subprocess.run(
            program, cwd=self.work, env=self.environment, capture_output=True, text=True, timeout=200, check=False
        )

    @contextmanager
    def started(self, *command: str) -> Iterator[subprocess.Popen[bytes]]:
        """A part of Prefect that runs until the end."""
        with (self.work / f"{command[0]}.log").open("ab") as log:  # two workers share one: neither cuts the other's
            program = [sys.executable, "-m", "prefect", *command]
            process = subprocess.Popen(
                program, cwd=self.work, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(GRACE_S)
            except subprocess.TimeoutExpired:
                process.kill()


@pytest.fixture(scope="session")
def prefect_place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectPlace]:
    """`prefect server start` on loopback, with all its services: the temporary one has no scheduler."""
    with started_place(tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("work")) as place:
        yield place


@contextmanager
def started_place(home: Path, work: Path) -> Iterator[PrefectPlace]:
    """A server with its database in `home`, for runs in `work`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {
        "PREFECT_HOME": str(home),
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_WORKER_QUERY_SECONDS": "2",  # instead of 10, which every run of a test would wait for
        "PYTHONPATH": str(ROOT),
        "PWD": str(work),
    }
    place = PrefectPlace(f"http://127.0.0.1:{port}", work, environment)
    with place.started("server", "start", "--host", "127.0.0.1", "--port", str(port)) as server:
        _wait_until_healthy(f"{place.url}/api/health", server)
        yield place


@pytest.fixture(scope="session")
def prefect_worker(prefect_place: PrefectPlace) -> Iterator[PrefectPlace]:
    """The same with `prefect worker start` beside it."""
    with prefect_place.started("worker", "start", "--pool", "provender", "--type", "process"):
        yield prefect_place


def _wait_until_healthy(url: str, server: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        assert server.poll() is None
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"{url} does not answer")
