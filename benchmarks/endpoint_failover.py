"""Two endpoints, one killed with SIGKILL and restarted on its port in mid-run: what is lost, and how fast load moves.

Run: python -m benchmarks.endpoint_failover [--slots 64] [--delay-ms 200] [--seconds 10]

Each phase lasts so many seconds. Every request must be answered once; a request that failed would end the program.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
from dataclasses import dataclass, field
from itertools import count, pairwise

from benchmarks.queue_following import request_of
from served_model.client import ChatClient
from served_model.config import ModelConfig


def start(options: argparse.Namespace, port: int = 0) -> tuple[subprocess.Popen[str], int]:
    command = [sys.executable, "-m", "benchmarks.answering_server", f"--slots={options.slots}", f"--port={port}"]
    command += [f"--delay-ms={options.delay_ms}", "--jitter=0.5"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, int(process.stdout.readline())


@dataclass
class Moments:
    """When each reply came, and what happened to the second endpoint; loop time."""

    answered: list[float] = field(default_factory=list)
    killed: float = 0.0
    back: float = 0.0
    end: float = 0.0

    def rate(self, since: float, until: float) -> float:
        """Replies a second."""
        return sum(since <= moment < until for moment in self.answered) / (until - since)


async def measure(options: argparse.Namespace) -> None:
    servers = [start(options), start(options)]
    config = ModelConfig("m", tuple(f"http://127.0.0.1:{port}/v1" for _, port in servers))
    moments, numbers, stop = Moments(), count(), asyncio.Event()
    loop = asyncio.get_running_loop()

    async def work(client: ChatClient) -> None:
        while not stop.is_set():
            reply = await client.ask(request_of(next(numbers)))
            assert reply.text
            moments.answered.append(loop.time())

    try:
        async with ChatClient({"default": config}) as client:
            workers = [asyncio.create_task(work(client)) for _ in range(8 * options.slots)]
            await asyncio.sleep(options.seconds)
            moments.killed = loop.time()
            servers[1][0].kill()
            servers[1][0].wait()
            await asyncio.sleep(options.seconds)
            moments.back = loop.time()
            servers[1] = await asyncio.to_thread(start, options, servers[1][1])
            await asyncio.sleep(2 * options.seconds)
            moments.end = loop.time()
            stop.set()
            await asyncio.gather(*workers)
            report(moments, options.seconds / 2)
            print(f"asked {next(numbers)}, answered {len(moments.answered)}; {client.snapshot()['m'].faults}")
    finally:
        for process, _ in servers:
            process.kill()


def report(moments: Moments, span: float) -> None:
    """Rates over the last `span` seconds before the kill, before the restart and before the end."""
    rate, back = moments.rate, moments.back
    before, down = rate(moments.killed - span, moments.killed), rate(back - span, back)
    gap = max(b - a for a, b in pairwise(moments.answered))
    seconds = range(1, int(moments.end - back))
    after = next((t for t in seconds if rate(back + t - 1, back + t) > 0.95 * before), None)
    print(
        f"before {before:.0f} replies/s; one endpoint down {down:.0f} ({down / before:.2f} of it); "
        f"longest gap {gap:.2f} s"
    )
    recovered = rate(moments.end - span, moments.end) / before
    print(f"after recovery {recovered:.2f} of before; 0.95 of it {after} s after the restart")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slots", type=int, default=64)
    parser.add_argument("--delay-ms", type=float, default=200.0)
    parser.add_argument("--seconds", type=float, default=10.0)
    asyncio.run(measure(parser.parse_args()))


if __name__ == "__main__":
    main()
