"""What our client costs a request: against a bare aiohttp loop and the openai SDK, same server process, same run.

Run: python -m benchmarks.client_overhead [--requests 4000] [--in-flight 256] [--delay-ms 50]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import openai
import orjson

from records.types import Message
from served_model.client import ChatClient
from served_model.config import ModelConfig
from served_model.journal import Journal
from served_model.journaled import JournaledModel
from served_model.types import ChatRequest, Sampling

PROMPT = "Write a short story about a lighthouse. " * 30  # about 1.2 KB
REPLY = "Once there was a lighthouse. " * 40  # about 1.2 KB
AskOne = Callable[[int], Awaitable[str]]


class Answerer(asyncio.Protocol):
    """The least server there is: reads requests by their length, answers each with the same bytes after a delay."""

    def __init__(self, delay_s: float) -> None:
        self._delay_s = delay_s
        self._buffer = b""
        message = {"role": "assistant", "content": REPLY}
        body = orjson.dumps(
            {
                "id": "x",
                "object": "chat.completion",
                "created": 1,
                "model": "m",
                "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 300, "completion_tokens": 280, "total_tokens": 580},
            }
        )
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        self._answer = head.encode() + body

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, separator, rest = self._buffer.partition(b"\r\n\r\n")
        if not separator:
            return
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        if len(rest) >= length:
            self._buffer = b""
            asyncio.get_running_loop().call_later(self._delay_s, self._transport.write, self._answer)


async def serve(delay_s: float) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: Answerer(delay_s), "127.0.0.1", 0, backlog=2048)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def request_of(number: int) -> ChatRequest:
    messages = (Message("user", f"{PROMPT} {number}"),)
    return ChatRequest("writer", messages, Sampling(seed=number), "benchmarks/client", "0" * 64)


def body_of(number: int) -> dict[str, object]:
    messages = [{"role": "user", "content": f"{PROMPT} {number}"}]
    return {"model": "m", "messages": messages, "temperature": 0.7, "top_p": 0.95, "max_tokens": 2048, "seed": number}


async def drive(ask_one: AskOne, requests: int, in_flight: int) -> tuple[float, float]:
    """Wall and CPU seconds for all requests."""
    numbers = iter(range(requests))

    async def work() -> None:
        for number in numbers:
            assert await ask_one(number) == REPLY

    wall, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(work() for _ in range(in_flight)))
    return time.perf_counter() - wall, time.process_time() - cpu


async def bare_aiohttp(url: str, requests: int, in_flight: int) -> tuple[float, float]:
    headers = {"Content-Type": "application/json", "Authorization": "Bearer none"}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), headers=headers) as session:

        async def ask_one(number: int) -> str:
            async with session.post(f"{url}/chat/completions", data=orjson.dumps(body_of(number))) as response:
                return str(orjson.loads(await response.read())["choices"][0]["message"]["content"])

        return await drive(ask_one, requests, in_flight)


async def openai_sdk(url: str, requests: int, in_flight: int) -> tuple[float, float]:
    http_client = openai.DefaultAioHttpClient()
    async with openai.AsyncOpenAI(base_url=url, api_key="none", max_retries=0, http_client=http_client) as client:

        async def ask_one(number: int) -> str:
            reply = await client.chat.completions.create(**body_of(number))  # type: ignore[call-overload]
            return str(reply.choices[0].message.content)

        return await drive(ask_one, requests, in_flight)


async def our_client(url: str, requests: int, in_flight: int) -> tuple[float, float]:
    config = ModelConfig("m", (url,), max_in_flight=in_flight)
    async with ChatClient({"default": config}) as client:

        async def ask_one(number: int) -> str:
            return (await client.ask(request_of(number))).text

        return await drive(ask_one, requests, in_flight)


async def our_client_with_journal(url: str, requests: int, in_flight: int) -> tuple[float, float]:
    config = ModelConfig("m", (url,), max_in_flight=in_flight)
    with tempfile.TemporaryDirectory() as folder, Journal.open(Path(folder) / "replies.jsonl") as journal:
        async with ChatClient({"default": config}) as client:
            model = JournaledModel(client, journal)

            async def ask_one(number: int) -> str:
                return (await model.ask(request_of(number))).text

            return await drive(ask_one, requests, in_flight)


WAYS = (bare_aiohttp, our_client, our_client_with_journal, openai_sdk)


def measure(url: str, requests: int, in_flight: int, rounds: int) -> None:
    results: dict[str, list[tuple[float, float]]] = {way.__name__: [] for way in WAYS}
    for _ in range(rounds):
        for way in WAYS:
            results[way.__name__].append(asyncio.run(way(url, requests, in_flight)))
    floor_wall, floor_cpu = (statistics.median(column) for column in zip(*results["bare_aiohttp"], strict=True))
    print(f"{'':26}{'wall s':>8}{'ratio':>7}{'CPU us/request':>16}{'ratio':>7}")
    for name, runs in results.items():
        wall, cpu = (statistics.median(column) for column in zip(*runs, strict=True))
        row = f"{name:26}{wall:8.2f}{wall / floor_wall:7.2f}{1e6 * cpu / requests:16.0f}{cpu / floor_cpu:7.2f}"
        print(row)


def pin(core: int) -> None:
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[core % len(cores)]})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=4000)
    parser.add_argument("--in-flight", type=int, default=256)
    parser.add_argument("--delay-ms", type=float, default=50.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        pin(1)
        asyncio.run(serve(options.delay_ms / 1000))
        return
    command = [sys.executable, "-m", "benchmarks.client_overhead", "--serve", "--delay-ms", str(options.delay_ms)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        url = f"http://127.0.0.1:{int(server.stdout.readline())}/v1"
        pin(0)
        try:
            measure(url, options.requests, options.in_flight, options.rounds)
        finally:
            server.terminate()


if __name__ == "__main__":
    main()
