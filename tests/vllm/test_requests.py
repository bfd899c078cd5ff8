"""What our client uses and what it relies on, asked of a real vLLM."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import aiohttp
import pytest

from records.types import Message
from served_model.client import ChatClient
from served_model.config import ModelConfig
from served_model.prefix_cache import watching
from served_model.structured import read_value
from served_model.types import ChatRequest, ModelUnavailable, RequestRefused, Sampling
from tests.vllm.conftest import QUEUE, Serving, metrics

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(900)]

SCHEMA = {
    "type": "object",
    "properties": {
        "verdict": {"enum": ["right", "wrong"]},
        "step": {"type": "integer"},
        "reasons": {"type": "array", "items": {"enum": ["sign", "unit", "sum"]}, "maxItems": 3},
    },
    "required": ["verdict", "step", "reasons"],
    "additionalProperties": False,
}
TOOL = {
    "type": "function",
    "function": {
        "name": "add",
        "description": "Adds.",
        "strict": True,
        "parameters": {
            "type": "object",
            "properties": {"sign": {"enum": ["plus", "minus"]}},
            "required": ["sign"],
            "additionalProperties": False,
        },
    },
}


def request(
    text: str, seed: int = 0, max_tokens: int = 24, schema: Mapping[str, Any] | None = None, role: str = "writer"
) -> ChatRequest:
    messages = (Message("system", "You are exact."), Message("user", text))
    return ChatRequest(role, messages, Sampling(1.0, 1.0, max_tokens, seed), "tests/vllm", "0" * 64, schema)


async def post(server: Serving, path: str, **body: Any) -> tuple[int, Any]:
    body = {"model": server.model.name} | body
    async with aiohttp.ClientSession() as session, session.post(server.root + path, json=body) as answer:
        return answer.status, json.loads(await answer.read())


def said(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


async def test_health_version_and_models(chat: Serving) -> None:
    async with aiohttp.ClientSession() as session:
        assert (await session.get(f"{chat.root}/health")).status == 200
    async with chat.client() as client:
        (listing,) = (await client.served_models("writer")).values()
        assert listing.names == ("tiny",)


async def test_a_reply_with_its_usage_and_the_same_again_for_the_same_seed(chat: Serving) -> None:
    async with chat.client() as client:
        one, again, other = [await client.ask(request("hello", seed)) for seed in (1, 1, 2)]
    assert one.finish_reason in ("stop", "length") and one.usage.prompt_tokens > 0
    assert 0 < one.usage.completion_tokens <= 24
    assert one.text == again.text != other.text  # vLLM repeats itself on a CPU; on GPUs nobody promises that


async def test_several_samples_logprobs_and_stop(chat: Serving) -> None:
    path, sampling = "/v1/chat/completions", {"messages": said("count"), "temperature": 1.0, "seed": 3}
    status, answer = await post(chat, path, **sampling, n=3, max_tokens=16, logprobs=True, top_logprobs=2)
    assert status == 200
    texts = [choice["message"]["content"] for choice in answer["choices"]]
    assert len(set(texts)) == 3
    for choice in answer["choices"]:
        assert all(len(one["top_logprobs"]) >= 2 and one["logprob"] <= 0 for one in choice["logprobs"]["content"])
    word = texts[0][4]
    status, answer = await post(chat, path, **sampling, n=3, max_tokens=16, stop=[word])
    assert answer["choices"][0]["finish_reason"] == "stop"
    assert word not in answer["choices"][0]["message"]["content"]


async def test_structured_replies_of_a_random_model_fit_their_schema(chat: Serving) -> None:
    async with chat.client() as client:
        asked = [client.complete(request("judge", seed, 400, SCHEMA)) for seed in range(24)]
        replies = await asyncio.gather(*asked)
    whole = [reply for reply in replies if reply.finish_reason == "stop"]
    assert len(whole) >= 12  # the others met the limit of tokens
    for reply in whole:
        assert set(read_value(reply, SCHEMA)) == {"verdict", "step", "reasons"}
        assert ": " not in reply.text.partition('"reasons"')[0]  # compact: no white space to fill a reply with


async def test_a_schema_that_vllm_cannot_keep_is_refused_for_good(chat: Serving) -> None:
    schema = {"type": "array", "items": {"type": "string"}, "uniqueItems": True}
    async with chat.client() as client:
        with pytest.raises(RequestRefused, match="400"):
            await client.complete(request("list", schema=schema))


async def test_tool_calls_that_are_required_and_strict(chat: Serving) -> None:
    answers = [
        await post(
            chat,
            "/v1/chat/completions",
            messages=said("add"),
            tools=[TOOL],
            tool_choice=choice,
            max_tokens=1000,
            seed=seed,
        )
        for seed in range(3)
        for choice in ("required", {"type": "function", "function": {"name": "add"}})
    ]
    calls = []
    for status, answer in answers:
        assert status == 200
        calls += answer["choices"][0]["message"].get("tool_calls") or []
    assert calls  # a random model may fill a call with white space until it is cut off, but not always
    for call in calls:
        assert call["function"]["name"] == "add"
        assert json.loads(call["function"]["arguments"])["sign"] in ("plus", "minus")


async def test_the_prefix_cache_tells_what_it_had(chat: Serving) -> None:
    """The second of two requests with the same long beginning finds it; the first and a third one do not."""
    async with chat.client() as client:
        for texts, found in (((f"{'one ' * 600}a", f"{'one ' * 600}b"), True), ((f"{'two ' * 600}a",), False)):
            async with watching([ModelConfig("tiny", (chat.base_url,))]) as caches:
                usage = [(await client.ask(request(text))).usage.prompt_tokens for text in texts]
            use = caches[chat.base_url].total
            assert use.queries == sum(usage)
            assert use.hits >= usage[0] // 2 if found else use.hits < usage[0] // 4


async def test_too_long_is_one_bad_record_and_an_unknown_model_ends_the_run(chat: Serving) -> None:
    async with chat.client() as client:
        with pytest.raises(RequestRefused, match=r"400.*context length"):
            await client.ask(request("long " * 5000))
        assert (await client.ask(request("short"))).text  # others go on
    async with ChatClient({"default": ModelConfig("absent", (chat.base_url,), deadline_s=30)}) as client:
        with pytest.raises(ModelUnavailable, match=r"404.*served there: tiny"):
            await client.ask(request("hello"))


async def test_a_request_that_we_leave_is_aborted_there(chat: Serving) -> None:
    finished = "vllm:request_success_total"
    before = (await metrics(chat))[finished]
    path = f"{chat.base_url}/chat/completions"
    body = {"model": "tiny", "messages": said("x"), "max_tokens": 4000, "ignore_eos": True}
    async with aiohttp.ClientSession() as session:
        asking = asyncio.create_task(session.post(path, json=body))
        while (await metrics(chat))["vllm:num_requests_running"] < 1:
            assert not asking.done()
            await asyncio.sleep(0.05)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        while (await metrics(chat))["vllm:num_requests_running"] > 0:
            await asyncio.sleep(0.05)
    assert (await metrics(chat))[finished] == before  # it did not run to its end


async def test_overload_is_waited_out_and_nothing_is_lost(chat: Serving) -> None:
    """Others fill the queue, vLLM answers 503 without a word on when to come back, and ours arrive all the same."""
    path = f"{chat.base_url}/chat/completions"
    body = {"model": "tiny", "messages": said("busy"), "max_tokens": 100, "ignore_eos": True}

    async def other(session: aiohttp.ClientSession) -> int:
        async with session.post(path, json=body) as answer:
            await answer.read()
            return answer.status

    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session, chat.client() as client:
        others = [asyncio.create_task(other(session)) for _ in range(2 * QUEUE)]
        while (await metrics(chat))["vllm:num_requests_waiting"] < QUEUE // 2:
            await asyncio.sleep(0.05)
        ours = await asyncio.gather(*(client.ask(request("mine", seed)) for seed in range(100)))
        statuses = await asyncio.gather(*others)
        counts = client.snapshot()["tiny"]
    assert 503 in statuses and set(statuses) <= {200, 503}
    assert len({reply.key for reply in ours}) == 100 and counts.replies == 100
    assert set(counts.faults) <= {"overloaded"}
