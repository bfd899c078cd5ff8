"""Balances overused phrases: of the rows that hold one, as many stay as make up its target share, never none (X5).

Llama 3 balances the proportion of overused phrases in the data (arXiv 2407.21783, 4.2.3) rather than banning them: a
model that never apologises is as odd as one that always does. Which rows stay depends on their contents alone.
"""

from __future__ import annotations

import re
from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from curation.label_settings import PhraseSettings
from records.types import JSON

OVERUSED = "overused_phrase"


@dataclass(frozen=True, slots=True)
class PhraseShare:
    """One phrase: its target, and the rows that hold it before and after, of all rows then."""

    target: float
    before: tuple[int, int]
    after: tuple[int, int]

    def to_json(self) -> dict[str, JSON]:
        """For the report."""
        return {"target": self.target, "before": list(self.before), "after": list(self.after)}


class Phrases:
    """Which phrases each row holds, in the order in which rows came: 16 bytes a row."""

    def __init__(self, settings: PhraseSettings) -> None:
        self._names = sorted(settings.phrases)
        self._patterns = [re.compile(settings.phrases[name]) for name in self._names]
        self._targets = [settings.shares.get(name, settings.share) for name in self._names]
        self._held = array("Q")
        self._order = array("Q")
        self.table: dict[str, PhraseShare] = {}

    def add(self, texts: Sequence[str], order: bytes) -> None:
        """Take in the next row: what a model would learn to write, and a hash that ranks the row."""
        held = (any(pattern.search(text) for text in texts) for pattern in self._patterns)
        self._held.append(sum(1 << at for at, found in enumerate(held) if found))
        self._order.append(int.from_bytes(order[:8], "big"))

    def surplus(self, rows: Sequence[int]) -> dict[int, str]:
        """Which of the rows go, each with the phrase that it goes for.

        Whatever goes for one phrase makes the share of the others larger, so that all are looked at until none has
        more than its share.
        """
        left, gone = set(rows), dict[int, str]()
        before = Counter(at for row in rows for at in self._phrases_of(row))
        total, changed = len(left), True
        while changed:
            changed = False
            for at, name in enumerate(self._names):
                over = self._over(at, left)
                left.difference_update(over)
                gone.update(dict.fromkeys(over, name))
                changed = changed or bool(over)
        after = Counter(at for row in left for at in self._phrases_of(row))
        self.table = {
            name: PhraseShare(self._targets[at], (before[at], total), (after[at], len(left)))
            for at, name in enumerate(self._names)
        }
        return gone

    def _over(self, at: int, left: set[int]) -> list[int]:
        """The rows above the target share of a phrase, those with the greatest hashes; one holder always stays."""
        holders = [row for row in left if self._held[row] >> at & 1]
        others, target = len(left) - len(holders), self._targets[at]
        room = max(1, int(others * target / (1 - target) + 1e-9))
        return sorted(holders, key=lambda row: (self._order[row], row))[room:]

    def _phrases_of(self, row: int) -> list[int]:
        held = self._held[row]
        return [at for at in range(held.bit_length()) if held >> at & 1]


def phrase_report(table: Mapping[str, PhraseShare]) -> dict[str, JSON]:
    """For the report."""
    return {name: share.to_json() for name, share in table.items()}
