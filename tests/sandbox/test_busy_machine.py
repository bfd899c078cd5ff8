"""On a busy machine, right programs stay right: time that a program waits for a core is not on its clock."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from flows.verify_dataset import verify_rows

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


async def test_verdicts_of_a_busy_machine_are_those_of_a_quiet_one(tmp_path: Path) -> None:
    """HumanEvalPack in Python with every core kept busy: right passes, wrong fails, and what is endless is named so."""
    file = Path(__file__).parents[3] / "shared" / "data" / "code" / "humanevalpack_python.jsonl"
    if not file.is_file():
        pytest.skip("../shared/data/code is not here")
    entries = [json.loads(line) for line in file.read_text().splitlines()]
    kinds = {"canonical_solution": "pass", "buggy_solution": "fail"}
    rows = [
        {
            "id": kind,
            "language": "python",
            "program": entry["prompt"] + entry[kind],
            "tests": entry["test"],
            "time_limit_s": 2,
        }
        for entry in entries
        for kind in kinds
    ]
    source, out = tmp_path / "rows.jsonl", tmp_path / "verdicts.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with busy(os.sched_getaffinity(0), len(os.sched_getaffinity(0))):
        await verify_rows("code", source, out)
    verdicts = [json.loads(line) for line in out.read_text().splitlines()]
    assert [verdict["outcome"] for verdict in verdicts] == [kinds[row["id"]] for row in rows]
    assert sum(verdict["reason"] == "timeout_cpu" for verdict in verdicts) == 3
    assert not any(verdict["reason"] == "timeout_wall" for verdict in verdicts)
