"""The server over real HTTP: the interface that clients rely on, faults on the wire, the answer key."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from pathlib import Path

import aiohttp
import openai
import pytest
from aiohttp.test_utils import TestServer

from served_model.rehearsal.answer_key import AnswerKey
from served_model.rehearsal.code_roles import PROBLEM
from served_model.rehearsal.faults import WIRE_FAULTS
from served_model.rehearsal.knowledge import Fact
from served_model.rehearsal.math_roles import SOLVE
from served_model.rehearsal.role import Settings
from served_model.rehearsal.server import KEY_HEADER, PROMPT_HEADER, RehearsalModel, application

TROUBLE = (aiohttp.ClientError, ConnectionError, ValueError)


class Running:
    """A server on loopback and a session to it."""

    def __init__(self, model: RehearsalModel, server: TestServer, session: aiohttp.ClientSession, path) -> None:
        self.model, self.server, self.session, self.path = model, server, session, path
        self.base_url = str(server.make_url("/v1"))

    async def post(self, body: bytes, key: str = "", prompt: str = PROBLEM) -> tuple[int, bytes, dict]:
        headers = {"Content-Type": "application/json", PROMPT_HEADER: prompt, KEY_HEADER: key}
        async with self.session.post(f"{self.base_url}/chat/completions", data=body, headers=headers) as response:
            return response.status, await response.read(), dict(response.headers)

    async def get(self, path: str) -> tuple[int, str]:
        async with self.session.get(self.server.make_url(path)) as response:
            return response.status, await response.text()

    def lines(self) -> list[dict]:
        return [json.loads(line) for line in self.path.read_text().splitlines()]


@pytest.fixture
async def running(tmp_path):
    """Start servers: `await running(settings, slots=..., latency_s=...)`."""
    started = []

    async def start(settings: Settings | None = None, **options) -> Running:
        path = options.pop("answer_key", tmp_path / f"key{len(started)}.jsonl")
        key = AnswerKey(path)
        model = RehearsalModel(settings or Settings(seed=2), key, **options)
        server = TestServer(application(model))
        await server.start_server()
        session = aiohttp.ClientSession()
        started.append((server, session, key))
        return Running(model, server, session, path)

    yield start
    for server, session, key in started:
        await session.close()
        await server.close()
        key.close()


async def test_the_openai_package_can_talk_to_it(running, snippet):
    server = await running(Settings(seed=2, facts={"Six times seven?": Fact("42")}))
    async with openai.AsyncOpenAI(base_url=server.base_url, api_key="none", max_retries=0) as client:
        assert [model.id async for model in client.models.list()] == ["rehearsal"]
        message = {"role": "user", "content": f"<snippet>\n{snippet}\n</snippet>"}
        answer = await client.chat.completions.create(model="rehearsal", messages=[message], seed=1, max_tokens=900)
        choice = answer.choices[0]
        assert choice.finish_reason == "stop" and choice.message.content.startswith("## Problem")
        assert answer.usage.completion_tokens > 50 and answer.usage.prompt_tokens > 10
        message = {"role": "user", "content": "<question>Six times seven?</question>"}
        short = await client.chat.completions.create(model="rehearsal", messages=[message], max_tokens=5)
        assert short.choices[0].finish_reason == "length" and len(short.choices[0].message.content) == 20


async def test_equal_bodies_get_equal_bytes(running, make_body, snippet):
    first, second = await running(), await running()
    for seed in range(20):
        body = make_body(f"<snippet>\n{snippet}\n</snippet>", seed)
        answers = {(await server.post(body))[1] for server in (first, first, second)}
        assert len(answers) == 1
        other_layout = json.dumps(dict(reversed(json.loads(body).items())), indent=1).encode()
        assert (await first.post(other_layout))[1] in answers


async def test_the_answer_key_names_every_reply(running, make_body, snippet):
    server = await running(Settings(seed=4, fault_rate=0.5))
    keys = [f"{number:032x}" for number in range(60)]
    for number, key in enumerate(keys):
        await server.post(make_body(f"<snippet>\n{snippet}\n</snippet>", number), key)
    lines = server.lines()
    assert [line["key"] for line in lines] == keys
    assert all(line["prompt"] == PROBLEM and line["wire"] is None for line in lines)
    kinds = Counter(line["fault"] for line in lines)
    assert set(kinds) == {None, "missing_section", "sections_out_of_order", "truncated"}
    assert all((line["decidable_by"] is None) == (line["fault"] is None) for line in lines)


async def test_without_a_key_the_body_names_the_line(running, make_body):
    server = await running()
    await server.post(make_body("<question>?</question>"), "not a key", SOLVE)
    await server.post(make_body("<question>?</question>"), "", SOLVE)
    lines = server.lines()
    assert lines[0] == lines[1] and lines[0]["key"] == lines[0]["request"] and lines[0]["fault"] == "cannot_answer"


async def test_wire_faults_come_once_and_do_not_change_the_reply(running, make_body, snippet):
    calm, rough = await running(Settings(seed=4)), await running(Settings(seed=4, wire_fault_rate=1.0))
    seen = Counter()
    for number in range(60):
        body, key = make_body(f"<snippet>\n{snippet}\n</snippet>", number), f"{number:032x}"
        _, expected, _ = await calm.post(body, key)
        try:
            status, data, headers = await rough.post(body, key)
            if status == 200:
                assert json.loads(data) and data == expected  # only late
                seen["stall"] += 1
            else:
                assert (status == 429) == (headers.get("Retry-After") in ("0", "1"))
                seen[f"http_{status}"] += 1
        except TROUBLE as error:
            seen[type(error).__name__] += 1
        status, data, _ = await rough.post(body, key)
        assert (status, data) == (200, expected)
    lines = rough.lines()
    wire = Counter(line["wire"] for line in lines if line["wire"])
    assert set(wire) == set(WIRE_FAULTS) and wire.total() == 60
    assert all(line["fault"] is None for line in lines if line["wire"])
    assert {kind: wire[kind] for kind in ("http_429", "http_500", "stall")} == {
        kind: seen[kind] for kind in ("http_429", "http_500", "stall")
    }
    assert seen["ClientPayloadError"] == wire["half_reply"] and seen["JSONDecodeError"] == wire["invalid_json_body"]
    assert (
        seen["ClientOSError"] + seen["ServerDisconnectedError"] + seen["ConnectionResetError"]
        == wire["connection_reset"]
    )


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"no json", 400),
        (b'{"model": "rehearsal", "messages": []}', 400),
        (b'{"model": "gpt", "messages": [{"role": "user", "content": "x"}]}', 404),
    ],
)
async def test_bad_requests_are_refused_in_the_protocols_form(body, status, running):
    server = await running()
    got, data, _ = await server.post(body)
    assert got == status and json.loads(data)["error"]["message"]
    assert server.lines() == []


async def test_no_reply_without_a_line_in_the_answer_key(running, make_body):
    server = await running(answer_key=Path("/dev/full"))
    status, data, _ = await server.post(make_body("<question>?</question>"), prompt=SOLVE)
    assert status == 500 and b"answer key cannot be written" in data and b"choices" not in data


async def test_health_and_load_are_shown(running, make_body):
    server = await running(slots=2, latency_s=0.3)
    assert await server.get("/health") == (200, "")
    asked = [asyncio.create_task(server.post(make_body("<question>?</question>", n), prompt=SOLVE)) for n in range(5)]
    load = ""
    while "running" not in load or " 2.0" not in load:
        _, load = await server.get("/metrics")
    assert 'vllm:num_requests_running{engine="0",model_name="rehearsal"} 2.0' in load
    assert [status for status, _, _ in await asyncio.gather(*asked)] == [200] * 5
    _, load = await server.get("/metrics")
    assert load.count(" 0.0\n") == 2
