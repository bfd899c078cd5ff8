"""Requests that share a prefix go out together: by turn, over a real server and in the line of a pool."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from served_model.client import ChatClient
from served_model.endpoints import Endpoint, EndpointPool
from served_model.retry import Fault
from served_model.turns import current_turn, taking_turn
from served_model.types import ModelUnavailable

SEEDS, ROUNDS = 12, 4


async def test_a_seed_that_was_begun_is_finished_before_others(server, config_of, request_of, answers):
    """All seeds ask at once, each time for what the reply before leads to; the server takes two at a time."""
    server.default = lambda seen: answers.Step(delay_s=0.005)

    async def seed(client: ChatClient, number: int) -> None:
        with taking_turn(number + 1):
            for round_ in range(ROUNDS):
                await asyncio.gather(*(client.ask(request_of(f"seed {number}", seed=2 * round_ + n)) for n in (0, 1)))

    async with ChatClient({"default": config_of(server, max_in_flight=2)}) as client:
        await asyncio.gather(*(seed(client, number) for number in range(SEEDS)))
    order = [seen.text for seen in server.seen]
    under_way = [len({*order[: at + 1]} & {*order[at:]}) for at in range(len(order))]
    assert len(order) == 2 * ROUNDS * SEEDS
    assert max(under_way) <= 3  # by arrival it would be nearly all of them


async def test_the_turns_of_a_seed_go_to_one_endpoint(server, second_server, config_of, request_of, answers):
    """A dialogue that grows has other messages each time, and its beginning is warm where the last turn went."""
    for stub in (server, second_server):
        stub.default = lambda seen: answers.Step(delay_s=0.01)

    async def dialogue(client: ChatClient, number: int) -> None:
        with taking_turn(number + 1):
            for turn in range(6):
                await client.ask(request_of(f"seed {number}" + " more" * turn))

    async with ChatClient({"default": config_of(server, second_server, max_in_flight=64)}) as client:
        await asyncio.gather(*(dialogue(client, number) for number in range(40)))
    seeds = [{seen.text.removesuffix(" more") for seen in stub.seen} for stub in (server, second_server)]
    there, elsewhere = ({text.replace(" more", "") for text in texts} for texts in seeds)
    assert abs(len(server.seen) - len(second_server.seen)) <= 48
    assert len(there & elsewhere) <= 20  # of 40; by chance it would be nearly all


def pool_of_one() -> EndpointPool:
    return EndpointPool((Endpoint("http://127.0.0.1:1/v1", 1, cooldown_s=1.0),), 1)


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans(), st.booleans()), max_size=30))
def test_the_line_goes_by_retry_then_turn_then_arrival(requests: list[tuple[int, bool, bool]]) -> None:
    async def go() -> None:
        pool, order = pool_of_one(), []
        held = await pool.acquire()

        async def take(number: int, turn: int, again: bool) -> None:
            lease = await pool.acquire(turn=turn, again=again)
            order.append(number)
            pool.release(lease, Fault.NONE)

        tasks = [asyncio.ensure_future(take(n, turn, again)) for n, (turn, again, _) in enumerate(requests)]
        await asyncio.sleep(0)
        for task, (_, _, leaves) in zip(tasks, requests, strict=True):
            if leaves:
                task.cancel()
        await asyncio.sleep(0)
        stays = [n for n, (_, _, leaves) in enumerate(requests) if not leaves]
        assert pool.waiting == len(stays)
        pool.release(held, Fault.NONE)
        await asyncio.gather(*tasks, return_exceptions=True)
        assert order == sorted(stays, key=lambda n: (not requests[n][1], requests[n][0], n))
        assert pool.waiting == pool.in_flight == 0

    asyncio.run(go())


async def test_who_left_the_line_is_not_counted_after_all_have_failed() -> None:
    pool = pool_of_one()
    held = await pool.acquire()
    tasks = [asyncio.ensure_future(pool.acquire(turn=turn)) for turn in (3, 1, 2)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    pool.fail(ModelUnavailable("gone"))
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(one) for one in results] == [asyncio.CancelledError, ModelUnavailable, ModelUnavailable]
    assert pool.waiting == 0
    pool.release(held, Fault.NONE)
    with pytest.raises(asyncio.CancelledError):
        tasks[0].result()


async def test_a_task_and_those_that_it_starts_have_one_turn() -> None:
    async def inner() -> int:
        return current_turn()

    assert current_turn() == 0
    with taking_turn(7):
        started = asyncio.create_task(inner())
    assert await started == 7 and current_turn() == 0
