"""The pipeline on a real vLLM that is killed in mid-run: balanced accounts, nothing lost, nothing asked twice."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from served_model.journal import read_journal
from served_model.service import KEY_HEADER
from tests.vllm.conftest import ROOT, Serving, free_port, wait_for_end

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(900)]

SEEDS = 30
REPLIES_BEFORE_THE_KILL = 20
CONFIG = """
name = "random"
shard_size = 10
[models.default]
base_url = "{url}"
[[recipes]]
use = "math/solve"
seeds = {seeds}
settings = {{ max_tokens = 200 }}
[[recipes]]
use = "math/from_text"
seeds = {seeds}
settings = {{ max_tokens = 400 }}
"""


@dataclass
class Counting:
    """Hands requests on to vLLM and counts, by journal key, those that were answered."""

    target: str
    answered: Counter[str] = field(default_factory=Counter)
    failed: int = 0

    async def handle(self, request: web.Request) -> web.Response:
        """Any path. A server that is gone is a connection that breaks, as it is without us."""
        body = await request.read()
        url = self.target + request.path
        try:
            async with (
                aiohttp.ClientSession() as session,
                session.request(request.method, url, data=body, headers={"Content-Type": "application/json"}) as answer,
            ):
                payload = await answer.read()
                if answer.status == 200 and KEY_HEADER in request.headers:
                    self.answered[request.headers[KEY_HEADER]] += 1
                return web.Response(status=answer.status, body=payload, content_type=answer.content_type)
        except aiohttp.ClientError:
            self.failed += 1
            assert request.transport is not None
            request.transport.abort()
            raise web.HTTPBadGateway from None


@asynccontextmanager
async def counting(target: str) -> AsyncIterator[tuple[Counting, str]]:
    counter, port = Counting(target), free_port()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", counter.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield counter, f"http://127.0.0.1:{port}/v1"
    finally:
        await runner.cleanup()


def journaled(run: Path) -> list[dict[str, Any]]:
    return [line for path in sorted(run.rglob("*.jsonl")) for line in read_journal(path) if "usage" in line]


async def test_make_survives_the_death_of_its_server(chat: Serving, tmp_path: Path) -> None:
    config, run = tmp_path / "run.toml", tmp_path / "run"
    async with counting(chat.root) as (counter, url):
        config.write_text(CONFIG.format(url=url, seeds=SEEDS))
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PREFECT_HOME": str(tmp_path / "prefect")}
        words = [sys.executable, "-m", "flows", "make", str(config), "--out", str(run), "--json"]
        making = await asyncio.create_subprocess_exec(
            *words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        ended = asyncio.create_task(making.communicate())
        assert chat.process is not None
        while sum(counter.answered.values()) < REPLIES_BEFORE_THE_KILL:
            assert not ended.done(), (await ended)[1].decode()
            assert chat.process.poll() is None
            await asyncio.sleep(0.02)
        killed = chat.processes()
        assert killed
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
        assert await asyncio.to_thread(chat.process.wait, 60) == 1  # `provender serve` says so and ends
        await asyncio.to_thread(wait_for_end, killed)
        before = sum(counter.answered.values())
        chat.start()
        await asyncio.to_thread(chat.wait_until_up)
        said, complaints = await ended
    assert making.returncode == 0, complaints.decode()
    assert sum(counter.answered.values()) > before and counter.failed
    replies = journaled(run)
    assert {line["key"] for line in replies} == set(counter.answered)  # nothing that was answered is lost
    assert set(counter.answered.values()) == {1}  # nothing that was answered was asked again
    result = json.loads(said)
    assert_balanced(result, run, SEEDS)
    assert {one["recipe"] for one in result["accounts"]} == {"math/solve", "math/from_text"}
    (use,) = result["prefix_cache"].values()
    assert 0 <= use["hits"] <= use["queries"] and use["queries"] >= sum(line["usage"][0] for line in replies) // 2


def assert_balanced(result: dict[str, Any], run: Path, seeds: int) -> None:
    """A random model's replies are nearly all refused, and each of its seeds is accounted for."""
    entered = {(one["recipe"], one["stage"]): one for one in result["accounts"]}
    for one in result["accounts"]:
        assert one["entered"] == one["accepted"] + one["rejected"] + one["unjudged"] + one["dropped"], one
    assert entered["math/solve", "propose"]["entered"] == seeds
    assert sum(result["accepted"].values()) <= 2
    assert json.loads((run / "run.json").read_text())["state"] == "complete"


def test_ctrl_c_leaves_nothing(chat: Serving) -> None:
    """The last one: the server is gone after it."""
    processes = chat.processes()
    assert len(processes) >= 2  # its HTTP server and its engine
    assert chat.interrupt() == 130
    wait_for_end(processes)
