"""A run says how well the prefix caches of its servers served it: run.json, report, terminal."""

from __future__ import annotations

import json
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from flows import terminal
from flows.config import validate_config
from flows.make_dataset import run
from flows.rehearse import write_knowledge
from served_model.rehearsal.launch import RehearsalServer


class Caching:
    """In front of the rehearsal model: counts as a server with a prefix cache does."""

    def __init__(self, target: str) -> None:
        self.target, self.queries, self.hits = target.removesuffix("/v1"), 1_000, 500

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.read()
        if request.method == "POST":
            self.queries, self.hits = self.queries + 100, self.hits + 25
        async with (
            aiohttp.ClientSession() as session,
            session.request(request.method, self.target + request.path, data=body, headers=request.headers) as answer,
        ):
            return web.Response(status=answer.status, body=await answer.read(), content_type=answer.content_type)

    async def metrics(self, _: web.Request) -> web.Response:
        counters = {"queries": self.queries, "hits": self.hits}
        return web.Response(text="".join(f"vllm:prefix_cache_{name}_total {n}\n" for name, n in counters.items()))


@pytest.mark.usefixtures("prefect_server")
async def test_the_hit_rate_of_a_run_is_in_its_report(tmp_path: Path) -> None:
    write_knowledge(tmp_path / "knowledge.jsonl")
    with RehearsalServer(seed=1, wire_fault_rate=0.0, knowledge=tmp_path / "knowledge.jsonl") as target:
        server, app = Caching(target), web.Application()
        app.router.add_get("/metrics", server.metrics)
        app.router.add_route("*", "/{path:.*}", server.handle)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        models = {"default": {"base_url": url, "name": "rehearsal"}}
        data = {"name": "cached", "models": models, "recipes": [{"use": "math/solve", "seeds": 6}]}
        published = await run(validate_config(data, "test"), str(tmp_path / "run"))
        await runner.cleanup()
    asked = server.queries - 1_000
    assert asked > 0
    uses = {url: {"queries": asked, "hits": asked // 4}}
    assert json.loads((tmp_path / "run" / "run.json").read_text())["prefix_cache"] == uses
    page = (tmp_path / "run" / "report" / "index.html").read_text()
    assert "Prefix cache" in page and "25.0%" in page and f"{asked:,}" in page
    assert f"prefix cache of {url}: 25.0% of {asked:,} prompt tokens" in terminal.published_text(published, tmp_path)
    assert terminal.published_json(published, tmp_path)["prefix_cache"] == uses
