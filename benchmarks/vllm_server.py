"""A real vLLM with a model of random weights, as `provender serve` starts it, for the benchmarks that need a server."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from served_model.prefix_cache import CacheUse, read_cache_use
from served_model.server_load import read_samples
from served_model.vllm.environment import VllmEnvironment, default_folder, detect_device, find_environment
from served_model.vllm.server import VllmServer
from served_model.vllm.settings import ServeSettings, command, variables

MAKE_MODEL = Path(__file__).resolve().parents[1] / "tests" / "vllm" / "tiny_model.py"


@dataclass(frozen=True)
class Served:
    """A server that answers."""

    root: str
    environment: VllmEnvironment
    model: Path

    def metrics(self) -> str:
        """Its metrics."""
        with urllib.request.urlopen(f"{self.root}/metrics", timeout=30) as answer:
            return str(answer.read().decode())

    def total(self, counter: str) -> float:
        """A counter over all engines."""
        return sum(read_samples(self.metrics()).get(counter, [0.0]))

    def cache_use(self) -> CacheUse:
        """Its prefix cache so far."""
        return read_cache_use(self.metrics()) or CacheUse()

    def forget_prefixes(self) -> None:
        """Empty the prefix cache."""
        request = urllib.request.Request(f"{self.root}/reset_prefix_cache", method="POST")
        urllib.request.urlopen(request, timeout=30).close()


def environment(folder: Path | None) -> VllmEnvironment:
    """The environment in a folder, else the one that `provender serve` made for this machine."""
    where = folder or default_folder(detect_device())
    found = find_environment(where)
    if found is None:
        sys.exit(f"no vLLM in {where}: make one by `provender serve any --install-only`, or name one by --env")
    return found


@contextmanager
def served(env: VllmEnvironment, kind: str, options: Sequence[str], threads: int | None = None) -> Iterator[Served]:
    """Make the model and serve it while inside."""
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "random"
        subprocess.run([env.python, MAKE_MODEL, model, kind], check=True, capture_output=True)
        settings = ServeSettings(str(model), port=_free_port(), threads=threads, options=tuple(options))
        inherited = {**os.environ, "VLLM_SERVER_DEV_MODE": "1"}  # what empties the prefix cache
        words, log = command(env, settings), Path(folder) / "vllm.log"
        with VllmServer(settings, words, variables(env.device, settings, inherited), log) as server:
            server.wait_until_up(lambda line: print(f"vLLM: {line}", file=sys.stderr, flush=True))
            yield Served(settings.root, env, model)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
