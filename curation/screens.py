"""What curation looks for while a run chooses its records: repetition, benchmark items, near duplicates.

The same rules as those of `provender curate`, taken record by record in seed order: of near duplicates the first that
is kept stands. So a target counts what is left after curation, and a resumed run chooses alike. With near duplicates
looked for, a kept record takes about 2 KB of memory; `provender curate` needs less, but comes after the run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from curation.contamination import BenchmarkReport, Contamination, read_benchmarks
from curation.dataset_rows import DatasetRow, Turn, dataset_files
from curation.near_duplicates import band_keys
from records.types import JSON
from verifiers.repetition import find_repetition

NEAR = "near_duplicate"


@dataclass(frozen=True)
class Refusal:
    """Why a record is not taken, as its drop says it."""

    reason: str
    evidence: Mapping[str, JSON]


@dataclass(frozen=True)
class ScreenRules:
    """What is looked for. The benchmarks are read once, however many recipes ask."""

    repetition: bool = False
    near_duplicates: bool = False
    benchmarks: tuple[Path, ...] = ()

    def __bool__(self) -> bool:
        return self.repetition or self.near_duplicates or bool(self.benchmarks)

    def to_json(self) -> dict[str, JSON]:
        """All that its result depends on. Raises OSError for a benchmark that cannot be read."""
        files = [file for path in self.benchmarks for file in dataset_files(path)]
        hashes: list[JSON] = [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]
        return {"repetition": self.repetition, "near_duplicates": self.near_duplicates, "benchmarks": hashes}

    @cached_property
    def contamination(self) -> Contamination | None:
        """Nothing found yet. Raises CurationError for a file that cannot be read."""
        return Contamination(read_benchmarks(self.benchmarks)) if self.benchmarks else None


NOTHING = ScreenRules()


class Screens:
    """Looks at the records of one recipe, one after another; knows which of them are kept."""

    def __init__(self, rules: ScreenRules) -> None:
        self._rules = rules
        self._contamination = rules.contamination.afresh() if rules.contamination else None
        self._holders: dict[bytes, str] = {}  # band of a kept record -> its id
        self._bands: dict[str, tuple[bytes, ...]] = {}  # of kept records

    def by_itself(self, messages: Sequence[Mapping[str, Any]]) -> Refusal | None:
        """What is wrong with the record, whatever others there are."""
        row = _row(messages)
        repeats = repetition(row) if self._rules.repetition else None
        if repeats is not None or self._contamination is None:
            return repeats
        match = self._contamination.find(row)
        return Refusal(match.reason, match.evidence()) if match else None

    def bands(self, messages: Sequence[Mapping[str, Any]]) -> tuple[bytes, ...]:
        """What `like` compares; nothing where near duplicates are welcome or there are no words."""
        if not self._rules.near_duplicates:
            return ()
        (keys,) = band_keys([_row(messages).text])
        return tuple(bytes([band]) + key for band, key in enumerate(keys))

    def like(self, bands: Sequence[bytes]) -> Refusal | None:
        """The kept record that it is a near duplicate of."""
        holder = next((self._holders[band] for band in bands if band in self._holders), None)
        return Refusal(NEAR, {"duplicate_of": holder}) if holder is not None else None

    def keep(self, record: str, bands: tuple[bytes, ...]) -> None:
        """The record is kept: later ones are compared with it."""
        if bands:
            self._bands[record] = bands
            self._holders.update(dict.fromkeys(bands, record))

    def release(self, record: str) -> None:
        """It is not kept after all."""
        for band in self._bands.pop(record, ()):
            del self._holders[band]

    @property
    def contamination(self) -> Contamination | None:
        """What was found of the benchmarks; None where none is named."""
        return self._contamination


def benchmark_reports(all_screens: Iterable[Screens | None]) -> list[BenchmarkReport]:
    """What was found of each benchmark over all recipes of a run."""
    found = [one.contamination for one in all_screens if one is not None and one.contamination is not None]
    return found[0].joined(found).report() if found else []


def _row(messages: Sequence[Mapping[str, Any]]) -> DatasetRow:
    turns = tuple(Turn(one["role"], one["content"] or "") for one in messages)
    return DatasetRow("", turns, tuple(turn.content for turn in turns if turn.role == "user"), {})


def repetition(row: DatasetRow) -> Refusal | None:
    """What of the row's taught texts repeats itself."""
    for text in row.taught:
        found = find_repetition(text)
        if found is not None:
            return Refusal(found.reason, {"share": round(found.share, 4), "limit": found.limit})
    return None
