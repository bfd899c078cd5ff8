"""Speed of the sandbox: short Python programs, as ratios to a bare fork, a bare subprocess and `docker run`.

    python -m benchmarks.sandbox_speed [--programs 2000] [--backends namespaces,docker] [--json FILE]

Designs are measured in turn, in rounds, so that a busy machine slows all of them alike. A container or an exec per
program is measured through the engine's interface, with the image of our own Docker backend.
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
from collections.abc import Callable, Sequence
from pathlib import Path

from sandbox import open_sandbox
from sandbox.engine import IMAGE
from sandbox.types import Calls, Request, Sandbox, TestSource

PROGRAM = "def f(xs):\n    return sorted(x * x for x in xs if x % 2)\n"
TEST = "assert f([3, 1, 2]) == [1, 9]\nassert f([]) == []\n"
REQUESTS = {
    "program": Request("python", PROGRAM + TEST),
    "calls from outside": Request("python", PROGRAM, tests=Calls("f", ((([3, 1, 2],), [1, 9]), (([],), [])))),
    "test source from outside": Request("python", PROGRAM, tests=TestSource(TEST)),
}
ROUNDS = 10
FLOOR, SUBPROCESS, RUN = "bare fork", "bare subprocess", "docker run per program"
COMMAND = ["python3", "-I", "-c", PROGRAM + TEST]
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


class ContainerPerProgram:
    """What others do: a container per program, or an exec per program in one that stays. Without any hardening."""

    def __init__(self) -> None:
        import docker

        self._client = docker.from_env()
        self._kept = self._client.containers.run(IMAGE, ["sleep", "3600"], network_mode="none", detach=True, init=True)

    def run(self, count: int) -> Times:
        """Seconds of each `docker run`."""
        return [_timed(lambda: self._client.containers.run(IMAGE, COMMAND, network_mode="none", remove=True))
                for _ in range(count)]  # fmt: skip

    def execute(self, count: int) -> Times:
        """Seconds of each `docker exec`."""
        return [_timed(lambda: self._kept.exec_run(COMMAND)) for _ in range(count)]

    def close(self) -> None:
        """Remove the container that stays."""
        self._kept.remove(force=True)
        self._client.close()


def _timed(body: Callable[[], object]) -> float:
    began = time.perf_counter()
    body()
    return time.perf_counter() - began


class Notes:
    """Seconds of each program, and of the whole, by design."""

    def __init__(self) -> None:
        self.times: dict[str, Times] = {}
        self.spent: dict[str, float] = {}

    def note(self, name: str, taken: Times, seconds: float | None = None) -> None:
        """One round of one design."""
        self.times.setdefault(name, []).extend(taken)
        self.spent[name] = self.spent.get(name, 0.0) + (sum(taken) if seconds is None else seconds)

    def rates(self) -> dict[str, float]:
        """Programs per second."""
        return {name: len(taken) / self.spent[name] for name, taken in self.times.items()}


async def measure(programs: int, backends: Sequence[str]) -> Notes:
    """Every design in turn, round by round."""
    pools = {name: (open_sandbox(name, slots=1), open_sandbox(name, slots=2)) for name in backends}
    per_program = ContainerPerProgram() if "docker" in backends else None
    for one, two in pools.values():  # slots are resident: their start is no part of a program's time
        await asyncio.gather(one.run(REQUESTS["program"]), *(two.run(REQUESTS["program"]) for _ in range(2)))
    notes = Notes()
    count = max(10, programs // ROUNDS)
    for _ in range(ROUNDS):
        notes.note(FLOOR, bare_fork(count))
        notes.note(SUBPROCESS, raw_subprocess(max(1, count // 10)))
        if per_program:
            notes.note(RUN, await asyncio.to_thread(per_program.run, max(1, count // 100)))
            notes.note("docker exec per program", await asyncio.to_thread(per_program.execute, max(1, count // 50)))
        for name, (one, two) in pools.items():
            for kind, request in REQUESTS.items():
                began = time.perf_counter()
                notes.note(f"{name}: {kind}", await in_turn(one, request, count), time.perf_counter() - began)
            began = time.perf_counter()
            halves = await asyncio.gather(*(in_turn(two, REQUESTS["program"], count // 2) for _ in range(2)))
            notes.note(f"{name}: program, two slots", [*halves[0], *halves[1]], time.perf_counter() - began)
    for pool in (pool for pair in pools.values() for pool in pair):
        await pool.aclose()
    if per_program:
        await asyncio.to_thread(per_program.close)
    return notes


def main() -> None:
    """Print the table, and write it where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--programs", type=int, default=2000)
    parser.add_argument("--backends", default="namespaces", help="comma-separated; docker needs an engine and an image")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    notes = asyncio.run(measure(options.programs, options.backends.split(",")))
    rates, rows = notes.rates(), []
    print(f"{'design':44}{'p50 ms':>8}{'p99 ms':>8}{'per s':>8}{'of fork':>9}{'x subprocess':>14}{'x docker run':>14}")
    for name, taken in notes.times.items():
        p50, p99 = statistics.median(taken) * 1e3, statistics.quantiles(taken, n=100)[98] * 1e3
        of_fork, of_subprocess = rates[name] / rates[FLOOR], rates[name] / rates[SUBPROCESS]
        of_run = rates[name] / rates[RUN] if RUN in rates else float("nan")
        print(f"{name:44}{p50:8.2f}{p99:8.2f}{rates[name]:8.0f}{of_fork:9.0%}{of_subprocess:14.1f}{of_run:14.0f}")
        rows.append({"design": name, "p50_ms": p50, "p99_ms": p99, "per_second": rates[name], "of_fork": of_fork})
    if options.json:
        options.json.write_text(json.dumps({"programs": options.programs, "cores": os.cpu_count(), "rows": rows}))


if __name__ == "__main__":
    main()
