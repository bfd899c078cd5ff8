"""Which preference pairs a dataset takes: how strong at least, and how many of one prompt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from exports.pair_bias import PairBias
from exports.strength import Level, at_least
from records.types import stable_hash

PER_PROMPT = 4
"""Few prompts with many samples would otherwise yield most pairs (AceCoder, arXiv 2502.01718)."""


@dataclass(frozen=True, slots=True)
class PairRules:
    """`least` is the weakest level that goes out. Llama 3 trains on `better` and above."""

    per_prompt: int = PER_PROMPT
    least: Level = Level.BETTER


DEFAULT = PairRules()


@dataclass
class PairCounts:
    """Decides pair by pair, in the order of the shards, and counts: what is left out is told by the card."""

    rules: PairRules = DEFAULT
    levels: Counter[str] = field(default_factory=Counter)  # of the pairs that go out
    left_out: Counter[str] = field(default_factory=Counter)
    bias: PairBias = field(default_factory=PairBias)
    _prompts: Counter[str] = field(default_factory=Counter)  # by hash

    def admits(self, prompt: str, row: Mapping[str, Any]) -> bool:
        """Whether the pair goes out."""
        if not at_least(row["strength"], self.rules.least):
            self.left_out["too weak"] += 1
            return False
        key = stable_hash(prompt)
        if self._prompts[key] == self.rules.per_prompt:
            self.left_out["above the number for its prompt"] += 1
            return False
        self._prompts[key] += 1
        self.levels[row["strength"]] += 1
        self.bias.add(row)
        return True
