"""Reward models over HTTP: what goes out to vLLM's pooling endpoints, and what their answers mean."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, cast

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

import verifiers
from records.types import Candidate, Outcome, Seed, Verdict
from served_model.client import ChatClient
from served_model.config import ModelConfig
from served_model.journal import Journal
from served_model.journaled import JournaledModel
from served_model.reward import NotScores, outcome_score, read_rows, read_scoring, reward_request, step_scores, tagged
from served_model.scripted import ScriptedModel
from served_model.types import Model, UnreadableReply
from verifiers.base import Resources
from verifiers.reward_score import RewardScore

SOLUTION = "1. Three cats have 3 * 4 = 12 legs.\n2. So the answer is \\boxed{12}"


class PoolingServer:
    """Answers as vLLM does; `judge` gives the value of the field that the endpoint fills."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, dict[str, Any]]] = []
        self.judge: Callable[[str, dict[str, Any]], Any] = lambda path, body: 0.75
        self.fail_first = 0

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.seen.append((request.path, body))
        if self.fail_first:
            self.fail_first -= 1
            return web.json_response({"error": {"message": "busy"}}, status=503)
        field = {"/score": "score", "/classify": "probs", "/pooling": "data"}[request.path]
        item = {"index": 0, "object": "x", field: self.judge(request.path, body)}
        return web.json_response({"object": "list", "model": "rm", "data": [item], "usage": {"prompt_tokens": 9}})


@pytest.fixture
async def server() -> AsyncIterator[tuple[PoolingServer, str]]:
    stub, app = PoolingServer(), web.Application()
    for path in ("/score", "/classify", "/pooling"):
        app.router.add_post(path, stub.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield stub, f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    await runner.cleanup()


def client(url: str, api: str) -> ChatClient:
    return ChatClient({"default": ModelConfig("rm", (url,), backoff_s=0.01, api=cast(Any, api))})


async def judge(check: RewardScore, model: Model | None) -> Verdict:
    parts = {"question": "How many legs have three cats?", "response": SOLUTION}
    candidate = Candidate("c", "c", Seed("s", "q", "t", "MIT"), "math/test", (), parts, (check,), ())
    resources = Resources(sandbox=cast(Any, None), workers=cast(Any, None), model=model)
    (verdict,) = await verifiers.verify_all(candidate, resources)
    return verdict


async def test_the_score_endpoint_gets_two_texts_and_gives_one_score(server):
    stub, url = server
    async with client(url, "score") as model:
        verdict = await judge(RewardScore(threshold=0.7), model)
        low = await judge(RewardScore(threshold=0.8), model)
    assert (verdict.outcome, verdict.reason, verdict.evidence["score"]) == (Outcome.PASS, "high_score", 0.75)
    assert (low.outcome, low.reason) == (Outcome.FAIL, "low_score")
    path, body = stub.seen[0]
    assert (path, body) == ("/score", {"model": "rm", "text_1": "How many legs have three cats?", "text_2": SOLUTION})


async def test_a_process_reward_model_pools_at_the_step_tags(server):
    stub, url = server
    stub.judge = lambda path, body: [[0.1, 0.9], [0.8, 0.2]]
    async with client(url, "pooling") as model:
        verdict = await judge(RewardScore(of="process", step_tag="<extra_0>"), model)
    assert (verdict.outcome, verdict.evidence["scores"], verdict.evidence["first_wrong_step"]) == (
        Outcome.FAIL,
        [0.9, 0.2],
        2,
    )
    path, body = stub.seen[0]
    steps = "1. Three cats have 3 * 4 = 12 legs.<extra_0>2. So the answer is \\boxed{12}<extra_0>"
    assert path == "/pooling" and body["messages"][-1] == {"role": "assistant", "content": steps}
    assert body["encoding_format"] == "float" and body["add_generation_prompt"] is False


async def test_classes_and_raw_scores(server):
    stub, url = server
    stub.judge = lambda path, body: [0.3, 0.7] if path == "/classify" else [[-1.5], [2.0]]
    async with client(url, "classify") as model:
        assert (await judge(RewardScore(threshold=0.7), model)).outcome is Outcome.PASS
    async with client(url, "pooling") as model:
        raw = await judge(RewardScore(threshold=0.7), model)
        squashed = await judge(RewardScore(threshold=0.88, squash=True), model)
    assert (raw.outcome, raw.reason) == (Outcome.UNJUDGED, "reward_unreadable")
    assert squashed.outcome is Outcome.PASS and squashed.evidence["score"] == 0.880797


async def test_a_wrong_number_of_steps_or_no_scores_is_unjudged_and_never_zero(server):
    stub, url = server
    stub.judge = lambda path, body: [[0.9, 0.1]]
    async with client(url, "pooling") as model:
        verdict = await judge(RewardScore(of="process"), model)
    assert (verdict.outcome, verdict.reason) == (Outcome.UNJUDGED, "reward_unreadable")
    chat = ScriptedModel(lambda request: "I would say 0.9")
    assert (await judge(RewardScore(), chat)).outcome is Outcome.UNJUDGED
    assert (await judge(RewardScore(), None)).reason == "no_reward_model"


async def test_a_busy_server_is_asked_again_and_a_stored_score_is_not_paid_twice(server, tmp_path: Path):
    stub, url = server
    stub.fail_first = 2
    for _ in range(2):
        journal = Journal.open(tmp_path / "scores.jsonl")
        async with client(url, "score") as model:
            verdict = await judge(RewardScore(), JournaledModel(model, journal))
        journal.close()
        assert verdict.outcome is Outcome.PASS
    assert len(stub.seen) == 3


@pytest.mark.parametrize(
    "body",
    [
        None,
        {},
        {"data": []},
        {"data": [{"score": 0.1}, {"score": 0.2}]},
        {"data": [{"score": None}]},
        {"data": [{"score": "0.5"}]},
        {"data": [{"score": True}]},
        {"data": [{"score": float("nan")}]},
        {"data": [{"score": float("inf")}]},
    ],
)
def test_answers_without_scores_are_malformed(body):
    with pytest.raises(NotScores):
        read_scoring("score", body)


@pytest.mark.parametrize("data", [[], [[]], [[0.1], []], [[0.1], ["x"]], [[0.1]] * 5000, "base64"])
def test_rows_that_are_none_are_malformed(data):
    with pytest.raises(NotScores):
        read_scoring("pooling", {"data": [{"data": data}]})


@given(st.lists(st.lists(st.floats(0, 1), min_size=1, max_size=3), min_size=1, max_size=20))
def test_rows_survive_the_journal(rows):
    text, _ = read_scoring("pooling", {"data": [{"data": rows}]})
    reply = type("Reply", (), {"text": text, "model": "rm"})()
    assert read_rows(cast(Any, reply)) == rows
    assert step_scores(rows, len(rows)) == [row[-1] for row in rows] and outcome_score(rows) == rows[-1][-1]
    with pytest.raises(UnreadableReply):
        step_scores(rows, len(rows) + 1)


def test_requests_are_the_same_for_the_same_solution():
    assert reward_request("q", "s") == reward_request("q", "s") != reward_request("q", "t")
    assert tagged(["a \n", "b"], "+") == "a+b+"
    assert json.loads(json.dumps(tagged([], "+"))) == ""
