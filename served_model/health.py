"""Finds the endpoint that takes connections and never answers: a hung process, a dead machine behind a balancer.

A refused connection shows by itself. Silence shows only at the end of a request's own time limit, which has to be as
long as the longest reply. So an endpoint that has requests and gave no answer for a while is asked for its models; one
that does not answer that either, several times, is left out, and its requests go to the others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import aiohttp

from served_model.endpoints import Endpoint, EndpointPool

EVERY_S = 1.0
TIMEOUT_S = 5.0  # a listing takes milliseconds, also where generation is busy for minutes
MISSES = 2  # in a row, of a server that has answered one while it was at work
MISSES_AT_FIRST = 6  # of any other: simple servers do one thing after another


class HealthWatch:
    """One task per endpoint, where there are several: with only one there is nowhere else to go."""

    def __init__(self, pool: EndpointPool, session: Callable[[], aiohttp.ClientSession]) -> None:
        self._pool = pool
        self._session = session
        watched = pool.endpoints if len(pool.endpoints) > 1 else ()
        self._tasks = [asyncio.create_task(self._watch(endpoint)) for endpoint in watched]

    def stop(self) -> None:
        """End the tasks."""
        for task in self._tasks:
            task.cancel()

    async def _watch(self, endpoint: Endpoint) -> None:
        misses, proven = 0, False
        while True:
            await asyncio.sleep(EVERY_S)
            quiet = asyncio.get_running_loop().time() - endpoint.last_answer
            if not endpoint.in_flight or quiet < EVERY_S:
                misses = 0
            elif await self._answers(endpoint):
                misses, proven = 0, True
            else:
                misses += 1
            if misses >= (MISSES if proven else MISSES_AT_FIRST):
                misses = 0
                self._pool.give_up_on(endpoint)

    async def _answers(self, endpoint: Endpoint) -> bool:
        """Whether it says anything at all. A refused or broken connection is left to the requests, which see it too."""
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        try:
            async with self._session().get(
                f"{endpoint.label}/models", timeout=timeout, allow_redirects=False
            ) as response:
                await response.read()
        except TimeoutError:
            return False
        except (aiohttp.ClientError, OSError):
            return True
        return True
