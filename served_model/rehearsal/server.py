"""The rehearsal model over HTTP: the part of the OpenAI and vLLM interfaces that provender uses."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass, field

from aiohttp import web

from served_model.rehearsal.answer_key import AnswerKey, AnswerKeyError
from served_model.rehearsal.asking import MODEL, Ask, BadRequest, count_tokens, read_ask
from served_model.rehearsal.embeddings import BadInput, answer
from served_model.rehearsal.faults import draw_wire_fault
from served_model.rehearsal.player import Played, play
from served_model.rehearsal.role import Settings
from served_model.rehearsal.wire import fail

PROMPT_HEADER = "X-Provender-Prompt"
REPAIRS_HEADER = "X-Provender-Repairs"
KEY_HEADER = "X-Provender-Key"
KEY = re.compile(r"[0-9a-f]{32}")
MAX_BODY = 16 << 20  # bytes
MAX_MODEL_LEN = 32_768


@dataclass
class RehearsalModel:
    """The state of one server: what it plays, where it notes it, and which keys it has seen."""

    settings: Settings
    answer_key: AnswerKey
    slots: int = 256  # requests answered at once; further ones wait
    latency_s: float = 0.0  # added to every reply
    seen: set[str] = field(default_factory=set)
    running: int = 0
    waiting: int = 0

    def __post_init__(self) -> None:
        self._free = asyncio.Semaphore(self.slots)

    async def complete(self, request: web.Request) -> web.StreamResponse:
        """POST /v1/chat/completions."""
        try:
            headers = request.headers
            ask = read_ask(await request.read(), headers.get(PROMPT_HEADER, ""), headers.get(REPAIRS_HEADER, ""))
        except BadRequest as error:
            return _error(400, str(error))
        if ask.model != MODEL:
            return _error(404, f"The model `{ask.model}` does not exist.")
        self.waiting += 1
        async with self._free:
            self.waiting -= 1
            self.running += 1
            try:
                return await self._answer(request, ask)
            except AnswerKeyError as error:
                return _error(500, str(error))
            finally:
                self.running -= 1

    async def _answer(self, request: web.Request, ask: Ask) -> web.StreamResponse:
        if self.latency_s:
            await asyncio.sleep(self.latency_s)
        header = request.headers.get(KEY_HEADER, "")
        key = header if KEY.fullmatch(header) else ask.request
        played = play(ask, self.settings)
        reply = json.dumps(completion(ask, played)).encode("ascii")
        if key not in self.seen:
            self.seen.add(key)
            rng = ask.rng(self.settings.seed, "wire")
            kind = draw_wire_fault(rng, self.settings.wire_fault_rate)
            if kind is not None:
                self.answer_key.note_wire_fault(key, ask, kind)
                failed = await fail(request, kind, reply, rng)
                if failed is not None:
                    return failed
        self.answer_key.note_reply(key, ask, played)
        return web.Response(body=reply, content_type="application/json")

    async def embeddings(self, request: web.Request) -> web.StreamResponse:
        """POST /v1/embeddings."""
        try:
            return web.json_response(answer(await request.read(), MODEL))
        except BadInput as error:
            return _error(400, str(error))

    async def models(self, request: web.Request) -> web.Response:
        """GET /v1/models."""
        card = {"id": MODEL, "object": "model", "owned_by": "provender", "max_model_len": MAX_MODEL_LEN}
        return web.json_response({"object": "list", "data": [card]})

    async def health(self, request: web.Request) -> web.Response:
        """GET /health."""
        return web.Response()

    async def metrics(self, request: web.Request) -> web.Response:
        """GET /metrics, with the two gauges of vLLM that show its load."""
        lines = []
        for name, value in (("running", self.running), ("waiting", self.waiting)):
            lines.append(f"# TYPE vllm:num_requests_{name} gauge")
            lines.append(f'vllm:num_requests_{name}{{engine="0",model_name="{MODEL}"}} {value:.1f}')
        return web.Response(text="\n".join(lines) + "\n")


def completion(ask: Ask, played: Played) -> dict[str, object]:
    """The JSON body of a chat completion; holds no clock and no counter, so that equal requests get equal bytes."""
    completion_tokens = count_tokens(played.text)
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": played.text},
        "logprobs": None,
        "finish_reason": played.finish_reason,
    }
    usage = {
        "prompt_tokens": ask.prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": ask.prompt_tokens + completion_tokens,
    }
    head = {"id": f"chatcmpl-{ask.request}", "object": "chat.completion", "created": 0, "model": MODEL}
    return {**head, "choices": [choice], "usage": usage}


def application(model: RehearsalModel) -> web.Application:
    """The server's routes."""
    app = web.Application(client_max_size=MAX_BODY)
    app.router.add_post("/v1/chat/completions", model.complete)
    app.router.add_post("/v1/embeddings", model.embeddings)
    app.router.add_get("/v1/models", model.models)
    app.router.add_get("/health", model.health)
    app.router.add_get("/metrics", model.metrics)
    return app


def _error(status: int, message: str) -> web.Response:
    kind = {404: "NotFoundError", 400: "BadRequestError"}.get(status, "InternalServerError")
    return web.json_response({"error": {"message": message, "type": kind, "code": status}}, status=status)
