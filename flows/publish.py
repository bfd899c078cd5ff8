"""Turns finished shards into what a run leaves: the dataset, the report, and the final run.json."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audit.duplicates import benchmark_tables, duplicates_table
from audit.report import ReportFacts, ReportTable, write_report
from audit.yield_table import render_markdown
from curation.screens import benchmark_reports
from curation.selection import Selection
from exports import DATASET
from exports.dataset_card import CardFacts
from exports.pair_bias import HEADERS, NOTE, PairBias
from exports.preference import PREFERENCE
from exports.write import write_exports
from flows.ahead import Ahead
from flows.budget import Spending
from flows.caches import cache_tables
from flows.earlier import earlier_run
from flows.export_settings import ExportSettings
from flows.make_recipe import RecipeResult
from flows.plan import RunPlan
from flows.report_counts import ReportCounts
from flows.run_folder import RunFolder
from flows.settle import Published, checksums, settle, spent
from records.accounts import Accounts
from records.tables import read_rows

NAMED = 3
ENDS = {"corpus": "the end of the corpus", "seeds": "the number of seeds", "target": "the target"}
"""How the end of a recipe is told; others, such as a budget, tell themselves."""


@dataclass(frozen=True)
class Made:
    """What the recipes of a run ended with, and what was done of its publication while they were worked."""

    results: Sequence[RecipeResult]
    spending: Spending
    ahead: Ahead


def publish(plan: RunPlan, folder: RunFolder, made: Made, description: Mapping[str, Any]) -> Published:
    """Write drops, dataset, run.json and report. Only then does run.json say that the run is complete."""
    accounts, selections = settle(plan, folder, made.results)
    slugs = [recipe.slug for recipe in plan.recipes]
    ended = {slug: result.ended for slug, result in zip(slugs, made.results, strict=True)}
    shards = {slug: result.shards for slug, result in zip(slugs, made.results, strict=True)}
    description = {**description, "ended": ended, "shards": shards, "accounts": accounts.to_list()}
    kept = {record for selection in selections for record in selection.kept}
    card = card_facts(folder, description, folder.root)
    exports: Mapping[str, int] | None = made.ahead.exporting.finish(folder.used_shards(shards), kept, card)
    exports = exports or export_kept(folder, folder.dataset, description, (selections, DATASET))
    accepted = {slug: len(one.kept) for slug, one in zip(slugs, selections, strict=True)}
    description |= {
        "accepted": accepted,
        "exports": dict(exports),
        "budget": spent(made.spending),
        "judges": made.ahead.counts.accuracies(),
        "benchmarks": [line.to_json() for line in benchmark_reports(one.screens for one in selections)],
        "sha256": checksums(folder, shards),
        "state": "complete",
    }
    report(folder, description, ahead=made.ahead)
    folder.write_run(description)
    return Published(accounts, accepted, exports, ended, folder.root, description.get("prefix_cache", {}))


def export_kept(
    folder: RunFolder,
    out: Path,
    description: Mapping[str, Any],
    chosen: tuple[Sequence[Selection], Sequence[str]],
) -> Mapping[str, int]:
    """Write the training files of the chosen records, and their card, to `out`. Gives rows by export.

    The run's own dataset gets a second card one folder up, so that the run folder loads as a dataset, too.
    """
    selections, names = chosen
    kept = {record for selection in selections for record in selection.kept}
    card = card_facts(folder, description, folder.root if out == folder.dataset else None)
    return write_exports(folder.used_shards(description["shards"]), kept, out, names, card)


def card_facts(folder: RunFolder, description: Mapping[str, Any], root: Path | None) -> CardFacts:
    """What a dataset card says of the run, as far as its description is there."""
    settings = ExportSettings.model_validate(description["config"].get("exports", {}))
    return CardFacts(
        name=description["name"],
        fingerprint=description["fingerprint"],
        model=description["model"],
        yield_table=render_markdown(Accounts.from_list(description.get("accounts", []))),
        ended=description.get("ended", {}),
        heldout_tools=description["config"].get("heldout_tools", 0.0),
        pairs=settings.pair_rules(),
        url=settings.url,
        creator=settings.creator,
        published=settings.published,
        root=root,
    )


def report(
    folder: RunFolder,
    description: Mapping[str, Any],
    tables: tuple[ReportTable, ...] = (),
    ahead: Ahead | None = None,
) -> None:
    """Write the run's report from its description and its shards, beside those of the run before."""
    earlier = earlier_run(folder, description)
    counts = ahead.counts if ahead else ReportCounts.of(folder.used_shards(description["shards"]))
    facts = ReportFacts(
        name=description["name"],
        fingerprint=description["fingerprint"],
        software=description["software"],
        state=description["state"],
        accounts=Accounts.from_list(description["accounts"]),
        why_ended=_why(description),
        models=tuple(description["model"].split(",")),
        facts=_facts(description),
        tables=(
            *tables,
            *counts.proofs.tables(),
            *counts.judging_tables(),
            *duplicates_table(read_rows([folder.drops]), folder.used_shards(description["shards"])),
            *benchmark_tables(description.get("benchmarks", ())),
            *_pairs(folder),
            *_cost(description),
            *cache_tables(description.get("prefix_cache", {})),
        ),
        previous=earlier.slices,
        previous_name=earlier.name,
    )
    write_report(folder.root, folder.report, facts, ahead.counted if ahead else None)


def _pairs(folder: RunFolder) -> Iterator[ReportTable]:
    """Length and position bias of the preference pairs that the run's dataset holds."""
    bias = PairBias()
    files = sorted((folder.dataset / PREFERENCE.name).glob("*.parquet"))
    for row in read_rows(files, ("chosen", "rejected", "verifier", "chosen_place", "rejected_place")):
        bias.add(row)
    if bias.tallies:
        yield ReportTable("Preference pairs", HEADERS, list(bias.table()), NOTE)


def _cost(description: Mapping[str, Any]) -> Iterator[ReportTable]:
    """Tokens of each model, in all and per record that was kept."""
    budget = description["budget"]
    kept = max(1, sum(description["accepted"].values()))
    rows = []
    for name, usage in sorted(budget["usage"].items()):
        prompt, completion = usage["prompt_tokens"], usage["completion_tokens"]
        rows.append((name, f"{prompt:,}", f"{completion:,}", f"{(prompt + completion) / kept:,.0f}"))
    if rows:
        note = f"{budget['money']:,.2f} money at the configured prices, {budget['hours']:.2f} hours in the last start."
        headers = ("model", "prompt tokens", "completion tokens", "tokens per kept record")
        yield ReportTable("Cost", headers, rows, note, trait="model")


def _why(description: Mapping[str, Any]) -> str:
    """What ended the recipes, together where it was the same."""
    slugs: dict[str, list[str]] = {}
    for slug, why in description["ended"].items():
        slugs.setdefault(why, []).append(slug)
    named = {why: ", ".join(some) if len(some) <= NAMED else f"{len(some)} recipes" for why, some in slugs.items()}
    return "; ".join(f"{some} ended by {ENDS.get(why, why)}" for why, some in named.items())


def _facts(description: Mapping[str, Any]) -> dict[str, str]:
    budget = description["budget"]
    rows = ", ".join(f"{name} {count:,}" for name, count in sorted(description["exports"].items()))
    return {
        "Accepted": f"{sum(description['accepted'].values()):,}",
        "Rows by export": rows,
        "Tokens": f"{budget['tokens']:,}",
        "Seed": str(description["config"]["seed"]),
    }
