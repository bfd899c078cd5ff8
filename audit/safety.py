"""What the guard of a run found, for its report: rates, categories, and refusals of harmless prompts (G2, G4)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from audit.intervals import Share
from audit.report import ReportTable
from verifiers.safety import KIND
from verifiers.safety_tally import SafetyTally

COLUMNS = ("verdicts",)


class Safeties:
    """Takes in the rows of a run's shards."""

    def __init__(self) -> None:
        self.tally = SafetyTally()

    def add(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Rows with COLUMNS."""
        for row in rows:
            for verdict in row["verdicts"]:
                if verdict["check"] == KIND:
                    self.tally.add(verdict["reason"], json.loads(verdict["evidence"]))

    def tables(self) -> tuple[ReportTable, ...]:
        """None where no guard was asked."""
        if not self.tally.ends:
            return ()
        return tuple(safety_tables(self.tally))


def safety_tables(tally: SafetyTally) -> list[ReportTable]:
    """The rates, and what was found by category."""
    rates = [(name, str(Share(*share))) for name, share in tally.shares.items() if share[1]]
    ends = ", ".join(f"{reason} {count:,}" for reason, count in sorted(tally.ends.items()))
    note = f"{tally.ends.total():,} dialogues came to the guard: {ends}."
    tables = [ReportTable("Safety", ("what", "share [95 %]"), rates, note)]
    if tally.categories:
        headers = ("category", "in prompts", "in responses")
        tables.append(ReportTable("Safety by category", headers, tally.categories))
    return tables
