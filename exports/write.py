"""Writes training files: streams the shards once, makes every export at the same time, swaps the result in."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

from exports import EXPORTS
from exports.base import Export, Group
from exports.contents import Contents
from exports.dataset_card import CardFacts, dataset_card
from exports.file_series import FileSeries
from exports.swap import CARD, replacing, require_card
from records.tables import read_rows, write_text
from records.types import stable_hash


class ExportError(Exception):
    """The shards do not hold what the dataset is said to keep: a defect of ours or a damaged run folder."""


@dataclass
class _Output:
    """One export while it is written; `seen` holds hashes of what `unique` said of the rows so far."""

    export: Export
    files: FileSeries
    seen: set[str] = field(default_factory=set)

    def add(self, group: Group, kept: Set[str]) -> None:
        for row in self.export.rows_of(group, kept):
            if self._is_new(row):
                self.files.write(row)

    def _is_new(self, row: Mapping[str, Any]) -> bool:
        if self.export.unique is None:
            return True
        key = stable_hash(self.export.unique(row))
        fresh = key not in self.seen
        self.seen.add(key)
        return fresh


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
        outputs = [_Output(export, FileSeries(building / export.name, export.schema)) for export in exports]
        with ExitStack() as stack:
            for output in outputs:
                stack.callback(output.files.abort)
            _stream(shard_files, kept, outputs, contents)
            _close(outputs)
        contents.rows = {output.export.name: output.files.rows for output in outputs if output.files.exists}
        write_text(building / CARD, dataset_card(contents, card))
    if card.root is not None:
        prefix = out.resolve().relative_to(card.root.resolve()).as_posix() + "/"
        write_text(card.root / CARD, dataset_card(contents, card, prefix))
    return {output.export.name: output.files.rows for output in outputs}


def _stream(files: Sequence[Path], kept: Set[str], outputs: Sequence[_Output], contents: Contents) -> None:
    found: set[str] = set()
    for group in _groups(files):
        for row in group:
            if row["id"] in kept:
                _require_proven(row, found)
                found.add(row["id"])
                contents.add(row)
        for output in outputs:
            output.add(group, kept)
    missing = sorted(kept - found)
    if missing:
        raise ExportError(f"{len(missing)} kept records are in no shard, the first is {missing[0]}")


def _groups(files: Sequence[Path]) -> Iterator[Group]:
    """Neighbouring rows of one recipe and seed: a shard holds its seeds one after the other."""
    for file in files:
        for _, rows in groupby(read_rows([file]), key=lambda row: (row["recipe"], row["seed_id"])):
            yield list(rows)


def _require_proven(row: Mapping[str, Any], found: Set[str]) -> None:
    if row["outcome"] != "pass" or not row["is_final"]:
        raise ExportError(f"record {row['id']} is kept, but its outcome is {row['outcome']} (final: {row['is_final']})")
    if row["id"] in found:
        raise ExportError(f"record {row['id']} is in the shards twice")


def _close(outputs: Sequence[_Output]) -> None:
    empty = not any(output.files.rows for output in outputs)
    default = next((output for output in outputs if output.export.name == "sft"), outputs[0] if outputs else None)
    for output in outputs:
        output.files.close(keep_empty=empty and output is default)
