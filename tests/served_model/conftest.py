"""A real HTTP server on loopback that plays scripted answers and wire faults, and counts what it sees."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from records.types import Message
from served_model.config import ModelConfig
from served_model.types import ChatRequest, Sampling

SECRET = "sk-very-secret-4711"


def completion(text: str | None, finish_reason: str = "stop", **message: Any) -> dict[str, Any]:
    return {
        "id": "x",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text, **message},
                "finish_reason": finish_reason,
            }
        ],
        "usage": {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8},
    }


@dataclass
class Step:
    """One answer of the server."""

    status: int = 200
    body: bytes | None = None  # None: a completion that echoes the last message
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    delay_s: float = 0.0
    cut: str = ""  # "reset": RST before any answer; "half": half of the body, then close; "close": no answer at all


def says(text: str | None, finish_reason: str = "stop", **message: Any) -> Step:
    return Step(body=json.dumps(completion(text, finish_reason, **message)).encode())


def fails(status: int, message: str = "no", headers: dict[str, str] | None = None, code: str | None = None) -> Step:
    return Step(status, json.dumps({"error": {"message": message, "code": code}}).encode(), headers or {})


@dataclass
class Seen:
    body: dict[str, Any]
    headers: dict[str, str]

    @property
    def key(self) -> str:
        return self.headers["X-Provender-Key"]

    @property
    def text(self) -> str:
        return str(self.body["messages"][-1]["content"])


class StubServer:
    """Plays `script` first, then asks `default` for each request. Can be stopped and started on the same port."""

    def __init__(self) -> None:
        self.script: deque[Step] = deque()
        self.default: Callable[[Seen], Step | Awaitable[Step]] = lambda seen: Step()
        self.seen: list[Seen] = []
        self.answered: list[str] = []  # keys answered with status 200
        self.in_flight = self.most_in_flight = self.dropped = 0
        self.models = ["m"]
        self.port = 0
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    async def start(self) -> None:
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._answer)
        app.router.add_get("/v1/models", self._models)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _models(self, _: web.Request) -> web.Response:
        data = [{"id": name, "object": "model", "created": 1, "owned_by": "me"} for name in self.models]
        return web.json_response({"object": "list", "data": data})

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            return await self._play(request)
        except asyncio.CancelledError:
            self.dropped += 1
            raise
        finally:
            self.in_flight -= 1

    async def _play(self, request: web.Request) -> web.StreamResponse:
        seen = Seen(await request.json(), dict(request.headers))
        self.seen.append(seen)
        step: Any = self.script.popleft() if self.script else self.default(seen)
        if asyncio.iscoroutine(step):
            step = await step
        await asyncio.sleep(step.delay_s)
        body = json.dumps(completion(f"echo {seen.text}")).encode() if step.body is None else step.body
        assert request.transport is not None
        if step.cut in ("reset", "close"):
            request.transport.abort() if step.cut == "reset" else request.transport.close()
            return web.Response()
        headers = {"Content-Type": step.content_type, **step.headers}
        if step.cut == "half":
            response = web.StreamResponse(status=step.status, headers=headers)
            response.content_length = len(body)
            await response.prepare(request)
            await response.write(body[: len(body) // 2])
            request.transport.close()
            return response
        if step.status == 200:
            self.answered.append(seen.key)
        return web.Response(status=step.status, body=body, headers=headers)


@pytest.fixture
async def server() -> AsyncIterator[StubServer]:
    stub = StubServer()
    await stub.start()
    yield stub
    await stub.stop()


@pytest.fixture
async def second_server() -> AsyncIterator[StubServer]:
    stub = StubServer()
    await stub.start()
    yield stub
    await stub.stop()


@pytest.fixture
def config_of() -> Callable[..., ModelConfig]:
    """Configs with short pauses, so that faults cost milliseconds here."""

    def make(*servers: StubServer, **changes: Any) -> ModelConfig:
        urls = tuple(server.url for server in servers)
        settings: dict[str, Any] = {
            "api_key": SECRET,
            "timeout_s": 5.0,
            "deadline_s": 20.0,
            "backoff_s": 0.01,
            "cooldown_s": 0.02,
        }
        return ModelConfig("m", changes.pop("base_urls", urls), **{**settings, **changes})

    return make


@pytest.fixture
def request_of() -> Callable[..., ChatRequest]:
    def make(text: str = "hello", seed: int = 0, **changes: Any) -> ChatRequest:
        fields: dict[str, Any] = {"role": "writer", "prompt": "generators.code/problem", "prompt_sha256": "0" * 64}
        return ChatRequest(messages=(Message("user", text),), sampling=Sampling(seed=seed), **{**fields, **changes})

    return make


@pytest.fixture
def answers() -> Any:
    """The makers of server steps: tests cannot import from a conftest."""
    return Answers


class Answers:
    Step = Step
    says = staticmethod(says)
    fails = staticmethod(fails)
    completion = staticmethod(completion)
    StubServer = StubServer
    SECRET = SECRET
