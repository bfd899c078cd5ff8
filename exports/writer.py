"""Writes all exports of a dataset at the same time, from the attempts of one shard after another."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

from exports import EXPORTS
from exports.base import Export, Group, Row, with_tools
from exports.contents import Contents
from exports.croissant import DataFile, croissant
from exports.dataset_card import CardFacts, dataset_card
from exports.file_series import TEST, FileSeries
from exports.pair_rules import PairCounts
from exports.swap import CARD, CROISSANT
from exports.tool_split import in_test_split
from records.tables import write_text
from records.types import stable_hash
from verifiers.safety import AS_NEGATIVE, KIND


class ExportError(Exception):
    """The shards do not hold what the dataset is said to keep: a defect of ours or a damaged run folder."""


@dataclass
class _Output:
    """One export while it is written; `seen` holds hashes of what `unique` said of the rows so far."""

    export: Export
    files: FileSeries
    test_files: FileSeries
    heldout_tools: float
    pairs: PairCounts
    seen: set[str] = field(default_factory=set)

    def add(self, group: Group, kept: Set[str]) -> None:
        for row in self.export.rows_of(group, kept):
            if self._is_new(row) and self._is_admitted(row):
                test = in_test_split(row.get("tools"), self.heldout_tools)
                (self.test_files if test else self.files).write(row)

    @property
    def rows(self) -> int:
        """Rows of both splits."""
        return self.files.rows + self.test_files.rows

    def close(self, keep_empty: bool) -> None:
        """Name the files of both splits."""
        self.files.close(keep_empty=keep_empty or bool(self.test_files.rows))
        self.test_files.close()

    def abort(self) -> None:
        """Let go of open files."""
        self.files.abort()
        self.test_files.abort()

    def _is_new(self, row: Mapping[str, Any]) -> bool:
        if self.export.unique is None:
            return True
        key = stable_hash(self.export.unique(row))
        fresh = key not in self.seen
        self.seen.add(key)
        return fresh

    def _is_admitted(self, row: Mapping[str, Any]) -> bool:
        return self.export.capped is None or self.pairs.admits(self.export.capped(row), row)


class DatasetWriter:
    """Takes shards in their order and writes the exports `names` to a folder that is in nobody's sight yet.

    Memory holds one row group, one seed's attempts and a hash per distinct prompt. Same input, same bytes. Of `card`
    only `heldout_tools` and `pairs` count before `finish`. Raises KeyError for an unknown name.
    """

    def __init__(self, folder: Path, names: Sequence[str], card: CardFacts, tools: bool) -> None:
        self.tools = tools
        self.contents = Contents()
        self.contents.pairs.rules = card.pairs
        self._folder = folder
        self._found: set[str] = set()
        self._outputs = [self._open(EXPORTS[name], card) for name in names]

    def add(self, rows: Iterable[Row], kept: Set[str]) -> None:
        """Take all attempts of one shard. Raises ExportError where a kept one is not proven, OSError."""
        for group in _groups(rows):
            mine = {row["id"] for row in group if row["id"] in kept}
            for row in group:
                if row["id"] in mine:
                    _require_proven(row, self._found)
                    self._found.add(row["id"])
                    self.contents.add(row)
            named = any('"exports"' in row["metadata"] for row in group)
            for output in self._outputs:
                output.add(group, _meant(group, mine, output.export.name) if named else mine)

    def finish(self, kept: Set[str], card: CardFacts) -> dict[str, int]:
        """Name the files and write the card; rows per export. Raises ExportError where a kept record is missing."""
        missing = sorted(kept - self._found)
        if missing:
            raise ExportError(f"{len(missing)} kept records are in no shard, the first is {missing[0]}")
        if len(self._found) > len(kept):
            raise ExportError(f"{len(self._found) - len(kept)} records were written and are not kept")
        self._close()
        self.contents.rows = {output.export.name: output.rows for output in self._outputs if output.files.exists}
        self.contents.test_rows = {output.export.name: output.test_files.rows for output in self._outputs}
        write_text(self._folder / CARD, dataset_card(self.contents, card))
        schemas = {output.export.name: output.files.schema for output in self._outputs}
        files = list(_data_files(self._folder))
        write_text(self._folder / CROISSANT, croissant(self.contents, card, files, schemas))
        return {output.export.name: output.rows for output in self._outputs}

    def abort(self) -> None:
        """Let go of open files."""
        for output in self._outputs:
            output.abort()

    def _open(self, export: Export, card: CardFacts) -> _Output:
        schema, folder = with_tools(export.schema) if self.tools else export.schema, self._folder / export.name
        files = FileSeries(folder, schema), FileSeries(folder, schema, split=TEST)
        return _Output(export, *files, card.heldout_tools, self.contents.pairs)

    def _close(self) -> None:
        """Where no export has a row, `sft`, or else the first one, gets an empty file."""
        outputs = self._outputs
        empty = not any(output.rows for output in outputs)
        default = next((output for output in outputs if output.export.name == "sft"), outputs[0] if outputs else None)
        for output in outputs:
            output.close(keep_empty=empty and output is default)


def _groups(rows: Iterable[Row]) -> Iterator[Group]:
    """Neighbouring rows of one recipe and seed: a shard holds its seeds one after the other."""
    for _, group in groupby(rows, key=lambda row: (row["recipe"], row["seed_id"])):
        yield [row for row in group if not _withheld(row)]


def _withheld(row: Row) -> bool:
    """Whether a guard keeps the record out of every export, also as a bad example: all that it did not find safe, but
    for what the config wants as the rejected side of pairs."""
    return bool(row["decided_by"] == KIND and row["outcome"] != "pass" and row["reason"] != AS_NEGATIVE)


def _data_files(folder: Path) -> Iterator[DataFile]:
    for path in sorted(folder.glob("*/*.parquet")):
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        yield DataFile(path.relative_to(folder).as_posix(), digest, path.stat().st_size)


def _meant(group: Group, kept: Set[str], export: str) -> Set[str]:
    """The kept records of the group that are for this export: all, or those whose metadata names it in `exports`."""
    return {row["id"] for row in group if row["id"] in kept and _is_for(row["metadata"], export)}


def _is_for(metadata: str, export: str) -> bool:
    return '"exports"' not in metadata or export in json.loads(metadata).get("exports", (export,))


def _require_proven(row: Row, found: Set[str]) -> None:
    if row["outcome"] != "pass" or not row["is_final"]:
        raise ExportError(f"record {row['id']} is kept, but its outcome is {row['outcome']} (final: {row['is_final']})")
    if row["id"] in found:
        raise ExportError(f"record {row['id']} is in the shards twice")
