"""The worker pool: results, deadlines, deaths, limits, and that nothing is left behind."""

from __future__ import annotations

import asyncio
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from verifiers.workers import CallFailed, DeadlineExceeded, ProcessPool, WorkerDied

ACCEPTS = [
    (math.sqrt, (16.0,), 4.0),
    (math.comb, (50, 25), math.comb(50, 25)),
    (str.upper, ("é",), "É"),
    (sorted, ([3, 1],), [1, 3]),
]
REJECTS = [
    (math.sqrt, (-1.0,), "ValueError"),
    (int, ("x",), "ValueError"),
    (divmod, (1, 0), "ZeroDivisionError"),
    (eval, ("(",), "SyntaxError"),
]
# Code that gives no result: what the caller must learn is that nothing is known.
UNJUDGED = [
    (eval, ("9**9**9",), DeadlineExceeded),
    (eval, ("[1 for _ in iter(int, 1)] ",), DeadlineExceeded),
    (os._exit, (3,), WorkerDied),
    (os.abort, (), WorkerDied),
    (bytearray, (8 << 30,), WorkerDied),
    (eval, ("__import__('os').kill(__import__('os').getpid(), 9)",), WorkerDied),
]


@pytest.fixture
async def pool() -> AsyncIterator[ProcessPool]:
    workers = ProcessPool(2)
    yield workers
    await workers.aclose()


def children() -> set[int]:
    """Process ids of our living worker processes."""
    found = set()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            status = (entry / "status").read_text()
            command = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if b"worker_process" in command and f"PPid:\t{os.getpid()}\n" in status and "State:\tZ" not in status:
            found.add(int(entry.name))
    return found


async def test_results_come_back(pool: ProcessPool) -> None:
    for function, args, expected in ACCEPTS:
        assert await pool.run(function, *args, deadline_s=5) == expected


async def test_what_a_function_raises_is_named_and_the_worker_lives_on(pool: ProcessPool) -> None:
    await pool.run(math.sqrt, 1.0, deadline_s=5)
    before = children()
    for function, args, name in REJECTS:
        with pytest.raises(CallFailed, match=name):
            await pool.run(function, *args, deadline_s=5)
    assert children() == before


async def test_a_lost_call_is_told_apart_and_its_worker_replaced(pool: ProcessPool) -> None:
    for function, args, error in UNJUDGED:
        with pytest.raises(error):
            await pool.run(function, *args, deadline_s=0.2)
        assert await pool.run(math.sqrt, 4.0, deadline_s=5) == 2.0


async def test_a_sleeping_function_meets_the_wall_clock_bound(pool: ProcessPool) -> None:
    with pytest.raises(DeadlineExceeded):
        await pool.run(time.sleep, 60, deadline_s=5, wall_s=0.3)
    assert await pool.run(math.sqrt, 4.0, deadline_s=5) == 2.0


async def test_waiting_for_a_turn_does_not_count() -> None:
    pool = ProcessPool(1)
    await pool.run(math.sqrt, 4.0, deadline_s=5)  # the worker is up
    calls = [pool.run(time.sleep, 1.1, deadline_s=5, wall_s=10) for _ in range(10)]  # 11 s in all
    assert await asyncio.gather(*calls) == [None] * 10
    await pool.aclose()


async def test_ordinary_calls_finish_while_others_hang() -> None:
    pool = ProcessPool(2)
    hanging = [asyncio.create_task(pool.run(eval, "9**9**9", deadline_s=0.3)) for _ in range(4)]
    results = await asyncio.gather(*(pool.run(math.sqrt, float(n * n), deadline_s=5) for n in range(200)))
    assert results == [float(n) for n in range(200)]
    assert all(isinstance(error, DeadlineExceeded) for error in await asyncio.gather(*hanging, return_exceptions=True))
    await pool.aclose()


async def test_a_cancelled_call_does_not_answer_the_next_one() -> None:
    pool = ProcessPool(1)
    task = asyncio.create_task(pool.run(time.sleep, 30, deadline_s=60))
    await asyncio.sleep(0.3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await pool.run(math.sqrt, 9.0, deadline_s=5) == 3.0
    await pool.aclose()


async def test_workers_start_when_needed_and_no_more_than_allowed(pool: ProcessPool) -> None:
    before = children()
    assert before == set()
    await asyncio.gather(*(pool.run(math.sqrt, 1.0, deadline_s=5) for _ in range(20)))
    assert 1 <= len(children()) <= 2


async def test_close_leaves_nothing_and_ends_calls_under_way() -> None:
    pool = ProcessPool(2)
    await pool.run(math.sqrt, 1.0, deadline_s=5)
    task = asyncio.create_task(pool.run(time.sleep, 30, deadline_s=60))
    await asyncio.sleep(0.2)
    await pool.aclose()
    with pytest.raises(WorkerDied):
        await task
    assert children() == set()
    with pytest.raises(WorkerDied, match="closed"):
        await pool.run(math.sqrt, 1.0, deadline_s=5)


async def test_close_while_a_worker_starts_leaves_nothing() -> None:
    pool = ProcessPool(2)
    calls = [asyncio.create_task(pool.run(math.sqrt, 1.0, deadline_s=5)) for _ in range(2)]
    await asyncio.sleep(0)
    await pool.aclose()
    for result in await asyncio.gather(*calls, return_exceptions=True):
        assert result == 1.0 or isinstance(result, WorkerDied)
    assert children() == set()


async def test_a_worker_ignores_an_interrupt_meant_for_us(pool: ProcessPool) -> None:
    await pool.run(math.sqrt, 1.0, deadline_s=5)
    (worker,) = children()
    assert os.getpgid(worker) != os.getpgid(0)  # the terminal's Ctrl-C does not reach it
    os.kill(worker, signal.SIGINT)
    assert await pool.run(math.sqrt, 9.0, deadline_s=5) == 3.0
    assert children() == {worker}


async def test_a_worker_killed_between_calls_is_replaced(pool: ProcessPool) -> None:
    await pool.run(math.sqrt, 1.0, deadline_s=5)
    (worker,) = children()
    os.kill(worker, signal.SIGKILL)
    with pytest.raises(WorkerDied):
        await pool.run(math.sqrt, 9.0, deadline_s=5)
    assert await pool.run(math.sqrt, 9.0, deadline_s=5) == 3.0


PARENT = """
import asyncio, time
from verifiers.workers import ProcessPool
async def main():
    pool = ProcessPool(2)
    await asyncio.gather(*(pool.run(time.sleep, 0.1, deadline_s=5) for _ in range(2)))
    asyncio.create_task(pool.run(eval, "9**9**9", deadline_s=600))
    await asyncio.sleep(0.3)
    print("ready", *(worker.process.pid for worker in pool._idle + pool._busy), flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""


def test_workers_die_with_a_killed_parent() -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert parent.stdout is not None
    pids = [int(word) for word in parent.stdout.readline().split()[1:]]
    assert len(pids) == 2
    parent.kill()
    parent.wait()
    parent.stdout.close()
    for _ in range(500):
        if not any(is_running(pid) for pid in pids):
            return
        time.sleep(0.02)
    pytest.fail("a worker outlives its parent")


def is_running(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def test_a_pool_of_none_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        ProcessPool(0)
