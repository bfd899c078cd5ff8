"""The accounts of a run: per stage, what came in must equal accepted + rejected + unjudged + dropped."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from records.types import JSON, canonical_json

_FIELDS = ("recipe", "stage", "entered", "accepted", "rejected", "unjudged", "dropped")


class AccountsError(Exception):
    """Something was lost unexplained, or counted twice: a defect of ours, never of the data."""


@dataclass
class StageCount:
    """What happened at one stage of one recipe. `entered` is counted at the door, the rest at the exits."""

    recipe: str
    stage: str
    entered: int = 0
    accepted: int = 0
    rejected: int = 0
    unjudged: int = 0
    dropped: int = 0
    reasons: Counter[str] = field(default_factory=Counter)  # "check: reason" of whatever did not pass

    @property
    def balanced(self) -> bool:
        """Nothing lost, nothing counted twice."""
        return self.entered == self.accepted + self.rejected + self.unjudged + self.dropped


class Accounts:
    """Stage counts of a shard or of a run; addable, storable, and refused when they do not balance."""

    def __init__(self) -> None:
        self._stages: dict[tuple[str, str], StageCount] = {}

    def stage(self, recipe: str, stage: str) -> StageCount:
        """The count of one stage, made on first use; stages keep the order in which they were first seen."""
        return self._stages.setdefault((recipe, stage), StageCount(recipe, stage))

    def __iter__(self) -> Iterator[StageCount]:
        return iter(self._stages.values())

    def add(self, other: Accounts) -> None:
        """Add another part's counts to these."""
        for count in other._stages.values():
            own = self.stage(count.recipe, count.stage)
            for name in _FIELDS[2:]:
                setattr(own, name, getattr(own, name) + getattr(count, name))
            own.reasons.update(count.reasons)

    def check(self) -> None:
        """Raise AccountsError, naming the first stage that does not balance."""
        for count in self._stages.values():
            if not count.balanced:
                raise AccountsError(
                    f"{count.recipe}, stage {count.stage}: {count.entered} came in, but {count.accepted} accepted + "
                    f"{count.rejected} rejected + {count.unjudged} unjudged + {count.dropped} dropped went out"
                )

    def to_list(self) -> list[dict[str, JSON]]:
        """JSON values, one per stage, for `run.json`."""
        return [
            {**{name: getattr(count, name) for name in _FIELDS}, "reasons": dict(sorted(count.reasons.items()))}
            for count in self._stages.values()
        ]

    @classmethod
    def from_list(cls, items: Iterable[Mapping[str, JSON]]) -> Accounts:
        """The accounts that `to_list` gave."""
        accounts = cls()
        for item in items:
            count = accounts.stage(item["recipe"], item["stage"])
            for name in _FIELDS[2:]:
                setattr(count, name, item[name])
            count.reasons.update(item["reasons"])
        return accounts

    def to_json(self) -> str:
        """Canonical JSON text, for file metadata."""
        return canonical_json(self.to_list())

    @classmethod
    def from_json(cls, text: str) -> Accounts:
        """The accounts that `to_json` wrote."""
        return cls.from_list(json.loads(text))
