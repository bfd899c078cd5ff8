"""Writes a run's report: one HTML page that needs no network and in which nothing a model wrote has an effect.

Three walls: every value is escaped by the template engine, control characters are shown instead of obeyed, and the
page's content security policy runs no script but the page's own, known by its hash.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

from audit.chains import Row, load_chains, scan, shard_files
from audit.findings import Audit, Limits, finish
from audit.leads import FATES, Lead, funnels, reason_lead
from audit.page import LONGEST_TEXT, render_page, render_records
from audit.statistics import COLUMNS, OUTCOMES, Statistics, length_label, traits_of
from audit.views import SliceView, shown_documents, slice_views
from audit.yield_table import reasons_table
from records.accounts import Accounts
from records.tables import read_rows, write_text
from records.types import canonical_json, stable_hash
from served_model.rehearsal.asking import MODEL as REHEARSAL

__all__ = ["LONGEST_TEXT", "ReportFacts", "ReportTable", "write_report"]
MOST_BYTES = 6_000_000
"""Of the shown records in the page, which is to stay below 10 MB and open at once."""
DROPS_PER_REASON = 2
ALL_REASONS = 10_000


@dataclass(frozen=True)
class ReportTable:
    """Any further table, such as the escape table of a rehearsal.

    Its numbers lead to records: by a trait that the first cell of a row names, or by examples for each row.
    """

    title: str
    headers: Sequence[str]
    rows: Sequence[Sequence[object]]
    note: str = ""
    recipe: str = ""
    trait: str = ""  # such as "skill": then the first cell leads to the records with skill=<cell>
    examples: Sequence[Sequence[str]] = ()  # chain ids, row by row

    @property
    def group(self) -> str:
        """What stands before the colon of a title is the title of all such tables together."""
        return self.title.partition(": ")[0]

    @property
    def subtitle(self) -> str:
        """What stands behind it."""
        return self.title.partition(": ")[2]


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


@dataclass
class Counted:
    """The statistics of some shards, taken while a run worked on others. Their order does not matter."""

    statistics: Statistics = field(default_factory=Statistics)
    files: set[Path] = field(default_factory=set)

    def add(self, file: Path, rows: Iterable[Row]) -> None:
        """Take in a shard: its rows with COLUMNS."""
        self.statistics.add(rows)
        self.files.add(file)


def write_report(run_root: Path, out: Path, facts: ReportFacts, counted: Counted | None = None) -> None:
    """Write the page to `out`, and `audit.json` beside it for the next run. Memory holds samples only.

    The same run gives the same page, whatever of it was `counted` before. Raises OSError.
    """
    files = shard_files(run_root)
    counted = counted or Counted()
    statistics = counted.statistics
    for file in files:
        if file not in counted.files:
            counted.add(file, scan([file], COLUMNS))
    audit = finish(statistics.survey, Limits(), facts.previous)
    views = slice_views(audit)
    examples = dict.fromkeys(one for table in facts.tables for row in table.examples for one in row)
    shown = _shown(files, statistics, [*examples, *shown_documents(views)])
    drops = _sampled_drops(run_root / "drops.parquet", examples.keys())
    write_text(out.with_name("audit.json"), canonical_json(audit.to_json()) + "\n")
    write_text(out, render_page("report.html.j2", _context(facts, statistics, (audit, views), shown, drops)))


@dataclass(frozen=True)
class _Shown:
    """The chains of the page, and each as it stands there."""

    chains: Sequence[Sequence[Row]]
    html: Sequence[str]


def _shown(files: Sequence[Path], statistics: Statistics, named: Sequence[str]) -> _Shown:
    """The sampled chains, those that the page names, and of further ones those with a trait that no other has."""
    first, further = [*statistics.sampled_chains(), *named], statistics.chains_of_traits()
    loaded = load_chains(files, {*first, *further})
    chains: list[Sequence[Row]] = [loaded[chain] for chain in dict.fromkeys(first) if chain in loaded]
    traits = {(chain[-1]["recipe"], trait) for chain in chains for trait in traits_of(chain)}
    for chain in (loaded[one] for one in further if one in loaded):
        own = {(chain[-1]["recipe"], trait) for trait in traits_of(chain)}
        if not own <= traits:
            traits |= own
            chains.append(chain)
    affordable = list(_affordable(chains))
    affordable.sort(key=lambda pair: pair[0][-1]["recipe"])  # further ones join those of their recipe
    return _Shown([chain for chain, _ in affordable], [html for _, html in affordable])


def _reachable(chain: Sequence[Row]) -> Iterator[tuple[str, str, str]]:
    """Recipe, outcome and each trait of a chain."""
    last = chain[-1]
    return ((last["recipe"], last["outcome"], trait) for trait in traits_of(chain))


def _context(
    facts: ReportFacts,
    statistics: Statistics,
    audited: tuple[Audit, Sequence[SliceView]],
    shown: _Shown,
    drops: Sequence[Row],
) -> dict[str, Any]:
    models = sorted({*facts.models, *statistics.models} - {""})
    audit, views = audited
    anchors = {chain[-1]["chain_id"] for chain in shown.chains}
    return {
        "facts": facts,
        "models": models,
        "is_rehearsal": REHEARSAL in models,
        "funnels": list(funnels(facts.accounts)),
        "reasons": _reasons(facts.accounts),
        "corrections": statistics.corrections(),
        "lengths": [(recipe, list(_length_counts(statistics, recipe))) for recipe in statistics.recipes],
        "facets": [(recipe, rows) for recipe in statistics.recipes if (rows := list(statistics.facet_rows(recipe)))],
        "groups": [(title, list(tables)) for title, tables in groupby(facts.tables, key=lambda table: table.group)],
        "findings": audit.findings,
        "views": views,
        "anchors": anchors | {drop["id"] for drop in drops},
        "chain_ids": anchors,
        "reachable": {one for chain in shown.chains for one in _reachable(chain)},
        "chains": shown.html,
        "drops": drops,
        "fates": list(FATES),
        "outcomes": OUTCOMES,
        "choices": _choices(shown.chains, drops),
    }


def _affordable(chains: Sequence[Sequence[Row]]) -> Iterator[tuple[Sequence[Row], str]]:
    """The chains until MOST_BYTES is spent; what is too large is left out, the smaller ones after it are not."""
    left = MOST_BYTES
    for chain, html in render_records(chains):
        size = len(html.encode())
        if size <= left:
            left -= size
            yield chain, html


def _reasons(accounts: Accounts) -> list[tuple[str, list[tuple[str, str, Lead, str]]]]:
    """Per recipe: stage, reason, number, share of what came in."""
    found: dict[str, list[tuple[str, str, Lead, str]]] = {}
    for recipe, stage, reason, number, share in reasons_table(accounts, ALL_REASONS)[1]:
        lead = reason_lead(str(recipe), str(reason), int(str(number)))
        found.setdefault(str(recipe), []).append((str(stage), str(reason), lead, str(share)))
    return list(found.items())


def _sampled_drops(path: Path, named: Collection[str]) -> list[Row]:
    """The drops that the page names, and a few of every recipe, stage and reason; the same ones each time."""
    kept: Counter[tuple[str, str, str]] = Counter()
    rows: list[Row] = []
    drops = read_rows([path]) if path.exists() else ()
    for row in sorted(drops, key=lambda row: stable_hash("drop", row["id"], row["stage"])):
        key = (row["recipe"], row["stage"], row["reason"])
        kept[key] += 1
        if kept[key] <= DROPS_PER_REASON or row["id"] in named:
            rows.append(row)
    return sorted(rows, key=lambda row: (row["recipe"], row["stage"], row["reason"], row["id"]))


def _length_counts(statistics: Statistics, recipe: str) -> Iterator[tuple[str, dict[str, int]]]:
    """Length class and chains by outcome; the empty classes around those that are met say nothing."""
    met = [index for of, index, _ in statistics.lengths if of == recipe]
    for index in range(min(met), max(met) + 1):
        counts = {outcome: statistics.lengths[recipe, index, outcome] for outcome in OUTCOMES}
        yield length_label(index), {outcome: count for outcome, count in counts.items() if count}


def _choices(chains: Sequence[Sequence[Row]], drops: Sequence[Row]) -> dict[str, list[str]]:
    """What the filters offer."""
    finals = [chain[-1] for chain in chains]
    said = {f"{row['decided_by']}: {row['reason']}" for chain in chains for row in chain}
    return {
        "outcome": sorted({row["outcome"] for row in finals} | ({"dropped"} if drops else set())),
        "recipe": sorted({row["recipe"] for row in (*finals, *drops)}),
        "reason": sorted(said | {f"{row['stage']}: {row['reason']}" for row in drops}),
    }
