"""The accounts of a run at its end: choose the records, balance every stage, explain every drop, describe the run."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from curation.selection import Selection
from flows.budget import Spending
from flows.make_recipe import RecipeResult
from flows.plan import RecipePlan, RunPlan
from flows.run_folder import RunFolder, fingerprint
from flows.version import SOFTWARE
from records.accounts import Accounts, AccountsError
from records.schema import DROPS, drop_row, row_drop
from records.tables import read_rows, write_table
from records.types import Drop

VERSIONED = ("prefect", "openai", "pyarrow", "math-verify", "sympy", "ruff")


@dataclass(frozen=True)
class Published:
    """What a run ended with."""

    accounts: Accounts
    accepted: Mapping[str, int]  # by recipe slug, records in the dataset
    exports: Mapping[str, int]  # rows by export
    ended: Mapping[str, str]  # by recipe slug
    root: Path  # the run folder
    caches: Mapping[str, Mapping[str, int]] = field(default_factory=dict)  # use of prefix caches, by endpoint

    @property
    def total(self) -> int:
        """Records in the dataset."""
        return sum(self.accepted.values())


def choose(plan: RecipePlan, folder: RunFolder, shards: int) -> Selection:
    """The accepted records of one recipe that make the dataset, over its first so many shards in order.

    A folder may hold more shards than this run has use for, where an earlier start had a higher target.
    """
    selection = plan.selection()
    selection.add(read_rows([folder.shard(plan.slug, shard) for shard in range(shards)], selection.columns))
    return selection


def settle(plan: RunPlan, folder: RunFolder, results: Sequence[RecipeResult]) -> tuple[Accounts, list[Selection]]:
    """Balance the accounts of all recipes and write `drops.parquet`. Raises AccountsError if anything was lost."""
    accounts = Accounts()
    selections = []
    for recipe, result in zip(plan.recipes, results, strict=True):
        selection = result.selection
        count = result.accounts.stage(recipe.recipe.name, "select")
        count.entered += selection.entered
        count.accepted += len(selection.kept)
        count.dropped += len(selection.drops)
        count.reasons.update(f"{drop.stage}: {drop.reason}" for drop in selection.drops)
        require_handover(recipe.recipe.name, result.accounts)
        accounts.add(result.accounts)
        selections.append(selection)
    accounts.check()
    files = [
        file
        for recipe, result in zip(plan.recipes, results, strict=True)
        for file in folder.drop_files(recipe.slug, result.shards)
    ]
    drops = [row_drop(row) for row in read_rows(files)]
    drops += [drop for selection in selections for drop in selection.drops]
    _require_every_drop(accounts, drops)
    write_table(folder.drops, DROPS, [drop_row(drop) for drop in drops])
    return accounts, selections


def require_handover(recipe: str, accounts: Accounts) -> None:
    """What leaves one stage must enter the next: corpus to propose, final records to selection."""
    for giver, taker in (("corpus", "propose"), ("record", "select")):
        given, taken = accounts.stage(recipe, giver).accepted, accounts.stage(recipe, taker).entered
        if given != taken:
            raise AccountsError(f"{recipe}: {given} left stage {giver}, {taken} entered stage {taker}")


def _require_every_drop(accounts: Accounts, drops: Sequence[Drop]) -> None:
    counted = sum(count.dropped for count in accounts)
    if counted != len(drops):
        raise AccountsError(f"{counted} drops were counted, {len(drops)} are explained in drops.parquet")


def describe_run(plan: RunPlan, inputs: Mapping[str, Any], folder: RunFolder) -> dict[str, Any]:
    """`run.json` as it stands from the first moment of a run."""
    return {
        "name": plan.config.name,
        "state": "running",
        "fingerprint": fingerprint(inputs),
        "inputs": dict(inputs),
        "config": plan.config.model_dump(mode="json"),
        "software": SOFTWARE,
        "versions": {name: version(name) for name in VERSIONED} | {"python": platform.python_version()},
        "model": ",".join(sorted({model.name or "" for model in plan.config.models.values()})),
        "recipes": {recipe.slug: {"use": recipe.choice.use, "target": recipe.choice.target} for recipe in plan.recipes},
    }


def spent(spending: Spending) -> dict[str, Any]:
    """The budget's side of `run.json`."""
    usage = {
        name: {"prompt_tokens": one.prompt_tokens, "completion_tokens": one.completion_tokens}
        for name, one in spending.usage.items()
    }
    return {
        "usage": usage,
        "tokens": spending.tokens,
        "money": round(spending.money, 6),
        "hours": round(spending.hours, 4),
    }


def checksums(folder: RunFolder, used: Mapping[str, int]) -> dict[str, str]:
    """SHA-256 of every shard that the dataset is made from and of every dataset file, by path below the run."""
    files = [*folder.used_shards(used), *sorted(folder.dataset.rglob("*.parquet"))]
    return {file.relative_to(folder.root).as_posix(): _sha256(file) for file in files}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
