"""Counts what comes of one recipe while it comes, and stops the recipe where its requests are money burnt."""

from __future__ import annotations

from dataclasses import dataclass, field

from records.types import Outcome
from served_model.meter import Stop

FEWEST_CANDIDATES = 50
"""Candidates before which the ratio of candidates to records says nothing."""

FEWEST_SEEDS = 50
"""Seeds before which the share of useless replies says nothing."""

USELESS = frozenset({"unreadable_reply", "request_refused"})
"""Reasons that lie with the model and its server, not with the seed."""

MOST_USELESS = 0.9
"""Share of seeds without one usable reply above which no further one is tried."""


@dataclass
class Tally:
    """Over all shards of a recipe, by shard, so that a shard that is worked again counts once."""

    most_per_record: float | None = None
    stop: Stop = field(default_factory=Stop)
    seeds: int = 0
    useless: int = 0
    _shards: dict[int, tuple[int, int]] = field(default_factory=dict)

    def begin(self, shard: int) -> None:
        """A shard is worked from its start."""
        self._shards[shard] = (0, 0)

    def count(self, shard: int, outcome: Outcome) -> None:
        """One candidate has come to its end."""
        candidates, accepted = self._shards[shard]
        self.set(shard, candidates + 1, accepted + (outcome is Outcome.PASS))

    def seed(self, reason: str) -> None:
        """One seed has come to its end; with a reason where it gave no candidate. The circuit opens here."""
        self.seeds += 1
        self.useless += reason in USELESS
        if self.seeds >= FEWEST_SEEDS and self.useless > MOST_USELESS * self.seeds:
            self.stop.reason = f"circuit: {self.useless} of {self.seeds} seeds got no usable reply, the last: {reason}"

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
