"""Balance of a dataset: what a recipe's records may at most make up of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Limits:
    """Bounds on the kept records of a recipe, over values in their metadata.

    `shares`: of the records with this `kind`, the most as a share of all kept ones. `repeats`: for a key of the
    metadata, the most kept records with one value. Of two records with the same value of a key whose bound is 1, one
    of a kind in `shares` gives way to one of another kind: a refusal to an answer to the same question. `best`: of the
    accepted records of one seed so many are kept, by the reward model's score; 0: all.
    """

    shares: Mapping[str, float] = field(default_factory=dict)
    repeats: Mapping[str, int] = field(default_factory=dict)
    best: int = 0
