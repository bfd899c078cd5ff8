"""Writes a run's report: one HTML page that needs no network and in which nothing a model wrote has an effect.

Three walls: every value is escaped by the template engine, control characters are shown instead of obeyed, and the
page's content security policy runs no script but the page's own, known by its hash.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from audit.chains import Row, load_chains, scan, shard_files
from audit.findings import Audit, Limits, finish
from audit.page import LONGEST_TEXT, render_page
from audit.statistics import COLUMNS, LENGTHS, OUTCOMES, Statistics, length_label
from audit.views import HEIGHT, WIDTH, SliceView, shown_documents, slice_views
from audit.yield_table import reasons_table, yield_table
from records.accounts import Accounts, StageCount
from records.tables import read_rows, write_text
from records.types import canonical_json, stable_hash
from served_model.rehearsal.asking import MODEL as REHEARSAL

__all__ = ["LONGEST_TEXT", "ReportFacts", "ReportTable", "write_report"]
MOST_BYTES = 5_000_000
"""Of the shown records, as they are stored: the page is to stay below 10 MB and open at once."""
DROPS_PER_REASON = 2
FATES = ("accepted", "rejected", "unjudged", "dropped")


@dataclass(frozen=True)
class ReportTable:
    """Any further table, such as the escape table of a rehearsal."""

    title: str
    headers: Sequence[str]
    rows: Sequence[Sequence[object]]
    note: str = ""


@dataclass(frozen=True)
class ReportFacts:
    """What the page says beyond what the shards hold. `facts` are further lines of the header."""

    name: str
    fingerprint: str
    software: str
    state: str
    accounts: Accounts
    why_ended: str = ""
    models: tuple[str, ...] = ()  # that the run may ask
    facts: Mapping[str, str] = field(default_factory=dict)
    tables: tuple[ReportTable, ...] = ()
    previous: Mapping[str, Any] = field(default_factory=dict)  # slices of the audit of the run before
    previous_name: str = ""


def write_report(run_root: Path, out: Path, facts: ReportFacts) -> None:
    """Write the page to `out`, and `audit.json` beside it for the next run. Memory holds samples only.

    The same run gives the same page. Raises OSError.
    """
    files = shard_files(run_root)
    statistics = Statistics()
    statistics.add(scan(files, COLUMNS))
    audit = finish(statistics.survey, Limits(), facts.previous)
    views = slice_views(audit)
    wanted = list(dict.fromkeys([*statistics.sampled_chains(), *shown_documents(views)]))
    loaded = load_chains(files, wanted)
    chains = list(_affordable([loaded[chain] for chain in wanted if chain in loaded]))
    drops = _sampled_drops(run_root / "drops.parquet")
    write_text(out.with_name("audit.json"), canonical_json(audit.to_json()) + "\n")
    write_text(out, render_page("report.html.j2", _context(facts, statistics, (audit, views), chains, drops)))


def _context(
    facts: ReportFacts,
    statistics: Statistics,
    audited: tuple[Audit, Sequence[SliceView]],
    chains: Sequence[Sequence[Row]],
    drops: Sequence[Row],
) -> dict[str, Any]:
    models = sorted({*facts.models, *statistics.models} - {""})
    audit, views = audited
    return {
        "facts": facts,
        "models": models,
        "is_rehearsal": REHEARSAL in models,
        "funnels": list(_funnels(facts.accounts)),
        "yields": yield_table(facts.accounts),
        "reasons": reasons_table(facts.accounts),
        "correction": statistics.correction_table(),
        "lengths": [(recipe, list(_length_bars(statistics, recipe))) for recipe in statistics.recipes],
        "facets": [(recipe, statistics.facet_rows(recipe)) for recipe in statistics.recipes],
        "findings": audit.findings,
        "views": views,
        "anchors": {chain[-1]["chain_id"] for chain in chains},
        "size": (WIDTH, HEIGHT),
        "chains": chains,
        "drops": drops,
        "fates": FATES,
        "outcomes": OUTCOMES,
        "choices": _choices(chains, drops),
    }


def _affordable(chains: Sequence[Sequence[Row]]) -> Iterator[Sequence[Row]]:
    """The chains until MOST_BYTES is spent; what is too large is left out, the smaller ones after it are not."""
    left = MOST_BYTES
    for chain in chains:
        size = sum(len(str(value)) for row in chain for value in row.values() if value)
        if size <= left:
            left -= size
            yield chain


def _sampled_drops(path: Path) -> list[Row]:
    """A few drops of every recipe, stage and reason; the same ones each time."""
    kept: Counter[tuple[str, str, str]] = Counter()
    rows: list[Row] = []
    drops = read_rows([path]) if path.exists() else ()
    for row in sorted(drops, key=lambda row: stable_hash("drop", row["id"], row["stage"])):
        key = (row["recipe"], row["stage"], row["reason"])
        kept[key] += 1
        if kept[key] <= DROPS_PER_REASON:
            rows.append(row)
    return sorted(rows, key=lambda row: (row["recipe"], row["stage"], row["reason"], row["id"]))


def _funnels(accounts: Accounts) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Per recipe its stages, with widths in per cent of the recipe's widest stage."""
    by_recipe: dict[str, list[StageCount]] = {}
    for count in accounts:
        by_recipe.setdefault(count.recipe, []).append(count)
    for recipe, counts in by_recipe.items():
        widest = max(count.entered for count in counts)
        yield recipe, [{"count": count, "bars": _bars(count, widest)} for count in counts]


def _bars(count: StageCount, widest: int) -> list[tuple[str, int, float]]:
    numbers = [(fate, getattr(count, fate)) for fate in FATES]
    return [(fate, number, round(100 * number / widest, 2)) for fate, number in numbers if number]


def _length_bars(statistics: Statistics, recipe: str) -> Iterator[tuple[str, list[tuple[str, int, float]]]]:
    counts = {
        (index, outcome): statistics.lengths[recipe, index, outcome]
        for index in range(len(LENGTHS) + 1)
        for outcome in OUTCOMES
    }
    highest = max(sum(counts[index, outcome] for outcome in OUTCOMES) for index in range(len(LENGTHS) + 1))
    last = max(index for of, index, _ in statistics.lengths if of == recipe)  # the empty classes above say nothing
    for index in range(last + 1):
        bars = [(outcome, counts[index, outcome]) for outcome in OUTCOMES if counts[index, outcome]]
        yield length_label(index), [(outcome, count, round(100 * count / highest, 2)) for outcome, count in bars]


def _choices(chains: Sequence[Sequence[Row]], drops: Sequence[Row]) -> dict[str, list[str]]:
    """What the filters offer."""
    finals = [chain[-1] for chain in chains]
    said = {f"{row['decided_by']}: {row['reason']}" for chain in chains for row in chain}
    return {
        "outcome": sorted({row["outcome"] for row in finals} | ({"dropped"} if drops else set())),
        "recipe": sorted({row["recipe"] for row in (*finals, *drops)}),
        "reason": sorted(said | {f"{row['stage']}: {row['reason']}" for row in drops}),
    }
