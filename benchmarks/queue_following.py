"""Does the limit find the server, untuned? A server that queues without end, whose slots double in mid-run.

Run: python -m benchmarks.queue_following [--slots 128] [--delay-ms 500] [--jitter 0.5] [--seconds 20] [--no-metrics]

Prints, before and after the doubling, the share of busy slots and what waits over what runs, sampled at the server ten
times a second, and how long it took until the new slots were 95 % busy.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
from typing import Any

import aiohttp

from records.types import Message
from served_model.client import ChatClient
from served_model.config import ModelConfig
from served_model.types import ChatRequest, Sampling

SETTLE_S = 5.0


def request_of(number: int) -> ChatRequest:
    return ChatRequest("writer", (Message("user", f"{number}"),), Sampling(seed=number), "benchmarks/queue", "0" * 64)


async def demand(client: ChatClient, workers: int) -> None:
    """More work than the server can take, without end."""
    numbers = iter(range(10**9))

    async def work() -> None:
        for number in numbers:
            await client.ask(request_of(number))

    await asyncio.gather(*(work() for _ in range(workers)))


async def samples(session: aiohttp.ClientSession, url: str, seconds: float) -> list[dict[str, Any]]:
    taken = []
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while loop.time() < end:
        await asyncio.sleep(0.1)
        async with session.get(f"{url}/stats") as answer:
            taken.append({**await answer.json(), "at": loop.time()})
    return taken


def show(name: str, taken: list[dict[str, Any]], slots: int) -> None:
    busy = sum(one["running"] for one in taken) / len(taken) / slots
    queues = sorted(one["waiting"] / max(1, one["running"]) for one in taken)
    print(
        f"{name:22} busy {busy:6.1%}   waiting over running: median {queues[len(queues) // 2]:5.1%}, "
        f"p95 {queues[int(0.95 * len(queues))]:5.1%}, most {queues[-1]:5.1%}"
    )


async def measure(port: int, options: argparse.Namespace) -> None:
    url = f"http://127.0.0.1:{port}"
    config = ModelConfig("m", (f"{url}/v1",))
    async with ChatClient({"default": config}) as client, aiohttp.ClientSession() as session:
        work = asyncio.create_task(demand(client, 8 * options.slots))
        loop = asyncio.get_running_loop()
        show("the first seconds", await samples(session, url, SETTLE_S), options.slots)
        show("settled", await samples(session, url, options.seconds), options.slots)
        async with session.get(f"{url}/set?slots={2 * options.slots}"):
            doubled = loop.time()
        taken = await samples(session, url, options.seconds)
        found = next((one["at"] for one in taken if one["running"] >= 0.95 * 2 * options.slots), None)
        print("twice the slots found  " + (f"after {found - doubled:.1f} s" if found else "not found"))
        show("settled again", await samples(session, url, options.seconds), 2 * options.slots)
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slots", type=int, default=128)
    parser.add_argument("--delay-ms", type=float, default=500.0)
    parser.add_argument("--jitter", type=float, default=0.5)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--no-metrics", action="store_true")
    options = parser.parse_args()
    command = [sys.executable, "-m", "benchmarks.answering_server", f"--slots={options.slots}"]
    command += [f"--delay-ms={options.delay_ms}", f"--jitter={options.jitter}"]
    command += ["--no-metrics"] if options.no_metrics else []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            asyncio.run(measure(int(server.stdout.readline()), options))
        finally:
            server.terminate()


if __name__ == "__main__":
    main()
