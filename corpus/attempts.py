"""Reads what a recipe made, accepted or not, as seeds of another: debugging dialogues, corrections, harder problems.

A seed holds every finished chain of one seed of the earlier recipe, with all attempts and verdicts; recipes read them
with `generators.attempts.chains_of`. The pattern is a run folder, a file or glob of shards, each with `:RECIPE` behind
it where only one recipe of several is meant: "runs/first:math/solve". "run:math/solve" is that recipe in the same run;
the flow resolves it, since only the flow knows which shards that is.
"""

from __future__ import annotations

import glob
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow as pa

from corpus.errors import CorpusError
from corpus.reader import Reader, hash_files
from records.skill_rates import SkillRate, skill_rates, skill_weights
from records.tables import read_rows
from records.types import Outcome, Seed, canonical_json, stable_hash

SAME_RUN = "run:"
RECIPE = re.compile(r"(?P<files>.+):(?P<recipe>[a-z_]+/[a-z_]+)")
REMEDY = "no finished shard there; name a run folder, a file or glob of its shards, or run:RECIPE"


def read(pattern: str, run_seed: int, licence: str) -> Iterator[Seed]:
    """Seeds in the order of shards and rows. Licences come from the rows. Raises CorpusError."""
    match = RECIPE.fullmatch(pattern)
    recipe = match["recipe"] if match else None
    return read_shards(_files(pattern), recipe)


def read_shards(files: Iterable[Path], recipe: str | None = None) -> Iterator[Seed]:
    """Seeds from the given shards, of one recipe where it is named. Raises CorpusError.

    Where rows name a skill, a seed also has its pass rate over all the shards and a sampling weight that follows the
    weak skills, in the fields `skill_rate` and `skill_weight`.
    """
    files = list(files)
    rates = skill_rates(tried for file in files for row in _rows(file) for tried in _tried(row, recipe))
    weights = skill_weights(rates)
    for file in files:
        rows = (row for row in _rows(file) if recipe in (None, row["recipe"]))
        for _, group in groupby(rows, key=lambda row: (row["recipe"], row["seed_id"])):
            yield _with_skill(list(group), rates, weights)


def _tried(row: Mapping[str, Any], recipe: str | None) -> Iterator[tuple[str, bool]]:
    """The skill of a finished chain and whether it passed."""
    if row["is_final"] and recipe in (None, row["recipe"]) and '"skill"' in row["metadata"]:
        yield str(json.loads(row["metadata"])["skill"]), row["outcome"] == Outcome.PASS


def _with_skill(rows: list[dict[str, Any]], rates: Mapping[str, SkillRate], weights: Mapping[str, float]) -> Seed:
    seed = _seed(rows)
    skill = json.loads(rows[0]["metadata"]).get("skill")
    if skill not in rates:
        return seed
    known = {"skill_rate": f"{rates[skill].rate:.6f}", "skill_weight": f"{weights[skill]:.6f}"}
    return replace(seed, fields={**seed.fields, **known})


def fingerprint(pattern: str) -> str:
    """Hash of the shards' names and contents. Raises CorpusError."""
    return hash_files(_files(pattern))


def _files(pattern: str) -> list[Path]:
    if pattern.startswith(SAME_RUN):
        raise CorpusError(pattern, None, "corpus", "means a recipe of the same run, and only a run can read it")
    match = RECIPE.fullmatch(pattern)
    place = match["files"] if match else pattern
    folder = Path(place) / "shards"
    names = folder.glob("*.parquet") if folder.is_dir() else map(Path, glob.glob(place))  # noqa: PTH207 - may be absolute
    files = sorted(path for path in names if path.is_file())
    if not files:
        raise CorpusError(pattern or "corpus", None, "corpus", REMEDY)
    return files


def _rows(file: Path) -> Iterator[dict[str, Any]]:
    try:
        yield from read_rows([file])
    except (OSError, pa.ArrowInvalid) as error:
        raise CorpusError(str(file), None, None, f"cannot be read as a shard: {error}") from error


def _seed(rows: list[dict[str, Any]]) -> Seed:
    first = rows[0]
    chains = [list(chain) for _, chain in groupby(rows, key=lambda row: row["chain_id"])]
    return Seed(
        id=stable_hash("attempts", first["recipe"], first["seed_id"], *(row["id"] for row in rows)),
        text=first["seed_text"],
        source=first["seed_source"],
        licence=first["seed_licence"],
        fields={"chains": canonical_json(chains), "recipe": first["recipe"], "lineage": lineage_of(rows)},
    )


def lineage_of(rows: Sequence[Mapping[str, Any]]) -> str:
    """Where a seed that is made from these rows comes from, as JSON: their own lineage, and a last step about them."""
    first = rows[0]
    finals = [row for row in rows if row["is_final"]]
    step = {
        "round": first.get("round") or 0,
        "recipe": first["recipe"],
        "seed_id": first["seed_id"],
        "records": [row["id"] for row in finals],
        "accepted": [row["id"] for row in finals if row["outcome"] == Outcome.PASS],
        "model": ",".join(sorted({name for row in rows for name in row["model"].split(",") if name})),
    }
    return canonical_json([*json.loads(first.get("lineage") or "[]"), step])


READER = Reader(name="attempts", read=read, fingerprint=fingerprint, default="", endless=False)
