"""Length and position bias of preference pairs (P6): what a model could learn from them in place of quality.

Where `chosen` is the longer one, or the one that was written later, in clearly more or fewer than half of the pairs,
a reward model can tell the two apart without reading them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from records.shares import Share

FAIR = 0.1
"""A share is called biased where its whole interval is further than this from a half. Our choice."""


@dataclass
class Tally:
    """Counts over some pairs; pairs of equal length or without places do not count for the share in question."""

    pairs: int = 0
    longer: int = 0
    shorter: int = 0
    later: int = 0
    earlier: int = 0
    chosen_characters: int = 0
    rejected_characters: int = 0

    def add(self, row: Mapping[str, Any]) -> None:
        """Count one pair."""
        good, bad = _characters(row["chosen"]), _characters(row["rejected"])
        self.pairs += 1
        self.longer += good > bad
        self.shorter += good < bad
        self.chosen_characters += good
        self.rejected_characters += bad
        first, second = row.get("chosen_place"), row.get("rejected_place")
        if first is not None and second is not None:
            self.later += first > second
            self.earlier += first < second

    @property
    def length(self) -> Share:
        """Pairs in which `chosen` is the longer one."""
        return Share(self.longer, self.longer + self.shorter)

    @property
    def position(self) -> Share:
        """Pairs in which `chosen` was written later."""
        return Share(self.later, self.later + self.earlier)

    @property
    def findings(self) -> list[str]:
        """What is biased, in words."""
        named = (("length", self.length), ("position", self.position))
        return [f"{name} bias" for name, share in named if is_biased(share)]


def is_biased(share: Share) -> bool:
    """Whether a share is surely not about a half."""
    low, high = share.interval
    return share.total > 0 and (low > 0.5 + FAIR or high < 0.5 - FAIR)


@dataclass
class PairBias:
    """Pairs by the check that told them apart."""

    tallies: defaultdict[str, Tally] = field(default_factory=lambda: defaultdict(Tally))

    def add(self, row: Mapping[str, Any]) -> None:
        """Count one pair: a row of the export."""
        self.tallies[row.get("verifier") or ""].add(row)

    @property
    def total(self) -> Tally:
        """Over all checks."""
        total = Tally()
        for one in self.tallies.values():
            for name, value in vars(one).items():
                setattr(total, name, getattr(total, name) + value)
        return total

    def table(self) -> Iterator[tuple[str, ...]]:
        """HEADERS' cells for each check, and for all where there are several."""
        rows = sorted(self.tallies.items())
        for name, one in [*rows, *([("all", self.total)] if len(rows) > 1 else [])]:
            means = (round(one.chosen_characters / one.pairs), round(one.rejected_characters / one.pairs))
            lengths = f"{means[0]:,} / {means[1]:,}"
            yield name, f"{one.pairs:,}", str(one.length), lengths, str(one.position), ", ".join(one.findings) or "-"


HEADERS = ("check", "pairs", "chosen is longer", "mean characters", "chosen came later", "finding")
NOTE = (
    "Shares with 95 % intervals; pairs of equal length, or whose order is not known, do not count for them. A finding "
    "means that a model could prefer the chosen side without reading it."
)


def _characters(reply: Any) -> int:
    """Of a reply: text, or messages with their calls."""
    if isinstance(reply, str):
        return len(reply)
    return sum(len(one.get("content") or "") + _call_characters(one) for one in reply or ())


def _call_characters(message: Mapping[str, Any]) -> int:
    calls = message.get("tool_calls") or ()
    return sum(len(call["function"]["name"]) + len(call["function"]["arguments"]) for call in calls)
