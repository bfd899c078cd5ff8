"""A budget holds to a request: nothing is let out that it does not cover, and nobody waits for ever."""

from __future__ import annotations

import asyncio
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from records.types import Message
from served_model.journal import Journal
from served_model.journaled import JournaledModel
from served_model.meter import Halted, Limits, Meter, MeteredModel, Price, Stop
from served_model.scripted import ScriptedModel
from served_model.types import ChatRequest, Reply, RequestRefused, Sampling, Usage

REPLY_TOKENS = 50


def request_of(number: int) -> ChatRequest:
    return ChatRequest("writer", (Message("user", "word " * 50 + str(number)),), Sampling(seed=number), "p", "0" * 64)


def metered(meter: Meter, rng: random.Random) -> MeteredModel:
    """Replies of 100 prompt and about 50 completion tokens, in any order; every tenth request is refused."""

    async def answer(request: ChatRequest) -> Reply | RequestRefused:
        await asyncio.sleep(rng.choice((0, 0, 0.001, 0.002)))
        if request.sampling.seed % 10 == 9:
            return RequestRefused("no")
        return Reply("", "text", "stop", "m", Usage(100, REPLY_TOKENS + rng.randint(-10, 10)))

    return MeteredModel(ScriptedModel(answer), meter, Stop(), lambda request: "m")


async def ask_all(model: MeteredModel, count: int, side_by_side: int) -> list[BaseException | Reply]:
    turns = asyncio.Semaphore(side_by_side)

    async def ask(number: int) -> Reply:
        async with turns:
            return await model.complete(request_of(number))

    return await asyncio.gather(*(ask(number) for number in range(count)), return_exceptions=True)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 40_000), st.integers(1, 64), st.randoms(use_true_random=False))
def test_tokens_end_at_the_limit_give_or_take_a_reply(limit: int, side_by_side: int, rng: random.Random) -> None:
    meter = Meter(Limits(tokens=limit))
    results = asyncio.run(ask_all(metered(meter, rng), 200, side_by_side))
    spent = sum(usage.prompt_tokens + usage.completion_tokens for usage in meter.usage.values())
    halted = [one for one in results if isinstance(one, Halted)]
    assert spent <= limit + 0.1 * side_by_side * REPLY_TOKENS + 60
    if halted:
        assert spent >= limit - 350  # not even one more fits; the first ones are overestimated
        assert {one.reason for one in halted} == {"budget: tokens"} == {meter.halted}
    assert meter.usage.get("m", Usage()).prompt_tokens == 100 * sum(isinstance(one, Reply) for one in results)


def test_money_follows_the_price_table() -> None:
    meter = Meter(Limits(money=10.0), {"m": Price(2_000.0, 10_000.0)}, {"m": Usage(100, 480)})  # half of it
    results = asyncio.run(ask_all(metered(meter, random.Random(1)), 30, 4))
    assert meter.halted == "budget: money"
    assert 5 <= sum(isinstance(one, Reply) for one in results) <= 8  # 0.7 each


def test_time_ends_also_what_is_under_way() -> None:
    async def never(request: ChatRequest) -> str:
        await asyncio.sleep(3600)
        return ""

    async def main() -> None:
        meter = Meter(Limits(ends_at=asyncio.get_running_loop().time() + 0.05))
        model = MeteredModel(ScriptedModel(never), meter, Stop(), lambda request: "m")
        for number in range(2):
            with pytest.raises(Halted, match="budget: hours"):
                await model.complete(request_of(number))

    asyncio.run(main())


async def test_a_stopped_recipe_still_gets_replays_but_asks_nothing(tmp_path) -> None:
    scripted = ScriptedModel(lambda request: "text")
    stop = Stop()
    with Journal.open(tmp_path / "replies.jsonl") as journal:
        model = JournaledModel(MeteredModel(scripted, Meter(), stop, lambda request: "m"), journal)
        await model.ask(request_of(1))
        stop.reason = "budget: candidates_per_record"
        assert (await model.ask(request_of(1))).text == "text"
        with pytest.raises(Halted, match="candidates"):
            await model.ask(request_of(2))
    assert len(scripted.requests) == 1


async def test_who_is_cancelled_while_in_flight_gives_his_promise_back() -> None:
    meter = Meter(Limits(tokens=400))
    entered = asyncio.Event()

    async def answer(request: ChatRequest) -> str:
        if request.sampling.seed == 0:
            entered.set()
            await asyncio.sleep(3600)
        return "text"

    model = MeteredModel(ScriptedModel(answer), meter, Stop(), lambda request: "m")
    first = asyncio.create_task(model.complete(request_of(0)))
    await entered.wait()
    second = asyncio.create_task(model.complete(request_of(1)))
    await asyncio.sleep(0)
    assert not second.done()  # the first one's promise leaves no room for it
    first.cancel()
    assert (await second).text == "text"


async def test_what_other_processes_spend_counts_and_halts() -> None:
    meter = Meter(Limits(tokens=1000, money=2.0), {"m": Price(prompt=1e4, completion=0)})
    meter.spent_elsewhere("m", Usage(100, 500))
    assert not meter.halted and meter.usage == {"m": Usage(100, 500)}
    meter.spent_elsewhere("m", Usage(101, 0))
    assert meter.halted == "budget: money" and meter.usage == {"m": Usage(201, 500)}
    with pytest.raises(Halted, match="budget: money"):
        await metered(meter, random.Random(0)).complete(request_of(0))
