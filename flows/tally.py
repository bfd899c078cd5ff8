"""Counts candidates and accepted records of one recipe while they come, and stops it where too many are needed."""

from __future__ import annotations

from dataclasses import dataclass, field

from records.types import Outcome
from served_model.meter import Stop

FEWEST_CANDIDATES = 50
"""Candidates before which the ratio of candidates to records says nothing."""


@dataclass
class Tally:
    """Over all shards of a recipe, by shard, so that a shard that is worked again counts once."""

    most_per_record: float | None = None
    stop: Stop = field(default_factory=Stop)
    _shards: dict[int, tuple[int, int]] = field(default_factory=dict)

    def begin(self, shard: int) -> None:
        """A shard is worked from its start."""
        self._shards[shard] = (0, 0)

    def count(self, shard: int, outcome: Outcome) -> None:
        """One candidate has come to its end."""
        candidates, accepted = self._shards[shard]
        self.set(shard, candidates + 1, accepted + (outcome is Outcome.PASS))

    def set(self, shard: int, candidates: int, accepted: int) -> None:
        """What a shard has in all, where it is known."""
        self._shards[shard] = (candidates, accepted)
        if self.most_per_record is not None and self.per_record >= self.most_per_record:
            self.stop.reason = "budget: candidates_per_record"

    @property
    def per_record(self) -> float:
        """Candidates per accepted record; 0 while there are too few to tell."""
        candidates = sum(one for one, _ in self._shards.values())
        accepted = sum(one for _, one in self._shards.values())
        return candidates / max(accepted, 1) if candidates >= FEWEST_CANDIDATES else 0.0
