"""What a run may spend, what it has spent, and how many candidates its records take."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from flows.config import RunConfig
from flows.make_shard import ShardSummary, usage_of
from flows.run_folder import RunFolder
from flows.workbench import price_table
from served_model.types import Usage


@dataclass
class Spending:
    """Tokens by model, and what they cost. The run's own view shares the meter's counts; others add up shards."""

    config: RunConfig
    usage: dict[str, Usage] = field(default_factory=dict)
    started: float = field(default_factory=time.monotonic)

    def add(self, summary: ShardSummary) -> None:
        """Count one finished shard."""
        for name, usage in summary.usage.items():
            self.usage[name] = self.usage.get(name, Usage()) + usage

    @property
    def tokens(self) -> int:
        """Prompt and completion tokens of all models."""
        return sum(usage.prompt_tokens + usage.completion_tokens for usage in self.usage.values())

    @property
    def money(self) -> float:
        """Tokens times the price of their model."""
        prices = price_table(self.config)
        return sum(
            prices[name].of(usage.prompt_tokens, usage.completion_tokens)
            for name, usage in self.usage.items()
            if name in prices
        )

    @property
    def hours(self) -> float:
        """Wall-clock hours since this start of the run."""
        return (time.monotonic() - self.started) / 3600


def paid_before(folder: RunFolder) -> dict[str, Usage]:
    """Tokens of all replies that the folder's journals hold, by model: what earlier starts of the run have paid."""
    paid: dict[str, Usage] = {}
    for journal in sorted(folder.root.glob("journal/*.jsonl")):
        shard = folder.root / "shards" / f"{journal.stem}.parquet"
        whole = ShardSummary.read(shard) if shard.exists() else None
        usages = usage_of(journal) if whole is None or whole.cut else whole.usage
        for name, usage in usages.items():
            paid[name] = paid.get(name, Usage()) + usage
    return paid
