"""Finds texts that repeat themselves: the limits of Gopher on lines, paragraphs and n-grams (X4).

Limits: Rae et al. 2021, "Scaling Language Models", table A1. Differences: shares of characters are taken of those in
words or lines, without white space, so that the indentation of code changes nothing; and an n-gram must stand at least
twice to count, because in a short text every n-gram is a large share.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

LEAST_WORDS = 50  # Gopher's own minimum for a document; its limits say nothing about shorter texts
LINES, LINE_CHARACTERS = 0.30, 0.20
PARAGRAPHS, PARAGRAPH_CHARACTERS = 0.30, 0.20
TOP = {2: 0.20, 3: 0.18, 4: 0.16}
DUPLICATE = {5: 0.15, 6: 0.14, 7: 0.13, 8: 0.12, 9: 0.11, 10: 0.10}
_PARAGRAPH_BREAK = re.compile(r"\n\s*\n")


@dataclass(frozen=True, slots=True)
class Repetition:
    """A limit that a text exceeds: which one, the share found (0 to 1), and the limit."""

    reason: str
    share: float
    limit: float


def find_repetition(text: str) -> Repetition | None:
    """The first limit that the text exceeds, in the order of the table; None for a text below `LEAST_WORDS` words."""
    split = text.split()
    if len(split) < LEAST_WORDS:
        return None
    for found in _shares(text, split):
        if found.share > found.limit:
            return found
    return None


def _shares(text: str, split: Sequence[str]) -> Iterator[Repetition]:
    """Lazily, because the first limit that is exceeded decides and n-grams cost most."""
    lines = [stripped for line in text.splitlines() if (stripped := " ".join(line.split()))]
    paragraphs = [stripped for part in _PARAGRAPH_BREAK.split(text) if (stripped := " ".join(part.split()))]
    by_count, by_characters = _repeated(lines)
    yield Repetition("duplicate_lines", by_count, LINES)
    yield Repetition("duplicate_line_characters", by_characters, LINE_CHARACTERS)
    by_count, by_characters = _repeated(paragraphs)
    yield Repetition("duplicate_paragraphs", by_count, PARAGRAPHS)
    yield Repetition("duplicate_paragraph_characters", by_characters, PARAGRAPH_CHARACTERS)
    for size, limit in (TOP | DUPLICATE).items():
        share = _top_share(split, size) if size in TOP else _duplicate_share(split, size)
        if share == 0.0:
            return  # where no n-gram stands twice, no longer one does
        yield Repetition(f"top_{size}_gram" if size in TOP else f"duplicate_{size}_grams", share, limit)


def _repeated(parts: Sequence[str]) -> tuple[float, float]:
    """Share of parts, and of their characters, that stood before."""
    seen: set[str] = set()
    count = characters = 0
    for part in parts:
        if part in seen:
            count += 1
            characters += len(part)
        seen.add(part)
    return count / len(parts), characters / sum(map(len, parts))


def _top_share(split: Sequence[str], size: int) -> float:
    """Share of characters in the most frequent n-gram; of several as frequent, in the longest."""
    counts = Counter(zip(*(split[at:] for at in range(size)), strict=False))
    most = max(counts.values())
    if most < 2:
        return 0.0
    longest = max(sum(map(len, gram)) for gram, count in counts.items() if count == most)
    return min(1.0, longest * most / sum(map(len, split)))


def _duplicate_share(split: Sequence[str], size: int) -> float:
    """Share of characters in n-grams that stood before; a character in several of them counts once."""
    seen: set[tuple[str, ...]] = set()
    repeated = covered_to = 0
    for start in range(len(split) - size + 1):
        gram = tuple(split[start : start + size])
        if gram in seen:
            repeated += sum(map(len, split[max(start, covered_to) : start + size]))
            covered_to = start + size
        seen.add(gram)
    return repeated / sum(map(len, split))
