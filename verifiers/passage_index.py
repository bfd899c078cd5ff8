"""A local index of passages: BM25 (Robertson and Zaragoza 2009), in memory, the same results on every machine."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from verifiers.wording import words_of


class PassageIndex:
    """Finds the passages that have most to do with a text."""

    def __init__(self, passages: Sequence[str]) -> None:
        import bm25s

        self.passages = tuple(passages)
        tokens = [words_of(passage) for passage in self.passages]
        self._words = frozenset(word for words in tokens for word in words)
        self._ranks: Any = bm25s.BM25()
        if self._words:
            self._ranks.index(tokens, show_progress=False)

    def find(self, text: str, most: int) -> list[str]:
        """Up to `most` passages that share a word with the text, the best first; of equals the earlier."""
        asked = [word for word in dict.fromkeys(words_of(text)) if word in self._words]
        if not asked:
            return []
        scores = self._ranks.get_scores(asked)
        ranked = sorted(range(len(self.passages)), key=lambda index: (-scores[index], index))
        return [self.passages[index] for index in ranked[:most] if scores[index] > 0]


@lru_cache(maxsize=8)
def index_of(passages: tuple[str, ...]) -> PassageIndex:
    """The index of these passages, built once."""
    return PassageIndex(passages)
