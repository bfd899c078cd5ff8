"""What a run has spent, and which configured limit it has met."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from flows.config import RunConfig
from flows.make_shard import ShardSummary
from records.accounts import Accounts
from served_model.types import Usage

FEWEST_CANDIDATES = 50
"""Candidates before which the ratio of candidates to records says nothing."""


@dataclass
class Spending:
    """Adds up finished shards. Limits are looked at between shards, so a run may overshoot by what is in work."""

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
        prices = {model.name or "": (model.price_in, model.price_out) for model in self.config.models.values()}
        total = 0.0
        for name, usage in self.usage.items():
            price_in, price_out = prices.get(name, (0.0, 0.0))
            total += usage.prompt_tokens * price_in + usage.completion_tokens * price_out
        return total / 1e6

    @property
    def hours(self) -> float:
        """Wall-clock hours since this start of the run."""
        return (time.monotonic() - self.started) / 3600

    def limit_met(self, accounts: Accounts, accepted: int) -> str | None:
        """The name of a limit that is met: "budget: tokens" and so on."""
        budget = self.config.budget
        for name, spent, limit in (
            ("tokens", self.tokens, budget.tokens),
            ("money", self.money, budget.money),
            ("hours", self.hours, budget.hours),
            ("candidates_per_record", _candidates_per_record(accounts, accepted), budget.candidates_per_record),
        ):
            if limit is not None and spent >= limit:
                return f"budget: {name}"
        return None


def _candidates_per_record(accounts: Accounts, accepted: int) -> float:
    candidates = sum(count.entered for count in accounts if count.stage == "record")
    return candidates / max(accepted, 1) if candidates >= FEWEST_CANDIDATES else 0.0
