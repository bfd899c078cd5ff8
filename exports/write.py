"""Writes training files: streams the shards once, makes every export at the same time, swaps the result in."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from exports import EXPORTS
from exports.base import Export, Group, with_tools
from exports.contents import Contents
from exports.croissant import DataFile, croissant
from exports.dataset_card import CardFacts, dataset_card
from exports.file_series import TEST, FileSeries
from exports.pair_rules import PairCounts
from exports.swap import CARD, CROISSANT, replacing, require_card
from exports.tool_split import in_test_split
from records.tables import read_rows, write_text
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


def write_exports(
    shard_files: Sequence[Path], kept_ids: Collection[str], out: Path, names: Sequence[str], card: CardFacts
) -> dict[str, int]:
    """Write the exports `names` of the kept records to `out`, replacing what lies there; rows per export.

    Memory holds one row group, one seed's attempts and a hash per distinct prompt. Same input, same bytes. An export
    without a row gets no folder; where none has a row, `sft` (or the first of `names`) gets an empty file, so that
    pyarrow and a streaming `load_dataset` find a dataset (a plain one refuses empty splits). The old dataset stays
    whole on any error: ExportError where the shards lack a kept record or hold it unproven, KeyError for an unknown
    name, FileExistsError where something that is not ours would be lost, OSError.
    """
    kept = frozenset(kept_ids)
    exports = [EXPORTS[name] for name in names]
    if card.root is not None:
        require_card(card.root / CARD)
    with replacing(out, EXPORTS.keys()) as building:
        contents = Contents()
        tools = any(map(_has_tools, shard_files))
        contents.pairs.rules = card.pairs
        outputs = [_open(export, building / export.name, tools, (card, contents)) for export in exports]
        with ExitStack() as stack:
            for output in outputs:
                stack.callback(output.abort)
            _stream(shard_files, kept, outputs, contents)
            _close(outputs)
        contents.rows = {output.export.name: output.rows for output in outputs if output.files.exists}
        contents.test_rows = {output.export.name: output.test_files.rows for output in outputs}
        write_text(building / CARD, dataset_card(contents, card))
        schemas = {output.export.name: output.files.schema for output in outputs}
        write_text(building / CROISSANT, croissant(contents, card, list(_data_files(building)), schemas))
    if card.root is not None:
        prefix = out.resolve().relative_to(card.root.resolve()).as_posix() + "/"
        write_text(card.root / CARD, dataset_card(contents, card, prefix))
    return {output.export.name: output.rows for output in outputs}


def _data_files(folder: Path) -> Iterator[DataFile]:
    for path in sorted(folder.glob("*/*.parquet")):
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        yield DataFile(path.relative_to(folder).as_posix(), digest, path.stat().st_size)


def _open(export: Export, folder: Path, tools: bool, about: tuple[CardFacts, Contents]) -> _Output:
    card, contents = about
    schema = with_tools(export.schema) if tools else export.schema
    files = FileSeries(folder, schema), FileSeries(folder, schema, split=TEST)
    return _Output(export, *files, card.heldout_tools, contents.pairs)


def _has_tools(shard: Path) -> bool:
    """Whether any record of a shard has tools, kept or not. Shards of version 1 have no such column."""
    if "tools" not in pq.read_schema(shard).names:
        return False
    return any(pq.read_table(shard, columns=["tools"])["tools"].unique().to_pylist())


def _stream(files: Sequence[Path], kept: Set[str], outputs: Sequence[_Output], contents: Contents) -> None:
    found: set[str] = set()
    for group in _groups(files):
        for row in group:
            if row["id"] in kept:
                _require_proven(row, found)
                found.add(row["id"])
                contents.add(row)
        for output in outputs:
            output.add(group, _meant(group, kept, output.export.name))
    missing = sorted(kept - found)
    if missing:
        raise ExportError(f"{len(missing)} kept records are in no shard, the first is {missing[0]}")


def _meant(group: Group, kept: Set[str], export: str) -> Set[str]:
    """The kept records of the group that are for this export: all, or those whose metadata names it in `exports`."""
    return {row["id"] for row in group if row["id"] in kept and _is_for(row["metadata"], export)}


def _is_for(metadata: str, export: str) -> bool:
    return '"exports"' not in metadata or export in json.loads(metadata).get("exports", (export,))


def _groups(files: Sequence[Path]) -> Iterator[Group]:
    """Neighbouring rows of one recipe and seed: a shard holds its seeds one after the other."""
    for file in files:
        for _, rows in groupby(read_rows([file]), key=lambda row: (row["recipe"], row["seed_id"])):
            yield [row for row in rows if not _withheld(row)]


def _withheld(row: Mapping[str, Any]) -> bool:
    """Whether a guard keeps the record out of every export, also as a bad example: all that it did not find safe, but
    for what the config wants as the rejected side of pairs."""
    return bool(row["decided_by"] == KIND and row["outcome"] != "pass" and row["reason"] != AS_NEGATIVE)


def _require_proven(row: Mapping[str, Any], found: Set[str]) -> None:
    if row["outcome"] != "pass" or not row["is_final"]:
        raise ExportError(f"record {row['id']} is kept, but its outcome is {row['outcome']} (final: {row['is_final']})")
    if row["id"] in found:
        raise ExportError(f"record {row['id']} is in the shards twice")


def _close(outputs: Sequence[_Output]) -> None:
    empty = not any(output.rows for output in outputs)
    default = next((output for output in outputs if output.export.name == "sft"), outputs[0] if outputs else None)
    for output in outputs:
        output.close(keep_empty=empty and output is default)
