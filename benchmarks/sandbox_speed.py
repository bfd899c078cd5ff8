"""Speed of the sandbox: short Python programs, as ratios to a bare fork and a bare subprocess of the same run.

    python -m benchmarks.sandbox_speed [--programs 2000] [--json FILE]

Designs are measured in turn, in rounds, so that a busy machine slows all of them alike.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from sandbox import open_sandbox
from sandbox.types import Calls, Request, Sandbox, TestSource

PROGRAM = "def f(xs):\n    return sorted(x * x for x in xs if x % 2)\n"
TEST = "assert f([3, 1, 2]) == [1, 9]\nassert f([]) == []\n"
REQUESTS = {
    "program": Request("python", PROGRAM + TEST),
    "calls from outside": Request("python", PROGRAM, tests=Calls("f", ((([3, 1, 2],), [1, 9]), (([],), [])))),
    "test source from outside": Request("python", PROGRAM, tests=TestSource(TEST)),
}
ROUNDS = 10
FLOOR = "bare fork"
# A fork costs by the size of what is forked: the floor is an interpreter that has imported next to nothing.
FORK_LOOP = """
import json, os, sys, time
source, count, times = sys.argv[1], int(sys.argv[2]), []
for _ in range(count):
    began = time.perf_counter()
    pid = os.fork()
    if pid == 0:
        exec(compile(source, "program", "exec"), {})
        os._exit(0)
    os.waitpid(pid, 0)
    times.append(time.perf_counter() - began)
print(json.dumps(times))
"""
Times = list[float]


def bare_fork(count: int) -> Times:
    """Fork, compile, run, wait: the least that a process of its own can cost. Seconds of each."""
    command = [sys.executable, "-I", "-S", "-c", FORK_LOOP, PROGRAM + TEST, str(count)]
    times: Times = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return times


def raw_subprocess(count: int) -> Times:
    """A new interpreter per program, without any isolation. Seconds of each."""
    times = []
    for _ in range(count):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-I", "-c", PROGRAM + TEST], check=True, capture_output=True)
        times.append(time.perf_counter() - began)
    return times


async def in_turn(sandbox: Sandbox, request: Request, count: int) -> Times:
    """One request after the other. Seconds of each."""
    times = []
    for _ in range(count):
        began = time.perf_counter()
        execution = await sandbox.run(request)
        if execution.status != "ok" or (execution.tests and not execution.tests.passed):
            raise RuntimeError(f"a right program was not accepted: {execution}")
        times.append(time.perf_counter() - began)
    return times


async def measure(programs: int) -> tuple[dict[str, Times], dict[str, float]]:
    """Seconds per program of each design, and programs per second of each."""
    one, two = open_sandbox(slots=1), open_sandbox(slots=2)
    times: dict[str, Times] = {}
    spent: dict[str, float] = {}
    count = max(1, programs // ROUNDS)

    def note(name: str, taken: Times, seconds: float) -> None:
        times.setdefault(name, []).extend(taken)
        spent[name] = spent.get(name, 0.0) + seconds

    for _ in range(ROUNDS):
        taken = bare_fork(count)
        note(FLOOR, taken, sum(taken))
        taken = raw_subprocess(max(1, count // 10))
        note("bare subprocess", taken, sum(taken))
        for name, request in REQUESTS.items():
            began = time.perf_counter()
            taken = await in_turn(one, request, count)
            note(f"{one.backend}: {name}", taken, time.perf_counter() - began)
        began = time.perf_counter()
        halves = await asyncio.gather(*(in_turn(two, REQUESTS["program"], count // 2) for _ in range(2)))
        note(f"{two.backend}: program, two slots", [*halves[0], *halves[1]], time.perf_counter() - began)
    await one.aclose()
    await two.aclose()
    return times, {name: len(times[name]) / seconds for name, seconds in spent.items()}


def main() -> None:
    """Print the table, and write it where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--programs", type=int, default=2000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    times, rates = asyncio.run(measure(options.programs))
    rows = []
    print(f"{'design':44} {'p50 ms':>7} {'p99 ms':>7} {'per s':>7} {'of fork':>8} {'x subprocess':>13}")
    for name, taken in times.items():
        p50, p99 = statistics.median(taken) * 1e3, statistics.quantiles(taken, n=100)[98] * 1e3
        of_fork, of_subprocess = rates[name] / rates[FLOOR], rates[name] / rates["bare subprocess"]
        print(f"{name:44} {p50:7.2f} {p99:7.2f} {rates[name]:7.0f} {of_fork:8.0%} {of_subprocess:13.1f}")
        rows.append({"design": name, "p50_ms": p50, "p99_ms": p99, "per_second": rates[name], "of_fork": of_fork})
    if options.json:
        options.json.write_text(json.dumps({"programs": options.programs, "cores": os.cpu_count(), "rows": rows}))


if __name__ == "__main__":
    main()
