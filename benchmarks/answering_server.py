"""A model server with nothing behind it: answers after a delay, and queues without end, as vLLM does.

It is the other side of the throughput figures, so it is as cheap as asyncio allows: one protocol object a connection,
no framework. A request with a response_format is a judge's and gets a score; any other gets text that is its own.

Run: python -m benchmarks.answering_server [--slots 256] [--delay-ms 200] [--jitter 0.5] [--port 0] [--no-metrics]
     [--faults 429:0.02,500:0.02,reset:0.01]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import zlib
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import orjson

WORDS = "Once there was a lighthouse on a cliff, and its keeper wrote down every ship that passed. " * 12  # 1.1 KB
SCORE = '{"reason":"It answers the question in plain words.","score":5}'
ERROR = b'{"error":{"message":"planted","type":"planted","code":null}}'


@dataclass
class Answering:
    """What the server does, and what it has done so far."""

    slots: int = 256
    delay_s: float = 0.2
    jitter: float = 0.0  # share of the delay, evenly to both sides
    metrics: bool = True
    faults: Mapping[str, float] = field(default_factory=dict)  # kind: share
    running: int = 0
    answered: int = 0
    faulted: int = 0
    most_waiting: int = 0
    queue: deque[Callable[[], None]] = field(default_factory=deque)
    rng: random.Random = field(default_factory=lambda: random.Random(1))

    def enter(self, start: Callable[[], None]) -> None:
        """Start at once where a slot is free, else in turn."""
        if self.running < self.slots:
            self.running += 1
            start()
        else:
            self.queue.append(start)
            self.most_waiting = max(self.most_waiting, len(self.queue))

    def leave(self) -> None:
        """Give the slot to the next in line; new slots are filled as well."""
        self.running -= 1
        while self.queue and self.running < self.slots:
            self.running += 1
            self.queue.popleft()()

    def delay(self) -> float:
        return self.delay_s * (1 + self.jitter * self.rng.uniform(-1, 1))

    def fault(self) -> str | None:
        at = self.rng.random()
        for kind, share in self.faults.items():
            at -= share
            if at < 0:
                return kind
        return None


class Connection(asyncio.Protocol):
    """Reads requests by their length and answers them one after another."""

    def __init__(self, state: Answering) -> None:
        self._state = state
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, separator, rest = self._buffer.partition(b"\r\n\r\n")
        if not separator:
            return
        length = head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0]
        if len(rest) < int(length or 0):
            return
        self._buffer = b""
        if head.startswith(b"POST"):
            self._state.enter(lambda: self._start(rest))
        else:
            self._get(head.split(b" ", 2)[1].decode())

    def _start(self, body: bytes) -> None:
        asyncio.get_running_loop().call_later(self._state.delay(), self._answer, body)

    def _answer(self, body: bytes) -> None:
        state = self._state
        state.leave()
        fault = state.fault() if state.faults else None
        if fault is not None:
            state.faulted += 1
            if fault == "reset":
                self._transport.abort()
            else:
                self._send(int(fault), ERROR)
            return
        state.answered += 1
        self._send(200, completion(body))

    def _get(self, path: str) -> None:
        state = self._state
        if path == "/v1/models":
            self._send(200, b'{"object":"list","data":[{"id":"m","object":"model","created":1,"owned_by":"b"}]}')
        elif path == "/metrics" and state.metrics:
            gauges = {"running": state.running, "waiting": len(state.queue)}
            lines = [f'vllm:num_requests_{name}{{engine="0",model_name="m"}} {n:.1f}' for name, n in gauges.items()]
            self._send(200, "\n".join([*lines, 'vllm:kv_cache_usage_perc{engine="0",model_name="m"} 0.1\n']).encode())
        elif path == "/stats":
            names = ("slots", "running", "answered", "faulted", "most_waiting")
            stats = {name: getattr(state, name) for name in names} | {"waiting": len(state.queue)}
            state.most_waiting = 0
            self._send(200, orjson.dumps(stats))
        elif path.startswith("/set?"):
            self._set(path.partition("?")[2])
            self._send(200, b"{}")
        else:
            self._send(404, ERROR)

    def _set(self, query: str) -> None:
        """`slots=512&delay_s=0.05`: another server from now on, for measurements in mid-run."""
        for pair in query.split("&"):
            name, _, value = pair.partition("=")
            setattr(self._state, name, type(getattr(self._state, name))(float(value)))
        self._state.running += 1
        self._state.leave()

    def _send(self, status: int, body: bytes) -> None:
        head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        self._transport.write(head.encode() + body)


def completion(body: bytes) -> bytes:
    """A chat completion whose text is a function of the request."""
    text = SCORE if b'"response_format"' in body else f"{WORDS}{zlib.crc32(body):08x}"
    message = {"role": "assistant", "content": text}
    tokens = len(text) // 4
    usage = {"prompt_tokens": len(body) // 4, "completion_tokens": tokens, "total_tokens": len(body) // 4 + tokens}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    head = {"id": "x", "object": "chat.completion", "created": 1, "model": "m"}
    return orjson.dumps({**head, "choices": [choice], "usage": usage})


async def serve(state: Answering, port: int) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(state), "127.0.0.1", port, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slots", type=int, default=256)
    parser.add_argument("--delay-ms", type=float, default=200.0)
    parser.add_argument("--jitter", type=float, default=0.0)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--no-metrics", action="store_true")
    parser.add_argument("--faults", default="")
    parser.add_argument("--core", type=int, help="pin to this core")
    options = parser.parse_args()
    if options.core is not None:
        os.sched_setaffinity(0, {options.core})
    faults = {kind: float(share) for kind, _, share in (one.partition(":") for one in options.faults.split(",") if one)}
    state = Answering(options.slots, options.delay_ms / 1000, options.jitter, not options.no_metrics, faults)
    asyncio.run(serve(state, options.port))


if __name__ == "__main__":
    main()
