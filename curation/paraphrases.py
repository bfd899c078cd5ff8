"""Finds benchmark items in other words: the nearest items by embedding, then a judge or a threshold (E3).

The LLM decontaminator (Yang et al. 2023, arXiv 2311.04850) takes the k nearest items of each row by embedding and asks
a model whether one is a paraphrase: rephrased benchmarks evade n-grams. Without a judge the cosine alone decides.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curation.contamination import BenchmarkReport, Item
from records.types import JSON

PARAPHRASE = "paraphrase"


@dataclass(frozen=True, slots=True)
class ParaphraseRule:
    """Cosine from which a row counts as a paraphrase of an item; another embedder needs another value.

    With all-MiniLM-L6-v2, 0.65 finds 70 of 82 rephrased HumanEval items and 6 of 2,000 functions of Python's standard
    library; 0.60 finds 76 and 20 (benchmarks/paraphrases.py). With a judge, `candidates` is the cosine from which it is
    asked about the `top_k` nearest items, and its word decides alone.
    """

    threshold: float = 0.65
    judge: bool = False
    candidates: float = 0.5
    top_k: int = 3


DEFAULT = ParaphraseRule()


@dataclass(frozen=True, slots=True)
class Paraphrase:
    """The nearest item of a row."""

    item: Item
    cosine: float

    def evidence(self) -> dict[str, JSON]:
        """What a drop tells of it."""
        return {"benchmark": self.item.benchmark, "item": self.item.id, "cosine": round(self.cosine, 4)}


class Paraphrases:
    """Benchmark items by their vectors, and what has been found of them so far."""

    def __init__(self, items: Sequence[Item], vectors: NDArray[np.float32], rule: ParaphraseRule) -> None:
        self._items, self._vectors, self._rule = tuple(items), vectors, rule
        self._matched: set[int] = set()
        self._rows: Counter[str] = Counter()

    def find(self, row: NDArray[np.float32]) -> Paraphrase | None:
        """The nearest item to a row's vector, where it is near enough; the first of equals."""
        if not self._items:
            return None
        cosines = self._vectors @ row
        near = np.flatnonzero(cosines >= self._rule.threshold)
        if not len(near):
            return None
        self._matched.update(map(int, near))
        self._rows.update({self._items[number].benchmark for number in near})
        best = int(np.argmax(cosines))
        return Paraphrase(self._items[best], float(cosines[best]))

    def nearest(self, row: NDArray[np.float32]) -> list[Paraphrase]:
        """The items that a judge is asked about, the nearest first, equally near ones in their order."""
        if not self._items:
            return []
        cosines = self._vectors @ row
        order = np.argsort(-cosines, kind="stable")[: self._rule.top_k]
        return [Paraphrase(self._items[at], float(cosines[at])) for at in order if cosines[at] >= self._rule.candidates]

    def confirm(self, found: Paraphrase) -> None:
        """Count what a judge has confirmed of a row."""
        self._matched.add(self._items.index(found.item))
        self._rows[found.item.benchmark] += 1

    def report(self) -> list[BenchmarkReport]:
        """One line per benchmark, about all rows seen so far."""
        items = Counter(item.benchmark for item in self._items)
        matched = Counter(self._items[number].benchmark for number in self._matched)
        return [
            BenchmarkReport(f"{name} (paraphrases)", count, matched[name], self._rows[name])
            for name, count in items.items()
        ]
