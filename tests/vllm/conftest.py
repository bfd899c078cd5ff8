"""A real vLLM on the CPU with small random models, installed and started by `provender serve` itself.

`PROVENDER_TEST_VLLM_ENV` names an environment to use or to make; without it, `.vllm` in the checkout.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest

from served_model.client import ChatClient
from served_model.config import ModelConfig
from served_model.vllm.environment import find_environment, unsupported

ROOT = Path(__file__).resolve().parents[2]
SLOTS = 16  # of the server: few, so that a small load fills it
QUEUE = 200  # beyond which it answers 503
ENGINE = ("--enforce-eager", "--max-num-seqs", str(SLOTS), "--max-model-len", "4096")
START_S = 500.0


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@dataclass
class Serving:
    """One `provender serve` in a process of its own."""

    model: Path
    env: Path
    options: tuple[str, ...]
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[str] | None = None

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def base_url(self) -> str:
        return f"{self.root}/v1"

    def start(self) -> None:
        options = ["--env", self.env, "--port", self.port, "--device", "cpu", "--threads", 1, "--json"]
        log = ["--log", self.model.parent / f"{self.port}.log"]
        words = ["serve", self.model, *options, *log, "--", *self.options]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "flows", *map(str, words)],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )

    def wait_until_up(self) -> dict[str, str]:
        """What it prints when it answers. It prints nothing else, so a start that fails ends the wait."""
        assert self.process is not None and self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"vLLM did not start: exit {self.process.wait()}"
        up: dict[str, str] = json.loads(line)
        return up

    def interrupt(self) -> int:
        """Ctrl-C; gives the exit status."""
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        status = self.process.wait(60)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return status

    def processes(self) -> list[int]:
        """Of vLLM itself: everything in the session of the guard."""
        assert self.process is not None
        guards = [pid for pid, parent, _ in _table() if parent == self.process.pid]
        return [pid for pid, _, session in _table() if session in guards and pid not in guards]

    def client(self, **settings: float) -> ChatClient:
        config = ModelConfig(self.model.name, (self.base_url,), timeout_s=200, deadline_s=200, **settings)  # type: ignore[arg-type]
        return ChatClient({"default": config})


def _table() -> list[tuple[int, int, int]]:
    """pid, parent and session of every living process."""
    rows = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if fields[0] != "Z":
            rows.append((int(folder.name), int(fields[1]), int(fields[3])))
    return rows


def wait_for_end(pids: list[int]) -> None:
    deadline = time.monotonic() + 100
    while alive := {pid for pid, _, _ in _table()} & set(pids):
        assert time.monotonic() < deadline, f"left: {alive}"
        time.sleep(0.1)


@pytest.fixture(scope="session")
def vllm_env() -> Path:
    """The environment, installed where it is missing by the command that users have."""
    if reason := unsupported("cpu"):
        pytest.skip(reason)
    folder = Path(os.environ.get("PROVENDER_TEST_VLLM_ENV") or ROOT / ".vllm").absolute()
    if find_environment(folder) is None:
        words = ["serve", "any", "--env", str(folder), "--device", "cpu", "--yes", "--install-only"]
        subprocess.run([sys.executable, "-m", "flows", *words], check=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    return folder


@pytest.fixture(scope="session")
def models(vllm_env: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `tiny` and `scorer`, random weights."""
    folder = tmp_path_factory.mktemp("models")
    script = Path(__file__).with_name("tiny_model.py")
    words = [folder / "tiny", "chat", folder / "scorer", "score"]
    subprocess.run([vllm_env / "bin" / "python", script, *words], check=True, capture_output=True)
    return folder


@pytest.fixture(scope="session")
def started(models: Path, vllm_env: Path, request: pytest.FixtureRequest) -> Iterator[dict[str, Serving]]:
    """All servers, started side by side: most of a start is the import of libraries."""
    wanted = {name for item in request.session.items for name in getattr(item, "fixturenames", ())}
    servers = {
        "chat": Serving(models / "tiny", vllm_env, (*ENGINE, "--max-num-queued-reqs", str(QUEUE))),
        "embedder": Serving(models / "tiny", vllm_env, (*ENGINE, "--runner", "pooling", "--convert", "embed")),
        "scorer": Serving(models / "scorer", vllm_env, (*ENGINE, "--runner", "pooling")),
    }
    for name, server in servers.items():
        if name in wanted:
            server.start()
    yield servers
    for server in servers.values():
        if server.process is not None and server.process.poll() is None:
            server.interrupt()


@pytest.fixture(scope="session")
def chat(started: dict[str, Serving]) -> Serving:
    started["chat"].wait_until_up()
    return started["chat"]


@pytest.fixture(scope="session")
def embedder(started: dict[str, Serving]) -> Serving:
    started["embedder"].wait_until_up()
    return started["embedder"]


@pytest.fixture(scope="session")
def scorer(started: dict[str, Serving]) -> Serving:
    started["scorer"].wait_until_up()
    return started["scorer"]


async def metrics(server: Serving) -> dict[str, float]:
    """Sums over labels, and each labelled sample by its whole name."""
    async with aiohttp.ClientSession() as session, session.get(f"{server.root}/metrics") as answer:
        text = await answer.text()
    values: dict[str, float] = {}
    for line in text.splitlines():
        if line.startswith("vllm:"):
            name, _, value = line.rpartition(" ")
            values[name] = float(value)
            values[name.partition("{")[0]] = values.get(name.partition("{")[0], 0.0) + float(value)
    return values
