"""Killable worker processes for CPU work with a deadline: an endless computation costs one process, and nothing waits.

A call's deadline is CPU time of its worker, counted by the kernel from the moment the function starts: a busy machine
makes no call late. A wall-clock bound, several times larger, catches a function that sleeps.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import pickle
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from verifiers.worker_process import HEADER

T = TypeVar("T")

START = "from verifiers.worker_process import main; main()"
MEMORY_BYTES = 1 << 30  # address space of one worker; sympy and math-verify need about a quarter of it


class WorkerError(Exception):
    """A call gave no result; nothing is known about its question."""


class DeadlineExceeded(WorkerError):
    """The function used up its deadline; its worker was killed and will be replaced."""


class WorkerDied(WorkerError):
    """The worker ended by itself: memory limit, crash, or a stranger's signal."""


class CallFailed(WorkerError):
    """The function raised; the message names the exception. The worker lives on."""


@dataclass
class _Worker:
    """One process and the two ends of our side of its socket."""

    process: subprocess.Popen[bytes]
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def ask(self, message: bytes) -> tuple[str, Any]:
        """Send one call and wait for its answer. Raises EOFError or OSError when the worker ends instead."""
        self.writer.write(HEADER.pack(len(message)) + message)
        (size,) = HEADER.unpack(await self.reader.readexactly(HEADER.size))
        answer: tuple[str, Any] = pickle.loads(await self.reader.readexactly(size))
        return answer

    async def end(self) -> int:
        """Kill it if it lives, reap it, close the socket; returns its exit status (negative: a signal)."""
        self.process.kill()
        self.writer.close()
        status = await asyncio.to_thread(self.process.wait)
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()
        return status


async def _start(memory_bytes: int) -> _Worker:
    """Raises WorkerDied when the system has no process to give."""
    ours, theirs = socket.socketpair()
    try:
        process = _spawn(theirs, memory_bytes)
    except OSError as error:
        ours.close()
        raise WorkerDied(f"no worker could be started: {error}") from None
    finally:
        theirs.close()
    try:
        reader, writer = await asyncio.open_connection(sock=ours)
    except asyncio.CancelledError:
        ours.close()
        process.kill()
        process.wait()
        raise
    return _Worker(process, reader, writer)


def _spawn(connection: socket.socket, memory_bytes: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", START, str(os.getpid()), str(memory_bytes)],
        stdin=connection.fileno(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONHASHSEED": "0", "PYTHONPATH": os.pathsep.join(path or "." for path in sys.path)},
        process_group=0,  # a Ctrl-C at the terminal is for us alone
    )


class ProcessPool:
    """At most `size` worker processes, started when they are first needed, from a clean interpreter.

    Belongs to one event loop. Every worker dies with the thread that runs the loop (parent-death signal) and when the
    pool is closed. Calls beyond `size` wait their turn; waiting does not count against a deadline.
    """

    def __init__(self, size: int, memory_bytes: int = MEMORY_BYTES) -> None:
        if size < 1:
            raise ValueError("a pool needs at least one worker")
        self._memory_bytes = memory_bytes
        self._size = size
        self._slow_lane: ProcessPool | None = None
        self._turns = asyncio.Semaphore(size)
        self._idle: list[_Worker] = []
        self._busy: list[_Worker] = []
        self._closed = False

    async def run(self, function: Callable[..., T], *args: Any, deadline_s: float, wall_s: float | None = None) -> T:
        """`function(*args)` in a worker. `function` is a module-level function; arguments and result are picklable.

        `deadline_s` is CPU seconds; `wall_s` is wall seconds, by default 5 * deadline_s + 5.
        Raises DeadlineExceeded, WorkerDied (also after `aclose`), or CallFailed when the function itself raised.
        """
        message = pickle.dumps((deadline_s, function, args))
        wall_s = 5 * deadline_s + 5 if wall_s is None else wall_s
        async with self._turns:
            worker = await self._take()
            kind, value = await self._ask(worker, message, wall_s)
        if kind == "error":
            raise CallFailed(value)
        result: T = value
        return result

    @property
    def slow_lane(self) -> ProcessPool:
        """As many workers again, for calls that may well meet their deadline: no call of this pool waits for them."""
        if self._slow_lane is None:
            self._slow_lane = ProcessPool(self._size, self._memory_bytes)
            self._slow_lane._closed = self._closed
        return self._slow_lane

    async def _take(self) -> _Worker:
        """A worker for one call, from the idle ones where there are any."""
        if self._closed:
            raise WorkerDied("the pool is closed")
        worker = self._idle.pop() if self._idle else await _start(self._memory_bytes)
        self._busy.append(worker)
        if self._closed:  # while it started
            self._busy.remove(worker)
            await worker.end()
            raise WorkerDied("the pool is closed")
        return worker

    async def _ask(self, worker: _Worker, message: bytes, wall_s: float) -> tuple[str, Any]:
        healthy = False
        try:
            async with asyncio.timeout(wall_s):
                answer = await worker.ask(message)
            healthy = not self._closed
            return answer
        except TimeoutError:
            raise DeadlineExceeded(f"no result within {wall_s} s of wall-clock time") from None
        except (EOFError, OSError):
            status = await worker.end()
            if status == -signal.SIGPROF:
                raise DeadlineExceeded("the CPU time allowed was used up") from None
            raise WorkerDied(f"the worker ended with status {status}") from None
        finally:
            # Also on cancellation: a worker that still computes an unwanted answer must not get the next question.
            if worker in self._busy:
                self._busy.remove(worker)
                if healthy:
                    self._idle.append(worker)
                else:
                    await worker.end()

    async def aclose(self) -> None:
        """Kill and reap every worker; calls under way raise WorkerDied."""
        self._closed = True
        if self._slow_lane is not None:
            await self._slow_lane.aclose()
        workers, self._idle = self._idle, []
        for worker in self._busy:
            worker.process.kill()  # its own call reaps it
        await asyncio.gather(*(worker.end() for worker in workers))
