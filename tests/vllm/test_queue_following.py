"""The limit on requests in flight follows the metrics of a real vLLM."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from statistics import median

import pytest

from tests.vllm.conftest import SLOTS, Serving, metrics
from tests.vllm.test_requests import request

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(900)]

REQUESTS = 800  # a busy machine reads the metrics seldom: enough readings all the same
SETTLED = 130  # replies after which the limit has had time to find the server


async def test_in_flight_settles_near_what_the_server_runs(
    chat: Serving, record_property: Callable[[str, object], None]
) -> None:
    done = 0
    async with chat.client() as client:

        async def ask(number: int) -> None:
            nonlocal done
            await client.ask(request(f"question {number}", number, 100 + 37 * number % 400))
            done += 1

        asking = [asyncio.create_task(ask(number)) for number in range(REQUESTS)]
        readings = []
        while done < REQUESTS - 2 * SLOTS:  # the line must not run empty while we look
            values = await metrics(chat)
            if done >= SETTLED:
                sample = values["vllm:num_requests_running"], values["vllm:num_requests_waiting"], client.slots
                readings.append(sample)
            await asyncio.sleep(0.1)
        await asyncio.gather(*asking)
        counts = client.snapshot()["tiny"]
    running, waiting, slots = zip(*readings, strict=True)
    record_property("queue_following", f"running {running}, waiting {waiting}, our limit {slots}")
    assert max(running) == SLOTS  # kept full
    assert median(waiting) <= 0.25 * SLOTS  # not drowned: it began with 128
    assert SLOTS <= median(slots) <= 1.5 * SLOTS
    assert counts.replies == REQUESTS
    assert not {"stalled", "overloaded"} & set(counts.faults)  # none timed out, none was refused
