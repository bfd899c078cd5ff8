"""The vectors, priorities and hashes of a dataset's rows: what finding semantic duplicates needs to know of them."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import numpy as np

from curation.dataset_rows import DatasetRow
from curation.mix import value_at
from curation.row_hash import row_hash
from curation.semantic_duplicates import SemanticRule, semantic_representatives
from served_model.embedder import Embedder, Vectors


class Meanings:
    """Grows row by row. Memory: a vector, a number and a hash per row."""

    def __init__(self, embedder: Embedder | None, quality: str | None, difficulty: str | None) -> None:
        self._embedder, self._columns = embedder, (quality, difficulty)
        self._vectors: list[Vectors] = []
        self._priority = array("d")
        self._order: list[bytes] = []

    def add(self, rows: Sequence[DatasetRow]) -> None:
        """Embed whole rows, as Llama 3 does with whole dialogues. Raises ModelUnavailable."""
        if self._embedder is None or not rows:
            return
        self._vectors.append(self._embedder.embed([row.text for row in rows]))
        for row in rows:
            self._order.append(row_hash(row)[:16])
            self._priority.append(_number(row, self._columns[0]) * _number(row, self._columns[1]))

    def standing(self, earlier: array[int], rule: SemanticRule) -> array[int]:
        """For each row the row that stands for it, after `earlier` steps have already chosen who stands for whom."""
        left = [index for index, other in enumerate(earlier) if other == index]
        if not left:
            return earlier
        vectors = np.concatenate(self._vectors)[left]
        chosen = semantic_representatives(
            vectors, [self._priority[index] for index in left], [self._order[index] for index in left], rule
        )
        result = array("q", earlier)
        for place, other in enumerate(chosen):
            result[left[place]] = left[other]
        for index, other in enumerate(earlier):
            result[index] = result[other]  # who stood for others before may have somebody standing for it now
        return result


def _number(row: DatasetRow, path: str | None) -> float:
    """A number of the row; 1 where there is none, so that it decides nothing."""
    value = value_at(row.values, path) if path else None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and value == value else 1.0
