"""What a report counts over all attempts of a run, in one pass over light columns, and which chains it shows."""

from __future__ import annotations

from bisect import insort
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from audit.chains import Row, reply_of
from audit.tables import Table, percent
from records.types import stable_hash

COLUMNS = ("id", "chain_id", "recipe", "attempt", "is_final", "outcome", "model", "messages")
SAMPLE = 12
"""Chains shown per recipe and outcome."""

LENGTHS = (125, 250, 500, 1_000, 2_000, 4_000, 8_000, 16_000)
"""Upper bounds of the length classes, in characters; one more class lies above."""


@dataclass
class Statistics:
    """Counts and samples. Everything is keyed by recipe first; nothing depends on the order of the shards."""

    attempts: Counter[tuple[str, int, str]] = field(default_factory=Counter)  # recipe, attempt, outcome
    lengths: Counter[tuple[str, int, str]] = field(default_factory=Counter)  # recipe, length class, outcome
    chains: Counter[str] = field(default_factory=Counter)
    models: set[str] = field(default_factory=set)
    _samples: dict[tuple[str, str], list[tuple[str, str]]] = field(default_factory=dict)

    def add(self, rows: Iterable[Row]) -> None:
        """Take in rows with COLUMNS."""
        for row in rows:
            self.attempts[row["recipe"], row["attempt"], row["outcome"]] += 1
            self.models.update(name for name in row["model"].split(",") if name)
            if row["is_final"]:
                self._add_final(row)

    def _add_final(self, row: Row) -> None:
        recipe, outcome = row["recipe"], row["outcome"]
        self.chains[recipe] += 1
        self.lengths[recipe, length_class(len(reply_of(row["messages"]))), outcome] += 1
        sample = self._samples.setdefault((recipe, outcome), [])
        insort(sample, (stable_hash("report sample", row["id"]), row["chain_id"]))
        del sample[SAMPLE:]

    @property
    def recipes(self) -> list[str]:
        """All recipes that have a record, by name."""
        return sorted(self.chains)

    def sampled_chains(self) -> list[str]:
        """Ids of the chains to show: by recipe and outcome, in random order that depends on the records' ids only."""
        return [chain for key in sorted(self._samples) for _, chain in self._samples[key]]

    def correction_table(self) -> Table:
        """Per recipe and attempt: how many were tried and passed, and how many chains had passed by then."""
        rows: list[tuple[object, ...]] = []
        for recipe in self.recipes:
            solved = 0
            for attempt in sorted({key[1] for key in self.attempts if key[0] == recipe}):
                tried = sum(self.attempts[recipe, attempt, outcome] for outcome in ("pass", "fail", "unjudged"))
                passed = self.attempts[recipe, attempt, "pass"]
                solved += passed
                share = percent(solved, self.chains[recipe])
                rows.append((recipe, attempt + 1, tried, passed, percent(passed, tried), solved, share))
        return ("recipe", "attempt", "tried", "passed", "pass rate", "passed so far", "of all chains"), rows


def length_class(characters: int) -> int:
    """Index of the length class; `len(LENGTHS)` for what is above the last bound."""
    return next((index for index, bound in enumerate(LENGTHS) if characters <= bound), len(LENGTHS))


def length_label(index: int) -> str:
    """How a length class is called."""
    return f"≤ {LENGTHS[index]:,}" if index < len(LENGTHS) else f"> {LENGTHS[-1]:,}"
