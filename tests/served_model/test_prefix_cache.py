"""Counters of prefix caches, read from real HTTP servers: their increase, restarts, servers that do not tell."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from served_model import prefix_cache
from served_model.config import ModelConfig
from served_model.prefix_cache import CacheUse, Increase, read_cache_use, watching

VLLM = """
vllm:prefix_cache_queries_total{engine="0",model_name="m"} 1000.0
vllm:prefix_cache_queries_total{engine="1",model_name="m"} 5e2
vllm:prefix_cache_queries_created{engine="1",model_name="m"} 1.7e9
vllm:prefix_cache_hits_total{engine="0",model_name="m"} 300.0
vllm:prefix_cache_hits_total{engine="1",model_name="m"} 0.0
vllm:external_prefix_cache_hits_total{engine="1",model_name="m"} 77.0
"""


@dataclass
class Server:
    texts: list[str]
    status: int = 200
    keys: list[str | None] = field(default_factory=list)

    async def metrics(self, request: web.Request) -> web.Response:
        self.keys.append(request.headers.get("Authorization"))
        text = self.texts.pop(0) if len(self.texts) > 1 else self.texts[0]
        return web.Response(status=self.status, text=text)


@asynccontextmanager
async def serving(*servers: Server) -> AsyncIterator[list[str]]:
    urls, runners = [], []
    for server in servers:
        app = web.Application()
        app.router.add_get("/metrics", server.metrics)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        urls.append(f"http://127.0.0.1:{runner.addresses[0][1]}/v1")
        runners.append(runner)
    try:
        yield urls
    finally:
        for runner in runners:
            await runner.cleanup()


def said(queries: int, hits: int) -> str:
    return (
        f'vllm:prefix_cache_queries_total{{engine="0"}} {queries}\nvllm:prefix_cache_hits_total{{engine="0"}} {hits}\n'
    )


def test_the_counters_of_servers() -> None:
    assert read_cache_use(VLLM) == CacheUse(1500, 300)
    assert read_cache_use('sglang:prompt_tokens_total{a="b"} 8\nsglang:cached_tokens_total{a="b"} 2') == CacheUse(8, 2)
    assert read_cache_use("vllm:prefix_cache_queries_total{} 8") is None
    assert read_cache_use("") is None
    assert CacheUse(1500, 300).rate == 0.2 and CacheUse().rate == 0.0


async def test_the_increase_of_each_endpoint_from_start_to_end() -> None:
    one, other, dumb = Server([said(100, 50), said(300, 200)]), Server([said(0, 0), said(10, 0)]), Server(["x 1"])
    async with serving(one, other, dumb) as urls:
        models = [ModelConfig("m", (urls[0] + "/", urls[1]), api_key="sesame"), ModelConfig("n", (urls[2],))]
        async with watching(models) as found:
            assert one.keys == ["Bearer sesame"] and dumb.keys == [None]
    assert {url: use.total for url, use in found.items()} == {urls[0]: CacheUse(200, 150), urls[1]: CacheUse(10, 0)}


async def test_a_server_that_is_started_anew_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prefix_cache, "POLL_S", 0.01)
    server = Server([said(100, 50), said(150, 60), said(30, 20), said(40, 20)])
    async with serving(server) as urls, watching([ModelConfig("m", (urls[0],))]) as found:
        while len(server.keys) < 5:
            await asyncio.sleep(0.01)
    assert found[urls[0]].total == CacheUse(90, 30)


async def test_a_server_that_is_gone_or_has_no_metrics_stays_out() -> None:
    async with serving(Server(["nothing"], status=404)) as urls:
        gone = urls[0].replace("/v1", "")
        async with watching([ModelConfig("m", (urls[0], "http://127.0.0.1:9/v1"))]) as found:
            pass
    assert gone and not found


@given(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99), st.booleans())))
def test_an_increase_is_what_was_counted_whatever_is_restarted(steps: list[tuple[int, int, bool]]) -> None:
    seen = Increase()
    seen.observe(CacheUse(7, 3))
    counted, server = CacheUse(), CacheUse(7, 3)
    for queries, hits, anew in steps:
        step = CacheUse(queries + hits, hits)
        server = step if anew else server + step
        if anew and server.queries >= seen.last.queries and server.hits >= seen.last.hits:  # type: ignore[union-attr]
            return  # a restart that nobody can see
        seen.observe(server)
        counted += step
    assert seen.total == counted
