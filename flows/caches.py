"""How well the servers' prefix caches served a run: watched over its time, told in run.json, report and terminal."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager

from audit.report import ReportTable
from flows.config import RunConfig
from flows.workbench import model_configs
from served_model.prefix_cache import CacheUse, Increase, watching

CacheUses = Mapping[str, Mapping[str, int]]
"""As run.json holds it: by base URL, tokens of prompts in all (`queries`) and found in the cache (`hits`)."""
NOTE = "From the servers' own counters over the last start of the run; whoever else used them then is counted, too."


@asynccontextmanager
async def cache_watch(config: RunConfig) -> AsyncIterator[Mapping[str, Increase]]:
    """Watch all endpoints of the run, from before its first request until after the last one."""
    async with watching(() if config.batch else set(model_configs(config).values())) as found:
        yield found


def cache_uses(found: Mapping[str, Increase]) -> CacheUses:
    """Of the endpoints that told anything, for run.json."""
    return {
        url: {"queries": one.total.queries, "hits": one.total.hits}
        for url, one in sorted(found.items())
        if one.total.queries
    }


def cache_tables(uses: CacheUses) -> Iterator[ReportTable]:
    """For the report; none where no server told."""
    rows = [
        (url, f"{use.queries:,}", f"{use.hits:,}", f"{use.rate:.1%}")
        for url, use in ((url, CacheUse(**counts)) for url, counts in uses.items())
    ]
    if rows:
        yield ReportTable("Prefix cache", ("endpoint", "prompt tokens", "found in the cache", "hit rate"), rows, NOTE)
