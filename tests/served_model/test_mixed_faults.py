"""A fifth of all requests fail in every way there is, mixed: all that can be answered is, once, and counted."""

from __future__ import annotations

import asyncio
import random

import pytest

from served_model.client import ChatClient
from served_model.journal import Journal
from served_model.journaled import JournaledModel
from served_model.types import ModelUnavailable, Reply, RequestRefused

REQUESTS = 600


def kinds(answers):
    step = answers.Step
    return [
        answers.fails(429),
        answers.fails(429, headers={"Retry-After": "0.05"}),
        answers.fails(500),
        step(502, b"<html>Bad Gateway</html>", content_type="text/html"),
        answers.fails(503),
        step(cut="reset"),
        step(cut="close"),
        step(cut="half"),
        step(delay_s=30),
        step(body=b'{"choices": [{"mess'),
        step(content_type="text/plain"),
        step(body=b'{"choices": []}'),
        step(body=b'{"choices": [{"message": {"content": 7}, "finish_reason": "stop"}]}'),
    ]


async def test_nothing_is_lost_and_no_reply_is_asked_for_twice(
    server, second_server, config_of, request_of, answers, tmp_path
):
    rng = random.Random(20)
    faults = kinds(answers)

    def answer(seen):
        """Each attempt fails with a chance of 20 %; every fiftieth prompt is too long, for good."""
        if int(seen.text) % 50 == 0:
            return answers.fails(400, "maximum context length is 4096 tokens")
        if int(seen.text) % 50 == 1:
            return answers.says("cut off", finish_reason="length")
        return rng.choice(faults) if rng.random() < 0.2 else answers.Step(delay_s=0.005)

    server.default = second_server.default = answer
    config = config_of(server, second_server, timeout_s=0.5, deadline_s=60.0)
    with Journal.open(tmp_path / "replies.jsonl") as journal:
        async with ChatClient({"default": config}) as client:
            model = JournaledModel(client, journal)
            asks = [model.ask(request_of(str(number), seed=number)) for number in range(REQUESTS)]
            results = await asyncio.gather(*asks, return_exceptions=True)
            counts = client.snapshot()["m"]
        stored = len(journal)
    for number, result in enumerate(results):
        if number % 50 == 0:
            assert isinstance(result, RequestRefused)
        else:
            assert isinstance(result, Reply)
            assert result.text == ("cut off" if number % 50 == 1 else f"echo {number}")
    refused = REQUESTS // 50
    assert counts.replies == stored == REQUESTS - refused
    assert counts.faults["refused"] == refused
    assert counts.requests == counts.replies + sum(counts.faults.values())
    assert counts.in_flight == 0
    assert {"overloaded", "broken", "stalled"} <= set(counts.faults)
    good = server.answered + second_server.answered
    assert len({seen.key for stub in (server, second_server) for seen in stub.seen}) == REQUESTS
    assert len(good) >= counts.replies


@pytest.mark.parametrize("status", [401, 404])
async def test_in_the_midst_of_faults_a_permanent_one_stops_at_once(status, server, config_of, request_of, answers):
    rng = random.Random(5)
    faults = kinds(answers)
    before = 100

    def answer(seen):
        if len(server.seen) > before:
            return answers.fails(status)
        return rng.choice(faults) if rng.random() < 0.2 else answers.Step(delay_s=0.005)

    server.default = answer
    async with ChatClient({"default": config_of(server, timeout_s=0.5, max_in_flight=16)}) as client:
        asks = [client.ask(request_of(str(number), seed=number)) for number in range(1000)]
        results = await asyncio.gather(*asks, return_exceptions=True)
    lost = [one for one in results if not isinstance(one, Reply)]
    assert {type(one) for one in lost} == {ModelUnavailable}
    assert len({str(one) for one in lost}) <= 16  # one clear line, from each of those under way at most
    assert len(server.seen) <= before + 17
