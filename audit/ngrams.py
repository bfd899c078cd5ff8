"""Phrases that stand in many documents: boilerplate, template openings, a model's habits (A1)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

SIZE = 8
"""Words of a phrase: n-grams of 8 words hardly ever meet by chance."""
OPENING = 4
"""Words that begin a document: a model's habit shows there first."""
LEAST = 3
"""Documents from which a phrase is listed."""
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Phrase:
    """Consecutive words and the number of documents that hold them."""

    text: str
    documents: int
    examples: tuple[str, ...]  # ids
    opening: bool = False


def count_phrases(documents: Sequence[tuple[str, str]], top: int = 15) -> list[Phrase]:
    """The phrases of (id, text) that stand in the most documents, openings beside them; a document counts once.

    Of phrases that overlap and stand in about as many documents only the first is listed: they are one longer phrase.
    """
    counts: Counter[tuple[str, ...]] = Counter()
    openings: Counter[tuple[str, ...]] = Counter()
    for _, text in documents:
        words = _WORD.findall(text)
        counts.update(set(_grams(words)))
        if len(words) >= OPENING:
            openings[tuple(words[:OPENING])] += 1
    listed = [(gram, count, False) for gram, count in _distinct(counts, top)]
    listed += [(gram, count, True) for gram, count in openings.most_common(top) if count >= LEAST]
    return [
        Phrase(" ".join(gram), count, tuple(_examples(gram, documents, opening)), opening)
        for gram, count, opening in listed
    ]


def _grams(words: Sequence[str]) -> Iterator[tuple[str, ...]]:
    return zip(*(words[at:] for at in range(SIZE)), strict=False)


def _distinct(counts: Counter[tuple[str, ...]], top: int) -> Iterator[tuple[tuple[str, ...], int]]:
    seen: set[tuple[str, ...]] = set()  # the inner words of what is listed, wherever they lie
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    listed = 0
    for gram, count in ranked:
        if listed == top or count < LEAST:
            return
        inner = [gram[at : at + SIZE // 2] for at in range(SIZE - SIZE // 2 + 1)]
        if not seen.intersection(inner):
            listed += 1
            yield gram, count
        seen.update(inner)


def _examples(gram: tuple[str, ...], documents: Sequence[tuple[str, str]], opening: bool) -> Iterator[str]:
    found = 0
    for name, text in documents:
        words = _WORD.findall(text)
        if tuple(words[:OPENING]) == gram if opening else gram in set(_grams(words)):
            yield name
            found += 1
            if found == LEAST:
                return
