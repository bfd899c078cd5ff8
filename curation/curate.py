"""Curates any dataset: drops what repeats itself, what holds benchmark items, and duplicates, and says why.

The order is repetition, contamination, paraphrased contamination, exact, near and semantic duplicates; the two that
need an embedder are taken only where there is one. Rows are judged one by one before they are compared, so that the row
that stands for its duplicates is never dropped by a later step. Three passes read the dataset; between them a row is 17
keys of 8 bytes (and where an embedder is used its vector, of which the file keeps a copy), never its text.
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

from curation import paraphrases, semantic_duplicates
from curation.contamination import BenchmarkReport, Contamination, Item, read_benchmarks
from curation.dataset_rows import Chunk, DatasetRow, dataset_files, dataset_schema, read_chunks, read_rows
from curation.errors import CurationError
from curation.meanings import Meanings
from curation.near_duplicates import NearDuplicates
from curation.paraphrases import PARAPHRASE, Paraphrase, ParaphraseRule, Paraphrases
from curation.row_hash import row_hash
from curation.selection import content_hash
from curation.semantic_duplicates import SemanticRule
from records.accounts import Accounts
from records.schema import DROPS, drop_row
from records.tables import ROWS_PER_GROUP, atomic_file, write_text
from records.types import JSON, Drop, canonical_json
from served_model.embedder import Embedder
from verifiers.repetition import find_repetition

REPETITION, CONTAMINATION, EXACT, NEAR = "repetition", "contamination", "exact_duplicates", "near_duplicates"
PARAPHRASED, SEMANTIC = "paraphrases", "semantic_duplicates"
STEPS = (REPETITION, CONTAMINATION, PARAPHRASED, EXACT, NEAR, SEMANTIC)
BY_MEANING = (PARAPHRASED, SEMANTIC)
REASONS = {EXACT: "exact_duplicate", NEAR: "near_duplicate", SEMANTIC: "semantic_duplicate"}
REPORT = "curate.json"


@dataclass(frozen=True, slots=True)
class CurateOptions:
    """What to look at and which steps to take; the order of steps is fixed."""

    field: str | None = None  # the one text column of the dataset; None: guessed, see dataset_rows
    benchmark_field: str | None = None
    steps: tuple[str, ...] = STEPS
    embedder: Embedder | None = None  # without one the steps that compare meanings are left out
    semantic: SemanticRule = semantic_duplicates.DEFAULT
    paraphrase: ParaphraseRule = paraphrases.DEFAULT
    quality: str | None = None  # column or path of a number; more is better, 1 where a row has none
    difficulty: str | None = None

    @property
    def taken(self) -> list[str]:
        """The steps that are taken, in their order."""
        return [step for step in STEPS if step in self.steps and (self.embedder or step not in BY_MEANING)]


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
    if options.steps != STEPS and (left := sorted(set(options.steps) - set(options.taken))):
        raise CurationError(dataset, None, f"the step {left[0]} needs an embedder; name one with --embedder")
    schema = dataset_schema(files)
    items = read_benchmarks(benchmarks, options.benchmark_field)
    kept = out / ("kept.jsonl" if schema is None else "kept.parquet")
    work = _Curation(files, options, items)
    with _drops_file(out / "drops.parquet") as drops:
        work.judge(drops)
        work.compare()
        for name in (REPORT, "kept.parquet", "kept.jsonl"):  # of an earlier call
            (out / name).unlink(missing_ok=True)
        with atomic_file(kept) as partial:
            _write_kept(partial, schema, work.keep(drops))
    work.accounts.check()
    result = CurateResult(kept, out / "drops.parquet", work.accounts, tuple(work.benchmark_reports()))
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

    def __init__(self, files: list[Path], options: CurateOptions, items: Sequence[Item]) -> None:
        self.accounts = Accounts()
        self._files, self._options, self._steps = files, options, options.taken
        self._contamination = Contamination(items)
        self._paraphrases = None
        if options.embedder and PARAPHRASED in self._steps and items:
            vectors = options.embedder.embed([item.text for item in items])
            self._paraphrases = Paraphrases(items, vectors, options.paraphrase)
        self._judged = bytearray()  # 1 = the row passed the steps that look at it alone
        self._duplicates = NearDuplicates()
        self._meanings = Meanings(options.embedder, options.quality, options.difficulty)
        self._standing: dict[str, array[int]] = {}  # step -> for each judged row, the row that stands for it
        self._names: dict[int, str] = {}  # of the rows that stand for others

    def judge(self, drops: _Drops) -> None:
        """First pass: judge each row by itself and take the keys of those that pass."""
        for step in self._steps:
            self.accounts.stage("curate", step)
        for chunk in read_chunks(self._files, self._options.field):
            passed = self._not_paraphrased([row for row in chunk.rows if self._passes(row, drops)], drops)
            self._judged.extend(row in passed for row in map(id, chunk.rows))
            own = list(passed.values())
            texts, content = [row.text for row in own], [_content(row) for row in own]
            self._duplicates.add(texts, content, [row_hash(row) for row in own])
            if SEMANTIC in self._steps:
                self._meanings.add(own)

    def compare(self) -> None:
        """Choose who stands for whom; a second pass finds the names of those who do."""
        standing = array("q", range(sum(self._judged)))
        for step in self._steps:
            if step == EXACT:
                standing = self._duplicates.exact()
            elif step == NEAR:
                standing = self._duplicates.near()
            elif step == SEMANTIC:
                standing = self._meanings.standing(standing, self._options.semantic)
            else:
                continue
            self._standing[step] = standing
        used = {other for index, other in enumerate(standing) if other != index}
        rows = (row for row, judged in zip(self._rows(), self._judged, strict=True) if judged)
        self._names = {index: row.id for index, row in enumerate(rows) if index in used} if used else {}

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

    def benchmark_reports(self) -> list[BenchmarkReport]:
        """What was found of each benchmark, word for word and in other words."""
        return self._contamination.report() + (self._paraphrases.report() if self._paraphrases else [])

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
        return drop is None

    def _not_paraphrased(self, rows: list[DatasetRow], drops: _Drops) -> dict[int, DatasetRow]:
        """Those of the rows, by identity, that are no benchmark item in other words."""
        if PARAPHRASED not in self._steps:
            return {id(row): row for row in rows}
        found: list[Paraphrase | None] = [None] * len(rows)
        if self._paraphrases and self._options.embedder and rows:
            found = list(map(self._paraphrases.find, self._options.embedder.embed([row.asked for row in rows])))
        left = {}
        for row, match in zip(rows, found, strict=True):
            drop = _drop(row, PARAPHRASED, PARAPHRASE, match.evidence()) if match else None
            self._count(PARAPHRASED, drop)
            if drop:
                drops.add(drop)
            else:
                left[id(row)] = row
        return left

    def _stands(self, index: int, row: DatasetRow, drops: _Drops) -> bool:
        for step, standing in self._standing.items():
            drop = None
            if standing[index] != index:
                last = next(reversed(self._standing.values()))
                drop = _drop(row, step, REASONS[step], {"duplicate_of": self._names.get(last[index], "")})
            self._count(step, drop)
            if drop is not None:
                drops.add(drop)
                return False
        return True

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
