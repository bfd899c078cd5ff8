"""Cuts a recipe's corpus into numbered seed files, so that a shard is a name and a path and never changes again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

import corpus
from corpus.attempts import read_shards
from flows.config import RecipeChoice, SandboxSettings
from flows.run_folder import RunFolder
from flows.sandboxes import SandboxOpener
from generators.recipe import Recipe
from records.accounts import Accounts
from records.schema import DROPS, SEEDS, drop_row, row_seed, seed_row
from records.tables import read_rows, write_table
from records.types import Drop, Seed

SMALLEST_SHARD = 8
"""Seeds; below this a shard's fixed cost (sandbox start, commit) outweighs its work."""

PARTS = 4
"""Shards that a small target is cut into at least."""


@dataclass(frozen=True)
class SeedPlan:
    """One recipe's part of the run: where its seeds come from and how they are cut."""

    slug: str
    choice: RecipeChoice
    recipe: Recipe
    run_seed: int
    shard_size: int
    folder: RunFolder
    pattern: str
    sandbox: SandboxSettings
    upstream: Sequence[Path] | None = None  # the shards that are its corpus, where another recipe of the run makes it
    previous: Iterable[Seed | Drop] | None = None  # what it reads of the round before, where that is its corpus

    def write_shards(self) -> Iterator[int]:
        """Write the seed files one after another and name each shard once its file is there.

        A file that exists is left as it is: the corpus may have changed since, the run has not.
        """
        stream = self._stream()
        for shard in range(10**9):
            part = _take(stream, self.shard_size)
            if not part.seeds and not part.drops:
                return
            self._write(shard, part)
            yield shard

    def _stream(self) -> Iterator[Seed | Drop]:
        items = map(self._named, self._read())
        return items if self.choice.seeds is None else _first_seeds(items, self.choice.seeds)

    def _read(self) -> Iterator[Seed | Drop]:
        if self.upstream is not None:
            return read_shards(self.upstream)
        if self.previous is not None:
            return iter(self.previous)
        reader = corpus.READERS[self.recipe.seeds]
        where = (SandboxOpener(self.sandbox),) if reader.executes else ()
        return reader.read(self.pattern, self.run_seed, self.choice.licence, *where)

    def _named(self, item: Seed | Drop) -> Seed | Drop:
        """A reader does not know which recipe it reads for."""
        return replace(item, recipe=self.recipe.name) if isinstance(item, Drop) else item

    def _write(self, shard: int, part: _Part) -> None:
        path = self.folder.seeds(self.slug, shard)
        if path.exists():
            return
        accounts = Accounts()
        count = accounts.stage(self.recipe.name, "corpus")
        count.entered = part.entered
        count.accepted = len(part.seeds)
        count.dropped = len(part.drops)
        count.reasons.update(f"{drop.stage}: {drop.reason}" for drop in part.drops)
        accounts.check()
        write_table(self.folder.drops_of(path), DROPS, [drop_row(drop) for drop in part.drops])
        write_table(path, SEEDS, [seed_row(seed) for seed in part.seeds], {"provender.accounts": accounts.to_json()})


def read_seeds(folder: RunFolder, slug: str, shard: int) -> list[Seed]:
    """The seeds of a shard that `write_shards` has named."""
    return [row_seed(row) for row in read_rows([folder.seeds(slug, shard)])]


def shard_size(target: int | None, largest: int) -> int:
    """Seeds per shard: small where the target is small, so that few records are made beyond it."""
    if target is None:
        return largest
    return min(largest, max(SMALLEST_SHARD, -(-target // PARTS)))


@dataclass
class _Part:
    seeds: list[Seed] = field(default_factory=list)
    drops: list[Drop] = field(default_factory=list)
    entered: int = 0


def _take(stream: Iterator[Seed | Drop], size: int) -> _Part:
    part = _Part()
    while len(part.seeds) < size:
        item = next(stream, None)
        if item is None:
            break
        part.entered += 1
        if isinstance(item, Seed):
            part.seeds.append(item)
        else:
            part.drops.append(item)
    return part


def _first_seeds(stream: Iterator[Seed | Drop], limit: int) -> Iterator[Seed | Drop]:
    """The stream up to and including its `limit`-th seed."""
    seeds = 0
    for item in stream:
        yield item
        seeds += isinstance(item, Seed)
        if seeds == limit:
            return


def first_item(plan: SeedPlan) -> Seed | Drop | None:
    """The first thing the corpus gives: asked before a run starts, so that an empty corpus costs nothing."""
    return next(islice(plan._stream(), 1), None)


def count_seeds(plan: SeedPlan) -> int | None:
    """How many seeds there are in all; None where the corpus has no end of its own and the config sets none."""
    if plan.choice.seeds is None and corpus.READERS[plan.recipe.seeds].endless:
        return None
    return sum(isinstance(item, Seed) for item in plan._stream())
