"""Writes a run's report: one HTML page that needs no network and in which nothing a model wrote has an effect.

Three walls: every value is escaped by the template engine, control characters are shown instead of obeyed, and the
page's content security policy runs no script but the page's own, known by its hash.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

from audit.chains import Row, json_items, load_chains, scan, shard_files
from audit.inert import inert
from audit.statistics import COLUMNS, LENGTHS, Statistics, length_label
from audit.tables import is_number
from audit.yield_table import reasons_table, yield_table
from records.accounts import Accounts, StageCount
from records.tables import write_text
from served_model.rehearsal.asking import MODEL as REHEARSAL

LONGEST_TEXT = 6_000
"""Characters of one text that the page shows; `provender inspect` shows the rest."""

FATES = ("accepted", "rejected", "unjudged", "dropped")
OUTCOMES = ("pass", "fail", "unjudged")


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


def write_report(run_root: Path, out: Path, facts: ReportFacts) -> None:
    """Write the page to `out`, atomically. Two passes over the shards; memory holds the sampled chains only.

    The same run gives the same page. Raises OSError.
    """
    files = shard_files(run_root)
    statistics = Statistics()
    statistics.add(scan(files, COLUMNS))
    sampled = statistics.sampled_chains()
    chains = load_chains(files, sampled)
    write_text(out, _render(facts, statistics, [chains[chain] for chain in sampled]))


def _render(facts: ReportFacts, statistics: Statistics, chains: Sequence[Sequence[Row]]) -> str:
    script = _resource("report_script.html.j2")
    models = sorted({*facts.models, *statistics.models} - {""})
    environment = Environment(autoescape=True, undefined=StrictUndefined, finalize=_shown, trim_blocks=True)
    environment.filters |= {
        "items_of": json_items,
        "is_number": lambda value: is_number(str(value)),
        "rest": lambda row: row[1:],
    }
    return environment.from_string(_resource("report.html.j2")).render(
        facts=facts,
        models=models,
        is_rehearsal=REHEARSAL in models,
        css=_resource("report.css"),
        script=script,
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        funnels=list(_funnels(facts.accounts)),
        yields=yield_table(facts.accounts),
        reasons=reasons_table(facts.accounts),
        correction=statistics.correction_table(),
        lengths=[(recipe, list(_length_bars(statistics, recipe))) for recipe in statistics.recipes],
        chains=chains,
        fates=FATES,
        outcomes=OUTCOMES,
        choices=_choices([chain[-1] for chain in chains]),
    )


def _resource(name: str) -> str:
    return resources.files(__package__ or "audit").joinpath("templates", name).read_text(encoding="utf-8")


def _shown(value: Any) -> Any:
    """What the template prints: text made inert and cut; the engine escapes it afterwards."""
    if not isinstance(value, str) or hasattr(value, "__html__"):  # numbers, and what the template has escaped already
        return value
    rest = len(value) - LONGEST_TEXT
    return inert(value if rest <= 0 else f"{value[:LONGEST_TEXT]}\n… {rest} more characters …")


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
    for index in range(len(LENGTHS) + 1):
        bars = [(outcome, counts[index, outcome]) for outcome in OUTCOMES if counts[index, outcome]]
        yield length_label(index), [(outcome, count, round(100 * count / highest, 2)) for outcome, count in bars]


def _choices(finals: Sequence[Row]) -> dict[str, list[str]]:
    """What the filters offer."""
    return {
        "outcome": sorted({row["outcome"] for row in finals}),
        "recipe": sorted({row["recipe"] for row in finals}),
        "reason": sorted({f"{row['decided_by']}: {row['reason']}" for row in finals}),
    }
