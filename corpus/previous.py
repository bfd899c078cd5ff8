"""Reads what a recipe made in the round before as seeds of the next one: the same seeds again, or its own results.

What they become depends on the two recipes: one that reads attempts gets the chains (`corpus/attempts.py`), one that
reads the same kind of seed gets those seeds as they were, one that reads questions gets the accepted problems. Each
carries its `lineage`: round by round the recipe, the records it led to, and what became of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

from corpus.attempts import lineage_of, read_shards
from corpus.errors import CorpusError
from records.tables import read_rows
from records.types import Drop, Outcome, Seed, stable_hash

Which = Literal["all", "solved", "unsolved"]
Row = Mapping[str, Any]
STAGE = "corpus"


@dataclass(frozen=True, slots=True)
class PreviousSeeds:
    """What `read_previous` gives, as often as it is asked for."""

    files: tuple[Path, ...]
    recipe: str
    which: Which
    kinds: tuple[str, str]

    def __iter__(self) -> Iterator[Seed | Drop]:
        """Read the shards anew."""
        return read_previous(self.files, self.recipe, self.which, self.kinds)


def read_previous(files: Sequence[Path], recipe: str, which: Which, kinds: tuple[str, str]) -> Iterator[Seed | Drop]:
    """Seeds from the shards of `recipe`, in their order; `kinds` are its corpus format and that of the reader.

    `which`: of the earlier seeds all, those with an accepted record, or those without; the others are drops. Raises
    CorpusError where one cannot be read as the other.
    """
    theirs, ours = kinds
    if ours == "attempts":
        yield from _some(read_shards(files, recipe), which)
    elif ours == theirs:
        for rows in _groups(files, recipe):
            yield _wanted(_again(rows), rows, which)
    elif ours == "questions":
        for rows in _groups(files, recipe):
            yield from _problems(rows)
    else:
        raise CorpusError(recipe, None, "corpus", f"its records cannot be read as seeds of the kind {ours}")


def _groups(files: Sequence[Path], recipe: str) -> Iterator[list[Row]]:
    for file in files:
        rows = (row for row in read_rows([file]) if row["recipe"] == recipe)
        for _, group in groupby(rows, key=lambda row: row["seed_id"]):
            yield list(group)


def _again(rows: Sequence[Row]) -> Seed:
    first = rows[0]
    fields = json.loads(first["seed_fields"]) | {"lineage": lineage_of(rows)}
    return Seed(first["seed_id"], first["seed_text"], first["seed_source"], first["seed_licence"], fields)


def _some(seeds: Iterator[Seed], which: Which) -> Iterator[Seed | Drop]:
    for seed in seeds:
        chains = json.loads(seed.fields["chains"])
        yield _wanted(seed, [row for chain in chains for row in chain], which)


def _wanted(seed: Seed, rows: Sequence[Row], which: Which) -> Seed | Drop:
    solved = any(_is_accepted(row) for row in rows)
    if which == "all" or solved == (which == "solved"):
        return seed
    return Drop(seed.id, "", STAGE, "solved_before" if solved else "unsolved_before", {"records": _finals(rows)})


def _problems(rows: Sequence[Row]) -> Iterator[Seed]:
    """The accepted problems, with the answer that proved them where they had one."""
    for row in rows:
        question = _question(row) if _is_accepted(row) else ""
        if question:
            answer = _answer(row)
            fields = {"question": question, "lineage": lineage_of([row]), **({"answer": answer} if answer else {})}
            identity = stable_hash("previous", row["id"])
            yield Seed(identity, question, row["seed_source"], row["seed_licence"], fields)


def _question(row: Row) -> str:
    asked = (message["content"] for message in row["messages"] if message["role"] == "user")
    return json.loads(row["parts"]).get("question") or next(asked, "")


def _answer(row: Row) -> str:
    for check, verdict in zip(row["checks"], row["verdicts"], strict=False):
        if check["kind"] == "math_answer":
            return str(json.loads(check["fields"])["expected"])
        if check["kind"] == "majority_vote":
            return str(json.loads(verdict["evidence"]).get("answer") or "")
    return ""


def _is_accepted(row: Row) -> bool:
    return bool(row["is_final"] and row["outcome"] == Outcome.PASS)


def _finals(rows: Sequence[Row]) -> list[str]:
    return [row["id"] for row in rows if row["is_final"]]
