"""Nothing is left: a server that starts children and is deaf to SIGTERM ends with its starter, however that ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from served_model.vllm.errors import ServeError
from served_model.vllm.server import GUARD, VllmServer
from served_model.vllm.settings import ServeSettings

DEAF = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(os.getpid(), child.pid, flush=True)
time.sleep(600)
"""
POLITE = DEAF.replace("signal.signal(signal.SIGTERM, signal.SIG_IGN)", "")


def is_alive(pid: int) -> bool:
    """A zombie is not: nobody but its parent can remove it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_for_end(pids: list[int]) -> None:
    deadline = time.monotonic() + 100
    while any(map(is_alive, pids)):
        assert time.monotonic() < deadline, "something is left"
        time.sleep(0.05)


def serve(tmp_path: Path, *command: str) -> VllmServer:
    settings = ServeSettings("m", port=1)  # nothing listens there; the port is not bound by these tests
    return VllmServer(settings, command, dict(os.environ), tmp_path / "log")


def pids_in(log: Path) -> list[int]:
    deadline = time.monotonic() + 100
    while len(words := log.read_text().split()) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return [int(word) for word in words]


@pytest.mark.parametrize("program", [POLITE, DEAF], ids=["polite", "deaf"])
def test_stop_ends_the_whole_group(tmp_path: Path, program: str) -> None:
    with serve(tmp_path, sys.executable, "-c", program) as server:
        pids = pids_in(server.log)
        assert all(map(is_alive, pids))
    wait_for_end(pids)


def test_a_killed_starter_leaves_nothing() -> None:
    starter = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import subprocess, sys, time\n"
            f"command = [sys.executable, {str(GUARD)!r}, sys.executable, '-c', {POLITE!r}]\n"
            "subprocess.Popen(command, stdin=subprocess.PIPE)\n"
            "time.sleep(600)",
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert starter.stdout is not None
    pids = [int(word) for word in starter.stdout.readline().split()]
    starter.send_signal(signal.SIGKILL)
    starter.wait()
    wait_for_end(pids)
    starter.stdout.close()


def test_an_end_is_explained(tmp_path: Path) -> None:
    script = "import sys; print('RuntimeError: No CUDA GPUs are available'); sys.exit(3)"
    ends = pytest.raises(ServeError, match=r"status 3: no GPU found.*log: ")
    with ends, serve(tmp_path, sys.executable, "-c", script) as server:
        server.wait_until_up(lambda line: None)
    killed = pytest.raises(ServeError, match="killed")
    with killed, serve(tmp_path, sys.executable, "-c", "import os; os.kill(os.getpid(), 9)") as server:
        server.wait_until_end()
