"""How much of their prompts servers found in their prefix caches while we asked: the increase of their own counters."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp

from served_model.config import ModelConfig
from served_model.server_load import fetch_metrics, read_samples

POLL_S = 10.0  # what a server counted since then is lost where it is started anew
COUNTERS = (
    ("vllm:prefix_cache_queries_total", "vllm:prefix_cache_hits_total"),
    ("sglang:prompt_tokens_total", "sglang:cached_tokens_total"),
)


@dataclass(frozen=True, slots=True)
class CacheUse:
    """Tokens of prompts that were looked up, and those of them that had been computed before."""

    queries: int = 0
    hits: int = 0

    def __add__(self, other: CacheUse) -> CacheUse:
        return CacheUse(self.queries + other.queries, self.hits + other.hits)

    @property
    def rate(self) -> float:
        """The hit rate, 0 to 1."""
        return self.hits / self.queries if self.queries else 0.0


def read_cache_use(text: str) -> CacheUse | None:
    """What the counters of all engines of a server say; None where it has none."""
    samples = read_samples(text)
    for queries, hits in COUNTERS:
        if queries in samples and hits in samples:
            return CacheUse(round(sum(samples[queries])), round(sum(samples[hits])))
    return None


@dataclass
class Increase:
    """Of one server's counters since the first reading. A server that is started anew counts from zero again."""

    total: CacheUse = field(default_factory=CacheUse)
    last: CacheUse | None = None

    def observe(self, now: CacheUse) -> None:
        """Take in a reading."""
        before = self.last
        self.last = now
        if before is None:
            return
        if now.queries < before.queries or now.hits < before.hits:
            before = CacheUse()
        self.total += CacheUse(now.queries - before.queries, now.hits - before.hits)


@asynccontextmanager
async def watching(models: Iterable[ModelConfig]) -> AsyncIterator[Mapping[str, Increase]]:
    """Read the counters of all endpoints at the start, at the end and now and then between; by base URL.

    Whoever else uses a server at that time is counted, too. One that does not tell stays out.
    """
    keys = {url.rstrip("/"): model.api_key for model in models for url in model.base_urls}
    found: dict[str, Increase] = {}
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:

        async def read(url: str, key: str) -> None:
            headers = {"Authorization": f"Bearer {key}"} if key else {}
            text = await fetch_metrics(session, url, headers)
            use = None if text is None else read_cache_use(text)
            if use is not None:
                found.setdefault(url, Increase()).observe(use)

        async def read_all() -> None:
            await asyncio.gather(*(read(url, key) for url, key in keys.items()))

        async def poll() -> None:
            while True:
                await asyncio.sleep(POLL_S)
                await read_all()

        await read_all()
        polling = asyncio.create_task(poll())
        try:
            yield found
        finally:
            polling.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await polling
            await read_all()
