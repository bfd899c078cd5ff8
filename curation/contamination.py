"""Finds rows that hold benchmark items: the whole prompt (E1), or most of its words in shared 8-grams (E2), and says
which benchmarks a dataset spoils (E4).

The rule is that of Tulu 3 (Lambert et al. 2024): a word of a benchmark item counts as matched if it stands in an 8-gram
that the row holds too; the item is in the row if more than half of its words are matched; a dataset is contaminated
with a benchmark if more than 2 % of its items are in some row. Words, not a tokenizer's tokens, are counted here. An
item shorter than 8 words can only be found as a whole prompt.
"""

from __future__ import annotations

import copy
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from curation.dataset_rows import DatasetRow, dataset_files, read_rows, words
from curation.errors import CurationError
from records.types import JSON

NGRAM = 8
COVERAGE = 0.5  # of an item's words, to be exceeded
CONTAMINATED = 0.02  # of a benchmark's items, to be exceeded

EXACT, OVERLAP = "exact_prompt", "ngram_overlap"


@dataclass(frozen=True, slots=True)
class Item:
    """One benchmark item."""

    benchmark: str
    id: str
    words: tuple[str, ...]
    text: str = ""  # as it stands in the file, for an embedder


@dataclass(frozen=True, slots=True)
class Match:
    """A benchmark item that a row holds, and the share of the item's words that is matched."""

    item: Item
    reason: str  # EXACT or OVERLAP
    coverage: float

    def evidence(self) -> dict[str, JSON]:
        """What a drop tells of it."""
        return {"benchmark": self.item.benchmark, "item": self.item.id, "coverage": round(self.coverage, 4)}


@dataclass(frozen=True, slots=True)
class BenchmarkReport:
    """What a dataset holds of one benchmark."""

    benchmark: str
    items: int
    matched: int  # items that stand in at least one row
    rows: int  # rows that hold at least one item

    @property
    def share(self) -> float:
        """Of the benchmark's items, the share that the dataset holds."""
        return self.matched / self.items

    @property
    def contaminated(self) -> bool:
        """The dataset-level rule (E4)."""
        return self.share > CONTAMINATED

    def to_json(self) -> dict[str, JSON]:
        """For the report."""
        counts = {"benchmark": self.benchmark, "items": self.items, "matched": self.matched, "rows": self.rows}
        return {**counts, "share": round(self.share, 6), "contaminated": self.contaminated}


class Contamination:
    """Benchmarks by their 8-grams, and what has been found of them so far. Memory grows with the benchmarks only."""

    def __init__(self, items: Sequence[Item]) -> None:
        self._items = tuple(items)
        self._whole: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
        self._places: defaultdict[tuple[str, ...], list[tuple[int, int]]] = defaultdict(list)  # (item, place in it)
        self._matched: set[int] = set()
        self._rows: Counter[str] = Counter()
        for number, item in enumerate(self._items):
            if item.words:
                self._whole[item.words].append(number)
            for place, gram in enumerate(_ngrams(item.words)):
                self._places[gram].append((number, place))

    def afresh(self) -> Contamination:
        """The same benchmarks, of which nothing has been found yet; the index is shared."""
        other = copy.copy(self)
        other._matched, other._rows = set(), Counter()
        return other

    def joined(self, parts: Iterable[Contamination]) -> Contamination:
        """What has been found of the same benchmarks in all parts of a dataset."""
        whole = self.afresh()
        for part in parts:
            whole._matched |= part._matched
            whole._rows.update(part._rows)
        return whole

    def find(self, row: DatasetRow) -> Match | None:
        """The nearest benchmark item that the row holds: a whole prompt first, then by coverage, then in file order."""
        if not self._items:
            return None
        found = {number: Match(self._items[number], OVERLAP, share) for number, share in self._overlaps(row.text)}
        for number in self._exact(row):
            found[number] = Match(self._items[number], EXACT, 1.0)
        self._matched.update(found)
        self._rows.update({match.item.benchmark for match in found.values()})
        if not found:
            return None
        return found[min(found, key=lambda number: (found[number].reason != EXACT, -found[number].coverage, number))]

    def report(self) -> list[BenchmarkReport]:
        """One line per benchmark, about all rows seen so far."""
        items = Counter(item.benchmark for item in self._items)
        matched = Counter(self._items[number].benchmark for number in self._matched)
        return [BenchmarkReport(name, count, matched[name], self._rows[name]) for name, count in items.items()]

    def _exact(self, row: DatasetRow) -> Iterator[int]:
        for text in (row.text, *row.prompts):
            yield from self._whole.get(tuple(words(text)), ())

    def _overlaps(self, text: str) -> Iterator[tuple[int, float]]:
        covered: defaultdict[int, set[int]] = defaultdict(set)
        for gram in set(_ngrams(words(text))):
            for number, place in self._places.get(gram, ()):
                covered[number].update(range(place, place + NGRAM))
        for number in sorted(covered):
            share = len(covered[number]) / len(self._items[number].words)
            if share > COVERAGE:
                yield number, share


def read_benchmarks(paths: Sequence[Path], field: str | None = None) -> list[Item]:
    """The items of benchmark files (Parquet or JSON lines, also folders), named after them.

    The text of an item is `field`, else its user turns or prompt fields, else all its text: see `dataset_rows`. Raises
    CurationError for a file that cannot be read or is empty.
    """
    items: list[Item] = []
    names: Counter[str] = Counter()
    for path in paths:
        names[path.stem] += 1
        name = path.stem if names[path.stem] == 1 else f"{path.stem}-{names[path.stem]}"
        rows = read_rows(dataset_files(path), field)
        own = [_item(name, row) for row in rows]
        if not own:
            raise CurationError(path, None, "holds no benchmark item")
        items += own
    return items


def _item(benchmark: str, row: DatasetRow) -> Item:
    text = row.asked
    return Item(benchmark, row.id, tuple(words(text)), text)


def _ngrams(split: Sequence[str]) -> Iterator[tuple[str, ...]]:
    return zip(*(split[at:] for at in range(NGRAM)), strict=False)
