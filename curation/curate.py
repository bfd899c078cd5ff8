"""Curates any dataset: drops what repeats itself, what holds benchmark items, and duplicates, and says why.

The order is repetition, contamination, exact duplicates, near duplicates. Rows are judged one by one before they are
compared, so that the row that stands for its duplicates is never dropped by a later step. Three passes read the
dataset; between them a row is 17 keys of 8 bytes, never its text.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from curation.contamination import BenchmarkReport, Contamination, read_benchmarks
from curation.dataset_rows import Chunk, DatasetRow, dataset_files, dataset_schema, read_chunks, read_rows
from curation.errors import CurationError
from curation.near_duplicates import NearDuplicates
from curation.row_hash import row_hash
from curation.selection import content_hash
from records.accounts import Accounts
from records.schema import DROPS, drop_row
from records.tables import ROWS_PER_GROUP, atomic_file, write_text
from records.types import JSON, Drop, canonical_json
from verifiers.repetition import find_repetition

REPETITION, CONTAMINATION, EXACT, NEAR = "repetition", "contamination", "exact_duplicates", "near_duplicates"
STEPS = (REPETITION, CONTAMINATION, EXACT, NEAR)
REPORT = "curate.json"


@dataclass(frozen=True, slots=True)
class CurateOptions:
    """What to look at and which steps to take; the order of steps is fixed."""

    field: str | None = None  # the one text column of the dataset; None: guessed, see dataset_rows
    benchmark_field: str | None = None
    steps: tuple[str, ...] = STEPS


@dataclass(frozen=True)
class CurateResult:
    """What was kept and why the rest was not."""

    kept: Path
    drops: Path
    accounts: Accounts
    benchmarks: tuple[BenchmarkReport, ...]

    def text(self) -> str:
        """A table for a terminal: one line per step, then one per benchmark."""
        lines = [f"{'step':<18} {'in':>9} {'kept':>9} {'dropped':>9}  reasons"]
        for count in self.accounts:
            reasons = ", ".join(f"{reason} {number}" for reason, number in sorted(count.reasons.items()))
            row = f"{count.stage:<18} {count.entered:>9} {count.accepted:>9} {count.dropped:>9}  {reasons}"
            lines.append(row.rstrip())
        for report in self.benchmarks:
            word = "CONTAMINATED" if report.contaminated else "clean"
            found = f"{report.matched} of {report.items} items found ({report.share:.1%})"
            lines.append(f"benchmark {report.benchmark}: {found} in {report.rows} rows: {word}")
        return "\n".join(lines)


def curate(
    dataset: Path, out: Path, benchmarks: Sequence[Path] = (), options: CurateOptions | None = None
) -> CurateResult:
    """Write `kept` (rows as they were, in order, in the dataset's format), `drops.parquet` and `curate.json` to `out`.

    Same dataset, same bytes. Which contents are kept does not depend on the order of rows or on how they are cut into
    files. `curate.json` comes last: where it stands, the others are whole. Raises CurationError for what cannot be
    read, and what an earlier call left in `out` stays then; OSError where `out` cannot be written.
    """
    options = options or CurateOptions()
    files = dataset_files(dataset)
    if out.resolve() == files[0].parent.resolve():
        raise CurationError(out, None, "is the dataset's own folder; name another for what is kept")
    if unknown := sorted(set(options.steps) - set(STEPS)):
        raise CurationError(dataset, None, f"unknown step {unknown[0]!r}; there are {', '.join(STEPS)}")
    schema = dataset_schema(files)
    contamination = Contamination(read_benchmarks(benchmarks, options.benchmark_field))
    kept = out / ("kept.jsonl" if schema is None else "kept.parquet")
    work = _Curation(files, options, contamination)
    with _drops_file(out / "drops.parquet") as drops:
        work.judge(drops)
        work.compare()
        for name in (REPORT, "kept.parquet", "kept.jsonl"):  # of an earlier call
            (out / name).unlink(missing_ok=True)
        with atomic_file(kept) as partial:
            _write_kept(partial, schema, work.keep(drops))
    work.accounts.check()
    result = CurateResult(kept, out / "drops.parquet", work.accounts, tuple(contamination.report()))
    report = {"steps": work.accounts.to_list(), "benchmarks": [line.to_json() for line in result.benchmarks]}
    write_text(out / REPORT, canonical_json(report) + "\n")
    return result


class _Drops:
    """Writes drops a row group at a time and counts nothing: that is the accounts' part."""

    def __init__(self, writer: pq.ParquetWriter) -> None:
        self._writer = writer
        self._waiting: list[dict[str, str]] = []

    def add(self, drop: Drop) -> None:
        self._waiting.append(drop_row(drop))
        if len(self._waiting) == ROWS_PER_GROUP:
            self.flush()

    def flush(self) -> None:
        self._writer.write_table(pa.Table.from_pylist(self._waiting, schema=DROPS))
        self._waiting = []


class _Curation:
    """The state between the passes over the rows: who is still in, and the keys of those."""

    def __init__(self, files: list[Path], options: CurateOptions, contamination: Contamination) -> None:
        self.accounts = Accounts()
        self._files, self._options, self._contamination = files, options, contamination
        self._steps = [step for step in STEPS if step in options.steps]
        self._judged = bytearray()  # 1 = the row passed the first two steps
        self._duplicates = NearDuplicates()
        self._exact, self._near = array("q"), array("q")
        self._names: dict[int, str] = {}  # of the rows that stand for others

    def judge(self, drops: _Drops) -> None:
        """First pass: judge each row by itself and take the keys of those that pass."""
        for step in self._steps:
            self.accounts.stage("curate", step)
        for chunk in read_chunks(self._files, self._options.field):
            passed = [row for row in chunk.rows if self._passes(row, drops)]
            texts, content = [row.text for row in passed], [_content(row) for row in passed]
            self._duplicates.add(texts, content, [row_hash(row) for row in passed])

    def compare(self) -> None:
        """Choose who stands for whom; a second pass finds the names of those who do."""
        self._exact = self._duplicates.exact() if EXACT in self._steps else array("q", range(sum(self._judged)))
        self._near = self._duplicates.near() if NEAR in self._steps else self._exact
        standing = {other for index, other in enumerate(self._near) if other != index}
        rows = (row for row, judged in zip(self._rows(), self._judged, strict=True) if judged)
        self._names = {index: row.id for index, row in enumerate(rows) if index in standing} if standing else {}

    def keep(self, drops: _Drops) -> Iterator[tuple[Chunk, list[bool]]]:
        """Third pass: each chunk with what is kept of it; duplicates go to the drops."""
        number = index = 0
        for chunk in read_chunks(self._files, self._options.field):
            mask = []
            for row in chunk.rows:
                mask.append(bool(self._judged[number]) and self._stands(index, row, drops))
                index += self._judged[number]
                number += 1
            yield chunk, mask

    def _rows(self) -> Iterator[DatasetRow]:
        return read_rows(self._files, self._options.field)

    def _passes(self, row: DatasetRow, drops: _Drops) -> bool:
        drop = None
        if REPETITION in self._steps:
            drop = _repeats(row)
            self._count(REPETITION, drop)
        if CONTAMINATION in self._steps and drop is None:
            match = self._contamination.find(row)
            drop = None if match is None else _drop(row, CONTAMINATION, match.reason, match.evidence())
            self._count(CONTAMINATION, drop)
        if drop is not None:
            drops.add(drop)
        self._judged.append(drop is None)
        return drop is None

    def _stands(self, index: int, row: DatasetRow, drops: _Drops) -> bool:
        drop = None
        evidence = {"duplicate_of": self._names.get(self._near[index], "")}
        if EXACT in self._steps:
            drop = _drop(row, EXACT, "exact_duplicate", evidence) if self._exact[index] != index else None
            self._count(EXACT, drop)
        if NEAR in self._steps and drop is None:
            drop = _drop(row, NEAR, "near_duplicate", evidence) if self._near[index] != index else None
            self._count(NEAR, drop)
        if drop is not None:
            drops.add(drop)
        return drop is None

    def _count(self, step: str, drop: Drop | None) -> None:
        count = self.accounts.stage("curate", step)
        count.entered += 1
        if drop is None:
            count.accepted += 1
        else:
            count.dropped += 1
            count.reasons[drop.reason] += 1


def _repeats(row: DatasetRow) -> Drop | None:
    for text in row.taught:
        found = find_repetition(text)
        if found is not None:
            evidence = {"share": round(found.share, 4), "limit": found.limit}
            return _drop(row, REPETITION, found.reason, evidence)
    return None


def _drop(row: DatasetRow, step: str, reason: str, evidence: Mapping[str, JSON]) -> Drop:
    recipe = row.values.get("recipe")
    return Drop(row.id, recipe if isinstance(recipe, str) else "", step, reason, evidence)


def _content(row: DatasetRow) -> bytes:
    """Equal for exact duplicates: roles and texts, whatever their white space."""
    return content_hash({"role": turn.role, "content": turn.content} for turn in row.turns)


@contextmanager
def _drops_file(path: Path) -> Iterator[_Drops]:
    with atomic_file(path) as partial, pq.ParquetWriter(partial, DROPS, compression="zstd") as writer:
        drops = _Drops(writer)
        yield drops
        drops.flush()


def _write_kept(path: Path, schema: pa.Schema | None, chunks: Iterator[tuple[Chunk, list[bool]]]) -> None:
    if schema is None:
        with path.open("wb") as file:
            for chunk, mask in chunks:
                _write_lines(file, chunk, mask)
        return
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for chunk, mask in chunks:
            if isinstance(chunk.stored, pa.RecordBatch):
                writer.write_batch(chunk.stored.filter(pa.array(mask, pa.bool_())))


def _write_lines(file: BinaryIO, chunk: Chunk, mask: list[bool]) -> None:
    if not isinstance(chunk.stored, pa.RecordBatch):
        file.writelines(line + b"\n" for line, kept in zip(chunk.stored, mask, strict=True) if kept)
