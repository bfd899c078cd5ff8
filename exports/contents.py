"""What a dataset is made of, counted while it is written; the dataset card tells it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from exports.base import Row, tools_of
from exports.pair_rules import PairCounts


@dataclass
class Contents:
    """Counts over the kept records; `rows` counts the rows of every export that has a file."""

    rows: dict[str, int] = field(default_factory=dict)
    test_rows: dict[str, int] = field(default_factory=dict)  # of `rows`, those in the split of held-out tools
    records: Counter[str] = field(default_factory=Counter)  # recipe -> records
    checks: dict[str, Counter[str]] = field(default_factory=dict)  # recipe -> kind of check -> records that passed it
    models: Counter[str] = field(default_factory=Counter)  # model -> records
    prompts: set[tuple[str, str]] = field(default_factory=set)  # name of the prompt file, its hash
    software: set[str] = field(default_factory=set)
    licences: Counter[str] = field(default_factory=Counter)  # licence of the seed -> records
    tools: bool = False  # some record offers tools
    pairs: PairCounts = field(default_factory=PairCounts)

    def add(self, row: Row) -> None:
        """Count one kept record."""
        recipe = row["recipe"]
        self.records[recipe] += 1
        kinds = {verdict["check"] for verdict in row["verdicts"]}
        self.checks.setdefault(recipe, Counter()).update(sorted(kinds))
        self.models.update(sorted({call["model"] for call in row["calls"]}))
        self.prompts.update((call["prompt"], call["prompt_sha256"]) for call in row["calls"])
        self.software.add(row["software"])
        self.licences[row["seed_licence"]] += 1
        self.tools = self.tools or bool(tools_of(row))
