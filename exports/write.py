"""Writes the training files of finished shards: all at once, or one shard after another while others are in work."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence, Set
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pyarrow.parquet as pq

from exports import EXPORTS
from exports.base import Row
from exports.dataset_card import CardFacts, dataset_card
from exports.swap import CARD, replacing, require_card
from exports.writer import DatasetWriter, ExportError
from records.tables import read_rows, write_text

__all__ = ["ExportError", "Exporting", "write_exports"]


def write_exports(
    shard_files: Sequence[Path], kept_ids: Collection[str], out: Path, names: Sequence[str], card: CardFacts
) -> dict[str, int]:
    """Write the exports `names` of the kept records to `out`, replacing what lies there; rows per export.

    An export without a row gets no folder; where none has a row, `sft` (or the first of `names`) gets an empty file, so
    that pyarrow and a streaming `load_dataset` find a dataset (a plain one refuses empty splits). The old dataset stays
    whole on any error: ExportError where the shards lack a kept record or hold it unproven, KeyError for an unknown
    name, FileExistsError where something that is not ours would be lost, OSError.
    """
    kept = frozenset(kept_ids)
    with _replaced(out, names, card, any(map(has_tools, shard_files))) as writer:
        for file in shard_files:
            writer.add(read_rows([file]), kept)
        counts = writer.finish(kept, card)
    _write_root_card(writer, out, card)
    return counts


@contextmanager
def _replaced(out: Path, names: Sequence[str], card: CardFacts, tools: bool) -> Iterator[DatasetWriter]:
    """A writer whose folder takes the place of `out` where all goes well."""
    if card.root is not None:
        require_card(card.root / CARD)
    with replacing(out, EXPORTS.keys()) as building:
        writer = DatasetWriter(building, names, card, tools)
        try:
            yield writer
        finally:
            writer.abort()


def _write_root_card(writer: DatasetWriter, out: Path, card: CardFacts) -> None:
    if card.root is not None:
        prefix = out.resolve().relative_to(card.root.resolve()).as_posix() + "/"
        write_text(card.root / CARD, dataset_card(writer.contents, card, prefix))


def has_tools(shard: Path) -> bool:
    """Whether any record of a shard has tools, kept or not. Shards of version 1 have no such column."""
    if "tools" not in pq.read_schema(shard).names:
        return False
    return any(row["tools"] for row in read_rows([shard], ["tools"]))


class _Abandoned(Exception):
    """Undoes what was written so far."""


class Exporting:
    """What `write_exports` does, shard by shard while a run still works on others. Use it as a context manager.

    Whether a dataset has columns for tools depends on all of its shards. The first one decides, and where a later one
    says otherwise, or the run ends otherwise than it looked, nothing of this is used: `finish` gives None, and the
    dataset that lies in `out` stays until then as it was.
    """

    def __init__(self, out: Path, names: Sequence[str], card: CardFacts) -> None:
        self._place = out, names, card
        self._stack = ExitStack()
        self._writer: DatasetWriter | None = None
        self._given_up = False
        self.files: list[Path] = []

    def __enter__(self) -> Exporting:
        return self

    def __exit__(self, *_: object) -> None:
        self.give_up()

    def add(self, file: Path, rows: Sequence[Row], kept: Set[str]) -> None:
        """Take one shard: all of its rows, and at least the ids of those that are kept. Raises as `write_exports`."""
        if self._given_up:
            return
        self.files.append(file)
        if not rows:
            return
        tools = any(row.get("tools") for row in rows)
        if self._writer is None:
            self._writer = self._stack.enter_context(_replaced(*self._place, tools))
        if tools and not self._writer.tools:
            self.give_up()
            return
        self._writer.add(rows, kept)

    def finish(self, files: Sequence[Path], kept: Set[str], card: CardFacts) -> dict[str, int] | None:
        """Put the dataset in its place; rows per export. None where it is not that of these files."""
        writer = self._writer
        if writer is None or self._given_up or self.files != list(files):
            self.give_up()
            return None
        counts = writer.finish(kept, card)
        self._stack.close()
        self._given_up = True
        _write_root_card(writer, self._place[0], card)
        return counts

    def give_up(self) -> None:
        """Remove what was written, unless it is in its place."""
        self._given_up = True
        with suppress(_Abandoned):
            self._stack.__exit__(_Abandoned, _Abandoned(), None)
