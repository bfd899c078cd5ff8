"""A batch API on loopback, in OpenAI's protocol: takes files, works them when it is asked how they stand, hands out."""

from __future__ import annotations

import asyncio
import itertools
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

KEY = "sk-batch-1234"
Answer = Callable[[dict[str, Any]], tuple[int, Any] | None]
"""Status and body for one request; None: it is not worked."""
STEPS = ("validating", "in_progress", "finalizing")


@dataclass
class BatchService:
    """`ends` is the last status of a batch; `breaks` ends a connection instead of answering, once, after the deed."""

    answer: Answer
    ends: str = "completed"
    breaks: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    batches: dict[str, dict[str, Any]] = field(default_factory=dict)
    worked: list[str] = field(default_factory=list)  # custom ids, in their order
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def app(self) -> web.Application:
        app = web.Application(middlewares=[self._guarded], client_max_size=1 << 28)
        app.router.add_post("/v1/files", self._upload)
        app.router.add_get("/v1/files/{id}/content", self._content)
        app.router.add_post("/v1/batches", self._create)
        app.router.add_get("/v1/batches", self._list)
        app.router.add_get("/v1/batches/{id}", self._look)
        return app

    @web.middleware
    async def _guarded(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if request.headers.get("Authorization") != f"Bearer {KEY}":
            return web.json_response(
                {"error": {"message": f"wrong key {request.headers['Authorization']}"}}, status=401
            )
        answer: web.StreamResponse = await handler(request)
        if self.breaks == f"{request.method} {request.path}":
            self.breaks = ""
            assert request.transport is not None
            request.transport.abort()
        return answer

    def _keep(self, data: bytes) -> str:
        file_id = f"file-{next(self.numbers)}"
        self.files[file_id] = data
        return file_id

    async def _upload(self, request: web.Request) -> web.Response:
        form = await request.post()
        assert form["purpose"] == "batch"
        upload = form["file"]
        assert isinstance(upload, web.FileField) and upload.filename.endswith(".jsonl")
        data = upload.file.read()
        body = {"id": self._keep(data), "object": "file", "bytes": len(data), "created_at": 1, "purpose": "batch"}
        return web.json_response(body | {"filename": upload.filename, "status": "processed"})

    async def _create(self, request: web.Request) -> web.Response:
        body = await request.json()
        assert body["completion_window"] == "24h" and body["endpoint"] == "/v1/chat/completions"
        lines = [json.loads(line) for line in self.files[body["input_file_id"]].splitlines()]
        keys = [line["custom_id"] for line in lines]
        fits = len({line["body"]["model"] for line in lines}) == 1 and len(set(keys)) == len(keys)
        fits = fits and all(line["method"] == "POST" and line["url"] == body["endpoint"] for line in lines)
        errors = None if fits else {"object": "list", "data": [{"message": "one model, please", "line": 1}]}
        batch = body | {
            "id": f"batch-{next(self.numbers)}",
            "object": "batch",
            "created_at": 1,
            "status": "validating",
            "errors": errors,
            "request_counts": {"total": len(lines), "completed": 0, "failed": 0},
        }
        self.batches[batch["id"]] = batch
        return web.json_response(batch)

    async def _list(self, _: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": list(self.batches.values()), "has_more": False})

    async def _look(self, request: web.Request) -> web.Response:
        """Each look brings the batch one step on."""
        batch = self.batches[request.match_info["id"]]
        if batch["errors"]:
            batch["status"] = "failed"
        elif batch["status"] in STEPS[:-1]:
            batch["status"] = STEPS[STEPS.index(batch["status"]) + 1]
        elif batch["status"] == STEPS[-1]:
            await asyncio.to_thread(self._work, batch)
        return web.json_response(batch)

    def _work(self, batch: dict[str, Any]) -> None:
        done, failed = [], []
        for line in map(json.loads, self.files[batch["input_file_id"]].splitlines()):
            given = self.answer(line)
            if given is None:
                continue
            self.worked.append(line["custom_id"])
            response = {"status_code": given[0], "request_id": "r", "body": given[1]}
            result = {"id": f"r-{next(self.numbers)}", "custom_id": line["custom_id"], "response": response}
            (done if given[0] == 200 else failed).append(json.dumps(result | {"error": None}))
        batch["status"] = self.ends
        batch["request_counts"] |= {"completed": len(done), "failed": len(failed)}
        for name, lines in (("output_file_id", done), ("error_file_id", failed)):
            if lines:
                batch[name] = self._keep("\n".join(lines).encode())

    async def _content(self, request: web.Request) -> web.Response:
        return web.Response(body=self.files[request.match_info["id"]], content_type="application/octet-stream")


@contextmanager
def running(service: BatchService) -> Iterator[str]:
    """Serve in a thread of its own, since the client blocks; gives the base URL."""
    loop = asyncio.new_event_loop()
    runner = web.AppRunner(service.app())

    async def start() -> str:
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}/v1"

    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield asyncio.run_coroutine_threadsafe(start(), loop).result(30)
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
