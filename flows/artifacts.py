"""What the Prefect UI shows of a run: live progress, tables, samples, the dataset card, and where the report lies."""

from __future__ import annotations

import asyncio
import logging
import re
from collections import Counter
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

import httpx
from prefect.artifacts import (
    acreate_link_artifact,
    acreate_markdown_artifact,
    acreate_progress_artifact,
)
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import ArtifactUpdate
from prefect.context import FlowRunContext

from audit.chains import shard_files
from audit.samples import render_samples, sample_chains, span
from audit.tables import markdown_table, percent
from audit.yield_table import render_markdown
from flows.budget import Spending
from flows.make_shard import ShardSummary
from flows.plan import RecipePlan, RunPlan
from flows.report_counts import ReportCounts
from flows.run_folder import RunFolder
from flows.settle import Published

SAMPLES = 6
"""Records of each outcome in the samples artifact: what a person reads in two minutes."""
REASONS = 3
EVERY_S = 1.0
"""Seconds between two updates at least: an update costs milliseconds of the run's own core."""

logger = logging.getLogger(__name__)


@dataclass
class _Recipe:
    plan: RecipePlan
    artifact: UUID | None = None  # none where neither target nor seeds say how far it is to go
    shards: int = 0
    seeds: int = 0
    accepted: int = 0
    records: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    @property
    def top(self) -> list[tuple[str, int]]:
        """Why the rest was not accepted, most often."""
        return self.reasons.most_common(REASONS)

    @property
    def share(self) -> float | None:
        target, seeds = self.plan.choice.target, self.plan.choice.seeds
        shares = [done / whole for done, whole in ((self.accepted, target), (self.seeds, seeds)) if whole]
        return min(1.0, max(shares)) if shares else None


@dataclass
class LiveProgress:
    """Progress of a run in the UI, moved on by shards; outside of a flow run it does nothing."""

    plan: RunPlan
    spending: Spending  # of this view: the scheduler counts a shard later than it is shown
    recipes: dict[str, _Recipe] = field(default_factory=dict)
    table: UUID | None = None
    news: asyncio.Event = field(default_factory=asyncio.Event)

    @asynccontextmanager
    async def on_show(self) -> AsyncIterator[None]:
        """Keep the artifacts up to date while inside."""
        if FlowRunContext.get() is None:
            yield
            return
        async with get_client() as client:
            await self._begin()
            keeper = asyncio.create_task(self._keep(client))
            try:
                yield
                await self._show(client)
            finally:
                keeper.cancel()
                await asyncio.gather(keeper, return_exceptions=True)

    async def _begin(self) -> None:
        for plan in self.plan.recipes:
            recipe = self.recipes[plan.slug] = _Recipe(plan)
            if recipe.share is not None:
                recipe.artifact = await acreate_progress_artifact(0.0, key=f"progress-{_key(plan.slug)}")
        self.table = await acreate_markdown_artifact(key="live", markdown=self._markdown())

    async def shown(self, slug: str, work: Awaitable[ShardSummary]) -> ShardSummary:
        """What a shard's work gives; it will be on show within about EVERY_S."""
        summary = await work
        if self.table is not None:
            self._add(slug, summary)
            self.news.set()
        return summary

    def _add(self, slug: str, summary: ShardSummary) -> None:
        self.spending.add(summary)
        recipe = self.recipes[slug]
        accepted, records = summary.accepted_of
        recipe.shards += 1
        recipe.accepted += accepted
        recipe.records += records
        for count in summary.accounts:
            recipe.seeds += count.entered if count.stage == "propose" else 0
            recipe.reasons.update(count.reasons if count.stage in ("propose", "record") else {})

    async def _keep(self, client: PrefectClient) -> None:
        while True:
            await self.news.wait()
            self.news.clear()
            await self._show(client)
            await asyncio.sleep(EVERY_S)

    async def _show(self, client: PrefectClient) -> None:
        """Where the API does not answer, the next one shows it: what is on show must not cost a run."""
        updates = {one.artifact: round(100 * one.share, 1) for one in self.recipes.values() if one.share is not None}
        try:
            for artifact, percent_done in updates.items():
                if artifact is not None:
                    await client.update_artifact(artifact, ArtifactUpdate(data=percent_done))
            if self.table is not None:
                await client.update_artifact(self.table, ArtifactUpdate(data=self._markdown()))
        except httpx.HTTPError as error:
            logger.warning("the progress of the run is not shown: %s", type(error).__name__)

    def _markdown(self) -> str:
        headers = ("recipe", "accepted", "target", "records", "yield", "seeds", "shards")
        rows = [
            (
                slug,
                f"{one.accepted:,}",
                f"{one.plan.choice.target:,}" if one.plan.choice.target else "-",
                f"{one.records:,}",
                percent(one.accepted, one.records),
                f"{one.seeds:,}",
                one.shards,
            )
            for slug, one in self.recipes.items()
        ]
        why = [(slug, reason, f"{number:,}") for slug, one in self.recipes.items() for reason, number in one.top]
        below = [markdown_table(("recipe", "why not, most often", "count"), why)] if why else []
        return "\n".join([markdown_table(headers, rows), *below, spent_line(self.spending), ""])


def spent_line(spending: Spending) -> str:
    """What is spent, of what may be."""
    budget = spending.config.budget
    parts = [f"{spending.tokens:,} tokens" + (f" of {budget.tokens:,}" if budget.tokens else "")]
    if spending.money or budget.money:
        parts.append(f"{spending.money:,.2f} money" + (f" of {budget.money:,.2f}" if budget.money else ""))
    return "spent " + ", ".join(parts)


async def show_result(published: Published, folder: RunFolder) -> None:
    """The artifacts of a finished run."""
    await acreate_markdown_artifact(key="yield-table", markdown=render_markdown(published.accounts))
    await acreate_markdown_artifact(key="samples", markdown=samples_markdown(folder))
    tables = ReportCounts.of(folder.used_shards(folder.read_run()["shards"])).judging_tables()
    if tables:
        judges = "\n".join(f"## {one.title}\n\n{markdown_table(one.headers, one.rows)}" for one in tables)
        await acreate_markdown_artifact(key="judges", markdown=judges, description="What the judges are worth.")
    card = folder.dataset / "README.md"
    text = card.read_text(encoding="utf-8") if card.exists() else ""
    await acreate_markdown_artifact(key="dataset-card", markdown=_without_front_matter(text))
    report = folder.report.resolve()
    await acreate_link_artifact(
        link=report.as_uri(),
        link_text=f"Report: {report}",
        key="report",
        description=f"On the machine that ran this: {span(str(report))}",
    )


def samples_markdown(folder: RunFolder) -> str:
    """Accepted, rejected and unjudged records of a run's shards; the same ones each time."""
    files = shard_files(folder.root)
    parts = []
    for title, outcome in (("Accepted", "pass"), ("Rejected", "fail"), ("Unjudged", "unjudged")):
        chains = sample_chains(files, outcome, SAMPLES)
        parts.append(f"## {title}\n\n{render_samples(chains)}")
    return "\n".join(parts)


def _key(slug: str) -> str:
    """Artifact keys are lower-case letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", slug.lower()).strip("-")


def _without_front_matter(card: str) -> str:
    _, dashes, rest = card.partition("\n---\n")
    return rest if dashes and card.startswith("---\n") else card
