"""Starts and stops the rehearsal model in a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import selectors
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO

from served_model.types import ModelUnavailable

START_S = 60.0  # a loaded machine takes long to import a web server
STOP_S = 5.0
ROOT = Path(__file__).resolve().parents[2]


@dataclass
class RehearsalServer:
    """A context manager, plain or async, that yields the server's base URL.

    The rates are shares from 0 to 1; a wire fault rate of None means a quarter of the fault rate. Raises
    ModelUnavailable where the server does not start.
    """

    seed: int = 0
    fault_rate: float = 0.0
    wire_fault_rate: float | None = None
    knowledge: Path | None = None
    answer_key: Path | None = None
    latency_ms: float = 0.0
    slots: int = 256
    judge_accuracy: float = 1.0
    guard_accuracy: float = 1.0
    unsafe_rate: float = 0.0
    port: int = 0
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self) -> str:
        """Start the process and wait until it listens; returns the base URL."""
        # A session of its own keeps Ctrl-C from ending the server before the run has ended cleanly.
        self.process = subprocess.Popen(
            self._command(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(self._python_path())},
            start_new_session=True,
        )
        try:
            assert self.process.stdout is not None
            return str(json.loads(_first_line(self.process.stdout))["base_url"])
        except (ValueError, KeyError, TypeError):
            self.stop()
            raise ModelUnavailable(f"the rehearsal model did not start (exit {self.process.returncode})") from None
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End the process and wait for it; harmless where it has ended."""
        process = self.process
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        # The end of its input ends it; a signal at the same time would cut its own end short.
        for end in (None, process.terminate, process.kill):
            if end is not None:
                end()
            try:
                process.wait(STOP_S)
                break
            except subprocess.TimeoutExpired:
                continue
        if process.stdout is not None:
            process.stdout.close()

    def __enter__(self) -> str:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    async def __aenter__(self) -> str:
        return await asyncio.to_thread(self.start)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.stop)

    def _command(self) -> list[str]:
        options: dict[str, object] = {
            "port": self.port,
            "seed": self.seed,
            "fault-rate": self.fault_rate,
            "wire-fault-rate": self.wire_fault_rate,
            "knowledge": self.knowledge,
            "answer-key": self.answer_key,
            "latency-ms": self.latency_ms,
            "slots": self.slots,
            "judge-accuracy": self.judge_accuracy,
            "guard-accuracy": self.guard_accuracy,
            "unsafe-rate": self.unsafe_rate,
        }
        given = [f"--{name}={value}" for name, value in options.items() if value is not None]
        return [sys.executable, "-m", "served_model.rehearsal", *given]

    def _python_path(self) -> list[str]:
        inherited = os.environ.get("PYTHONPATH")
        return [str(ROOT), *([inherited] if inherited else [])]


def _first_line(pipe: IO[bytes]) -> bytes:
    """The line that the server prints when it is ready; less than a line where it ends or takes too long."""
    deadline = time.monotonic() + START_S
    line = b""
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while not line.endswith(b"\n") and selector.select(max(0.0, deadline - time.monotonic())):
            data = os.read(pipe.fileno(), 4096)
            if not data:
                break
            line += data
    return line
