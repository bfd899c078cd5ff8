"""The Prefect API that flows report to: the configured one, else a temporary server that ends with us."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prefect import tags
from prefect.events.worker import EventsWorker
from prefect.logging.handlers import APILogWorker
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
    get_current_settings,
    temporary_settings,
)

from flows.errors import UserError

HEARTBEAT_S = 30
"""Seconds between signs of life of a run, Prefect's least. The crash automation (`deploy.py`) waits for three."""
TAG = "provender"
"""Of all runs; the crash automation looks at no others."""
START_S = 120.0
STOP_S = 8.0
DRAIN_S = 5.0
EPHEMERAL = {"PREFECT_UI_ENABLED": "0", "PREFECT__SERVER_EPHEMERAL": "1", "PREFECT__SERVER_FINAL": "1"}
"""What Prefect sets for its own temporary server: no UI, and no second server below it."""


@contextmanager
def prefect_api() -> Iterator[None]:
    """Run flows inside: against PREFECT_API_URL where it is set, else against a temporary server.

    Raises UserError where the temporary server does not start.
    """
    if PREFECT_API_URL.value():
        # As a deployed run: the crash automation takes what is silent for longer than that for crashed.
        with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: HEARTBEAT_S}), tags(TAG):
            yield
        return
    port = _free_port()
    server = _start(port)
    try:
        url = f"http://127.0.0.1:{port}/api"
        _wait_for_health(server, url)
        with temporary_settings({PREFECT_API_URL: url}):
            try:
                yield
            finally:
                _send_what_is_queued()
    finally:
        _stop(server)


def _send_what_is_queued() -> None:
    """Prefect sends log lines and events from threads of its own; they must arrive before the server ends."""
    APILogWorker.drain_all(timeout=DRAIN_S)
    EventsWorker.drain_all(timeout=DRAIN_S)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _start(port: int) -> subprocess.Popen[bytes]:
    settings = get_current_settings().to_environment_variables(exclude_unset=True)
    home = str(Path(__file__).resolve().parents[1])
    path = os.pathsep.join(part for part in (home, os.environ.get("PYTHONPATH", "")) if part)
    # A session of its own keeps Ctrl-C from ending the server before the flow has said how it ended.
    return subprocess.Popen(
        [sys.executable, "-m", "flows.prefect_server", str(port)],
        env={**os.environ, **EPHEMERAL, **settings, "PYTHONPATH": path},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _wait_for_health(server: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=5) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    state = "has ended" if server.poll() is not None else f"does not answer after {START_S:.0f} s"
    raise UserError(
        f"the temporary Prefect server {state}; to see why, run `prefect server start` and set PREFECT_API_URL to it"
    )


def _stop(server: subprocess.Popen[bytes]) -> None:
    if server.stdin is not None:
        server.stdin.close()
    try:
        server.wait(STOP_S)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
