"""Which accepted records the dataset does without, by example: duplicates of others, and holders of benchmark items."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from audit.chains import Row, matching, reply_of
from audit.report import ReportTable
from records.types import stable_hash

EXAMPLES = 3
"""Of each recipe and reason."""
EXCERPT = 160
"""Characters of a text in the table; its link leads to the whole."""
HEADERS = ("recipe", "reason", "records", "for example", "because of")
NOTE = "Accepted, but not kept: the dataset has one that stands for them, or they hold an item of a benchmark."


@dataclass
class Kept:
    """Drops of one recipe and reason: how many, and a sample by id."""

    number: int = 0
    sample: list[tuple[str, Row]] = field(default_factory=list)

    def add(self, drop: Row) -> None:
        self.number += 1
        self.sample = sorted([*self.sample, (stable_hash("duplicate", drop["id"]), drop)], key=lambda one: one[0])
        del self.sample[EXAMPLES:]


def duplicates_table(drops: Iterator[Row], shards: Sequence[Path]) -> Iterator[ReportTable]:
    """From the drops of a run and the shards that they were chosen from; none where nothing was dropped so."""
    found: dict[tuple[str, str], Kept] = {}
    for drop in drops:
        evidence = json.loads(drop["evidence"])
        if drop["stage"] == "select" and ("duplicate_of" in evidence or "benchmark" in evidence):
            found.setdefault((drop["recipe"], drop["reason"]), Kept()).add(drop)
    if not found:
        return
    named = {one for kept in found.values() for _, drop in kept.sample for one in _named(drop)}
    records = {row["id"]: row for row in matching(shards, "id", named)}
    rows, examples = [], []
    for (recipe, reason), kept in sorted(found.items()):
        for place, (_, drop) in enumerate(kept.sample):
            first = place == 0
            because, chains = _because(drop, records)
            rows.append(
                (recipe if first else "", reason if first else "", f"{kept.number:,}" if first else "", *because)
            )
            examples.append(chains)
    yield ReportTable("Duplicates and contamination", HEADERS, rows, NOTE, examples=examples)


def benchmark_tables(reports: Sequence[Mapping[str, Any]]) -> Iterator[ReportTable]:
    """Of each benchmark how much was found in accepted records, which were dropped for it (E4)."""
    rows = [
        (
            one["benchmark"],
            one["items"],
            one["matched"],
            one["rows"],
            "CONTAMINATED" if one["contaminated"] else "clean",
        )
        for one in reports
    ]
    if rows:
        note = "Contaminated: the records as they were made held more than 2 % of its items. The dataset holds none."
        yield ReportTable("Benchmarks", ("benchmark", "items", "found", "in records", "before curation"), rows, note)


def _named(drop: Row) -> list[str]:
    """The dropped record and the one that stands for it."""
    other = json.loads(drop["evidence"]).get("duplicate_of", "")
    return [drop["id"], other] if other else [drop["id"]]


def _because(drop: Row, records: Mapping[str, Row]) -> tuple[tuple[str, str], list[str]]:
    """Excerpts of the dropped record and of what it lost to, and the chains of both."""
    evidence = json.loads(drop["evidence"])
    rows = [records[one] for one in _named(drop) if one in records]
    texts = {row["id"]: _excerpt(reply_of(row["messages"])) for row in rows}
    if "benchmark" in evidence:
        cause = f"{evidence['benchmark']}: item {evidence['item']}, {evidence['coverage']:.0%} of its words"
    else:
        cause = texts.get(evidence["duplicate_of"], str(evidence["duplicate_of"]))
    return (texts.get(drop["id"], str(drop["id"])), cause), [row["chain_id"] for row in rows]


def _excerpt(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= EXCERPT else f"{line[: EXCERPT - 1]}…"
