"""On a busy machine, right programs stay right: time that a program waits for a core is not on its clock."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(600)]

BURN = """
import os, sys
os.set_blocking(0, False)
while sys.stdin.buffer.raw.read(1) is None:
    for _ in range(10**6): pass
"""


@contextmanager
def busy(cores: set[int], processes: int) -> Iterator[None]:
    """Processes that keep some cores busy, and end with this one, whose end of their pipe closes with it."""
    command = [sys.executable, "-I", "-c", f"import os\nos.sched_setaffinity(0, {cores!r})\n{BURN}"]
    burning = [subprocess.Popen(command, stdin=subprocess.PIPE) for _ in range(processes)]
    try:
        yield
    finally:
        for process in burning:
            assert process.stdin is not None
            process.stdin.close()
            process.wait()


PROGRAM = """
import asyncio, os
os.sched_setaffinity(0, {cores!r})
from sandbox import open_sandbox
from sandbox.types import Limits, Request

async def main():
    pool = open_sandbox("namespaces", slots=1)
    spend = "import time\\nwhile time.process_time() < 1.0: pass\\nprint('done')"
    for source in (spend, "import time\\ntime.sleep(60)"):
        print((await pool.run(Request("python", source, limits=Limits(cpu_s=4.0, wall_s=2.0)))).status)
    await pool.aclose()

asyncio.run(main())
"""


def test_waiting_for_a_core_is_not_on_the_clock() -> None:
    """One core, three others on it: one second of work takes four, with a limit of two."""
    cores = {min(os.sched_getaffinity(0))}
    with busy(cores, 3):
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM.format(cores=cores)], capture_output=True, text=True, check=True, timeout=300
        )
    assert done.stdout.split() == ["ok", "timeout_wall"]
