import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from served_model import health
from served_model.client import ChatClient
from served_model.endpoints import FAULTS_TO_EJECT, Endpoint, EndpointPool
from served_model.retry import Fault
from served_model.types import ModelUnavailable


async def test_load_is_shared(server, second_server, config_of, request_of, answers):
    for stub in (server, second_server):
        stub.default = lambda seen: answers.Step(delay_s=0.01)
    async with ChatClient({"default": config_of(server, second_server, max_in_flight=10)}) as client:
        await asyncio.gather(*(client.ask(request_of(seed=seed)) for seed in range(100)))
    assert abs(len(server.seen) - len(second_server.seen)) <= 10
    assert server.most_in_flight + second_server.most_in_flight <= 11


async def test_requests_that_share_a_prefix_go_to_one_endpoint(server, second_server, config_of, request_of, answers):
    for stub in (server, second_server):
        stub.default = lambda seen: answers.Step(delay_s=0.02)
    async with ChatClient({"default": config_of(server, second_server, max_in_flight=64)}) as client:
        asks = [client.ask(request_of(f"prompt {number // 8}", seed=number)) for number in range(320)]
        await asyncio.gather(*asks)
    together = [{seen.text for seen in stub.seen} for stub in (server, second_server)]
    assert abs(len(server.seen) - len(second_server.seen)) <= 64
    assert len(together[0] & together[1]) < 20  # of 40 prompts; by chance it would be nearly all


async def test_the_slower_endpoint_gets_less(server, second_server, config_of, request_of, answers):
    server.default = lambda seen: answers.Step(delay_s=0.08)
    second_server.default = lambda seen: answers.Step(delay_s=0.01)
    async with ChatClient({"default": config_of(server, second_server, max_in_flight=4)}) as client:
        await asyncio.gather(*(client.ask(request_of(seed=seed)) for seed in range(60)))
    assert len(server.seen) < len(second_server.seen) / 2


async def test_an_endpoint_dies_and_comes_back_and_nothing_is_lost(
    server, second_server, config_of, request_of, answers
):
    for stub in (server, second_server):
        stub.default = lambda seen: answers.Step(delay_s=0.01)
    async with ChatClient({"default": config_of(server, second_server, max_in_flight=8)}) as client:
        work = asyncio.ensure_future(
            asyncio.gather(*(client.ask(request_of(f"n{seed}", seed=seed)) for seed in range(500)))
        )
        while len(server.seen) < 30:
            await asyncio.sleep(0.005)
        await second_server.stop()
        seen_at_death = len(second_server.seen)
        while len(server.seen) < 100:
            await asyncio.sleep(0.005)
        assert len(second_server.seen) == seen_at_death
        await second_server.start()
        replies = await work
        counts = client.snapshot()["m"]
    assert [reply.text for reply in replies] == [f"echo n{seed}" for seed in range(500)]
    assert len(second_server.seen) > seen_at_death + 20
    assert counts.faults["unreachable"] < 40  # while it was down: one probe at a time, with growing pauses


async def test_one_endpoint_that_is_down_is_waited_for(server, config_of, request_of):
    await server.stop()
    async with ChatClient({"default": config_of(server)}) as client:
        asks = asyncio.ensure_future(asyncio.gather(*(client.ask(request_of(seed=seed)) for seed in range(20))))
        await asyncio.sleep(0.1)
        await server.start()
        assert len(await asks) == 20
    assert len(server.seen) == 20


async def test_who_waits_hears_of_the_end(server, config_of, request_of, answers):
    server.default = lambda seen: answers.fails(500)
    async with ChatClient({"default": config_of(server, max_in_flight=1, deadline_s=0.2)}) as client:
        results = await asyncio.gather(
            *(client.ask(request_of(seed=seed)) for seed in range(50)), return_exceptions=True
        )
    assert {type(result) for result in results} == {ModelUnavailable}


async def test_an_endpoint_that_asks_for_a_long_pause_is_left_to_the_others(
    server, second_server, config_of, request_of, answers
):
    server.default = lambda seen: answers.fails(429, headers={"Retry-After": "3600"})
    async with ChatClient({"default": config_of(server, second_server, max_in_flight=4)}) as client:
        replies = await asyncio.gather(*(client.ask(request_of(seed=seed)) for seed in range(40)))
    assert len(replies) == 40
    assert len(server.seen) <= 4


async def test_a_broken_endpoint_is_left_out_after_faults_in_a_row():
    endpoint = Endpoint("http://127.0.0.1:1/v1/", 100, cooldown_s=10.0)
    pool = EndpointPool((endpoint,), 100)
    leases = [await pool.acquire() for _ in range(FAULTS_TO_EJECT + 5)]
    for lease in leases[: FAULTS_TO_EJECT - 1]:
        pool.release(lease, Fault.BROKEN)
    assert not endpoint.ejected
    for lease in leases[FAULTS_TO_EJECT - 1 :]:
        pool.release(lease, Fault.BROKEN)
    assert endpoint.ejected
    assert endpoint.label == "http://127.0.0.1:1/v1"
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await pool.acquire()
    pool.close()
    assert pool.in_flight == 0


@pytest.mark.parametrize("fault", [Fault.NONE, Fault.REFUSED, Fault.OVERLOADED])
async def test_an_answer_ends_the_row_of_faults(fault):
    endpoint = Endpoint("http://127.0.0.1:1/v1", 100, cooldown_s=10.0)
    pool = EndpointPool((endpoint,), 100)
    for number in range(3 * FAULTS_TO_EJECT):
        pool.release(await pool.acquire(), fault if number % 10 == 0 else Fault.BROKEN)
    assert not endpoint.ejected


async def test_a_probe_that_is_cancelled_makes_way_for_the_next():
    endpoint = Endpoint("http://127.0.0.1:1/v1", 100, cooldown_s=0.01)
    pool = EndpointPool((endpoint,), 100)
    pool.release(await pool.acquire(), Fault.UNREACHABLE)
    probe = await pool.acquire()
    waiting = asyncio.ensure_future(pool.acquire())
    await asyncio.sleep(0.03)
    assert probe.probe
    assert not waiting.done()
    pool.release(probe, Fault.CANCELLED)
    second = await waiting
    others = [asyncio.ensure_future(pool.acquire()) for _ in range(10)]
    await asyncio.sleep(0)
    assert pool.in_flight == 1
    pool.release(second, Fault.NONE)
    for lease in await asyncio.gather(*others):
        pool.release(lease, Fault.NONE)
    assert pool.in_flight == endpoint.in_flight == 0
    pool.close()


async def test_a_retry_goes_to_the_head_of_the_line():
    pool = EndpointPool((Endpoint("http://127.0.0.1:1/v1", 1, cooldown_s=1.0),), 1)
    held = await pool.acquire()
    order = []

    async def take(name, again):
        lease = await pool.acquire(again=again)
        order.append(name)
        pool.release(lease, Fault.NONE)

    tasks = [asyncio.ensure_future(take(name, name == "retry")) for name in ("first", "second", "retry")]
    await asyncio.sleep(0)
    pool.release(held, Fault.NONE)
    await asyncio.gather(*tasks)
    assert order == ["retry", "first", "second"]


async def test_a_slot_that_comes_together_with_a_cancellation_is_not_lost():
    pool = EndpointPool((Endpoint("http://127.0.0.1:1/v1", 1, cooldown_s=1.0),), 1)
    held = await pool.acquire()
    waiting = asyncio.ensure_future(pool.acquire())
    await asyncio.sleep(0)
    pool.release(held, Fault.NONE)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert pool.in_flight == 0
    pool.release(await pool.acquire(), Fault.NONE)


@asynccontextmanager
async def silent_server() -> AsyncIterator[tuple[str, list[bytes]]]:
    """Takes connections and reads requests, and never answers; its base URL and what it has read."""
    seen: list[bytes] = []

    async def read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            seen.append(data)
        writer.close()

    server = await asyncio.start_server(read, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", seen
    finally:
        server.close()


async def test_requests_move_on_from_an_endpoint_that_never_answers(server, config_of, request_of, monkeypatch):
    monkeypatch.setattr(health, "EVERY_S", 0.02)
    monkeypatch.setattr(health, "TIMEOUT_S", 0.1)
    async with silent_server() as (url, seen):
        config = config_of(server, max_in_flight=20)  # waits 300 s for an answer
        config = replace(config, base_urls=(*config.base_urls, url), timeout_s=300.0)
        async with ChatClient({"default": config}) as client:
            replies = await asyncio.gather(*(client.ask(request_of(seed=seed)) for seed in range(60)))
            [counts] = client.snapshot().values()
    assert len(replies) == len(server.seen) == 60
    assert any(b"POST" in data for data in seen)
    assert counts.faults["stalled"] > 0
    assert counts.in_flight == 0


async def test_a_slow_endpoint_that_answers_for_itself_keeps_its_requests(
    server, second_server, config_of, request_of, answers, monkeypatch
):
    monkeypatch.setattr(health, "EVERY_S", 0.01)
    for one in (server, second_server):
        one.default = lambda seen: replace(answers.says("late"), delay_s=0.5)
    async with ChatClient({"default": config_of(server, second_server)}) as client:
        replies = await asyncio.gather(*(client.ask(request_of(seed=seed)) for seed in range(8)))
        [counts] = client.snapshot().values()
    assert {reply.text for reply in replies} == {"late"}
    assert not counts.faults
    assert counts.requests == 8
