"""Reads what a server says of its load (Prometheus text of vLLM or SGLang) and tells the limit of its endpoint."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping

import aiohttp

from served_model.endpoints import Endpoint, EndpointPool
from served_model.limits import ServerLoad

RAMP_POLL_S = 0.05  # while the limit still climbs
POLL_S = 0.5
RETRY_S = 15.0  # after a server that did not answer, or has no metrics
TIMEOUT_S = 5.0
STRANGE_S = 20.0  # of much less there than our own requests: one of several servers behind a balancer; a busy server of
# its own takes seconds until a burst shows in its metrics
STRANGE_SHARE = 0.6  # of our own requests
FEWEST = 16  # requests of ours below which that says nothing
NAMES = {
    "running": ("vllm:num_requests_running", "sglang:num_running_reqs"),
    "waiting": ("vllm:num_requests_waiting", "sglang:num_queue_reqs"),
    "cache": ("vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc", "sglang:token_usage"),
}
SAMPLE = re.compile(r"^([a-z_:]+)(?:\{[^}]*\})?\s+([0-9.eE+-]+)", re.MULTILINE)


def read_load(text: str) -> ServerLoad | None:
    """The load of all engines of a server together; None where the text does not tell it."""
    samples = read_samples(text)
    running, waiting, cache = (
        next((samples[name] for name in NAMES[what] if name in samples), None)
        for what in ("running", "waiting", "cache")
    )
    if running is None or waiting is None:
        return None
    return ServerLoad(round(sum(running)), round(sum(waiting)), max(cache or [0.0]))


def read_samples(text: str) -> dict[str, list[float]]:
    """The values of each metric, one for each set of labels."""
    samples: dict[str, list[float]] = {}
    for name, value in SAMPLE.findall(text):
        samples.setdefault(name, []).append(_number(value))
    return samples


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def metrics_url(base_url: str) -> str:
    """Metrics lie beside the API, not below its version."""
    return base_url.rstrip("/").removesuffix("/v1") + "/metrics"


async def fetch_metrics(session: aiohttp.ClientSession, base_url: str, headers: Mapping[str, str]) -> str | None:
    """A server's metrics; None where it has none or does not answer."""
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    try:
        async with session.get(
            metrics_url(base_url), headers=headers, timeout=timeout, allow_redirects=False
        ) as response:
            return await response.text() if response.status == 200 else None
    except (aiohttp.ClientError, OSError, TimeoutError, UnicodeDecodeError):
        return None


class LoadWatch:
    """One task per endpoint that reads its metrics while requests are there."""

    def __init__(self, pool: EndpointPool, session: Callable[[], aiohttp.ClientSession]) -> None:
        self._pool = pool
        self._session = session
        self._tasks = [asyncio.create_task(self._watch(endpoint)) for endpoint in pool.endpoints]

    def stop(self) -> None:
        """End the tasks."""
        for task in self._tasks:
            task.cancel()

    async def _watch(self, endpoint: Endpoint) -> None:
        usual = asyncio.get_running_loop().time()  # when what it says was last in keeping with our own requests
        while True:
            await asyncio.sleep(RAMP_POLL_S if endpoint.limit.climbing else POLL_S)
            if endpoint.in_flight == 0:
                usual = asyncio.get_running_loop().time()
                continue
            load = await self._read(endpoint)
            if load is None:
                endpoint.limit.forget_metrics()
                await asyncio.sleep(RETRY_S)
                continue
            ours = endpoint.in_flight
            now = asyncio.get_running_loop().time()
            if ours < FEWEST or load.running + load.waiting >= STRANGE_SHARE * ours:
                usual = now
            if now - usual >= STRANGE_S:
                endpoint.limit.forget_metrics()
                await asyncio.sleep(RETRY_S)
                usual = asyncio.get_running_loop().time()
                continue
            endpoint.limit.observe(load, ours)
            self._pool.dispatch()

    async def _read(self, endpoint: Endpoint) -> ServerLoad | None:
        text = await fetch_metrics(self._session(), endpoint.label, {})
        return None if text is None else read_load(text)
