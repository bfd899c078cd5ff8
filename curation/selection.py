"""Chooses which accepted records make the dataset: in seed order, no duplicate, curated, balanced, no more than asked.

Balance (`records.limits.Limits`) is decided as the records come: one of a limited kind waits while it would pass its
share, and comes in, the oldest first, when others have made room. What waits in the end is dropped (`over_share`). The
choice depends on the records and their order alone, so a resumed run, or one with a raised target, chooses alike.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from curation.best_of import ranked
from curation.screens import Screens
from records.limits import Limits
from records.types import Drop

COLUMNS = ("id", "recipe", "is_final", "outcome", "messages", "metadata")
"""What every choice looks at; see `Selection.columns`."""

_SPACE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class _Entry:
    """An accepted record as far as the choice looks at it."""

    id: str
    recipe: str
    kind: str
    values: Mapping[str, str]  # of the metadata keys that may not repeat
    bands: tuple[bytes, ...] = ()  # what near duplicates are found by, where they are looked for

    def drop(self, reason: str, **evidence: Any) -> Drop:
        return Drop(self.id, self.recipe, "select", reason, evidence)


@dataclass
class Selection:
    """Grows shard by shard, in order, so that which records are kept does not depend on when a shard finished.

    Rows are rows of the RECORDS schema. Drops name the record they lost to (`duplicate_of`), the bound or the target
    that they came after.
    """

    target: int | None
    limits: Limits = Limits()  # noqa: RUF009 - frozen
    screens: Screens | None = None
    entered: int = 0
    kept: list[str] = field(default_factory=list)
    _dropped: list[Drop] = field(default_factory=list)
    _seen: dict[bytes, str] = field(default_factory=dict)
    _chosen: dict[str, _Entry] = field(default_factory=dict)  # kept or waiting, by id; only where there are limits
    _holders: dict[tuple[str, str], list[str]] = field(default_factory=dict)  # ids by key and value that may not repeat
    _waiting: dict[str, dict[str, _Entry]] = field(default_factory=dict)  # by kind, then by id, the oldest first
    _kinds: Counter[str] = field(default_factory=Counter)  # of the kept records

    def add(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Take in the accepted final rows of one shard, which holds all rows of its seeds."""
        accepted = (row for row in rows if row["is_final"] and row["outcome"] == "pass")
        best = self.limits.best
        for row, better in ranked(accepted, best) if best else ((row, "") for row in accepted):
            self.entered += 1
            if better:
                self._dropped.append(self._entry(row).drop("not_best", best=better))
            else:
                self._choose(row)

    @property
    def columns(self) -> tuple[str, ...]:
        """What of a row of the RECORDS schema the choice depends on."""
        return (*COLUMNS, "seed_id", "verdicts") if self.limits.best else COLUMNS

    @property
    def drops(self) -> list[Drop]:
        """What is not kept, with those that wait for room at the moment."""
        shares = self.limits.shares
        waiting = (entry for queue in self._waiting.values() for entry in queue.values())
        return [*self._dropped, *(entry.drop("over_share", share=shares[entry.kind]) for entry in waiting)]

    @property
    def full(self) -> bool:
        """The target is met."""
        return self.target is not None and len(self.kept) >= self.target

    @property
    def settled(self) -> bool:
        """What is kept stays kept, whatever comes."""
        return not (self.limits.shares or self.limits.repeats)

    def _choose(self, row: Mapping[str, Any]) -> None:
        entry = self._entry(row)
        digest = content_hash(row["messages"])
        if digest in self._seen:
            self._dropped.append(entry.drop("exact_duplicate", duplicate_of=self._seen[digest]))
        elif self.full:
            self._dropped.append(entry.drop("over_target", target=self.target))
        elif not self._repeats(entry) and not self._screened(entry, row["messages"]):
            self._seen[digest] = entry.id
            self._enter(entry)

    def _entry(self, row: Mapping[str, Any]) -> _Entry:
        bands = self.screens.bands(row["messages"]) if self.screens else ()
        if self.settled:
            return _Entry(row["id"], row["recipe"], "", {}, bands)
        metadata = json.loads(row["metadata"])
        values = {name: str(metadata[name]) for name in self.limits.repeats if name in metadata}
        return _Entry(row["id"], row["recipe"], str(metadata.get("kind", "")), values, bands)

    def _screened(self, entry: _Entry, messages: Sequence[Mapping[str, Any]]) -> bool:
        """Drop the record where curation finds something."""
        found = self.screens and (self.screens.by_itself(messages) or self.screens.like(entry.bands))
        if found:
            self._dropped.append(entry.drop(found.reason, **found.evidence))
        return bool(found)

    def _repeats(self, entry: _Entry) -> bool:
        """Drop the record where a value of it stands often enough already; a record of a limited kind gives way."""
        for name, value in entry.values.items():
            holders = self._holders.get((name, value), [])
            if len(holders) < self.limits.repeats[name]:
                continue
            if self._gives_way(holders, entry):
                self._revoke(holders[0], entry.id)
                continue
            self._dropped.append(entry.drop(f"repeated_{name}", repeats=holders[0]))
            return True
        return False

    def _gives_way(self, holders: Sequence[str], entry: _Entry) -> bool:
        limited = self.limits.shares
        return len(holders) == 1 and entry.kind not in limited and self._chosen[holders[0]].kind in limited

    def _revoke(self, holder: str, winner: str) -> None:
        """The question is answered elsewhere: its refusal leaves again."""
        entry = self._chosen.pop(holder)
        for name, value in entry.values.items():
            self._holders[name, value].remove(holder)
        if self._waiting.get(entry.kind, {}).pop(holder, None) is None:
            self.kept.remove(holder)
            self._kinds[entry.kind] -= 1
            if self.screens:
                self.screens.release(holder)
        self._dropped.append(entry.drop("contradicted", by=winner))

    def _enter(self, entry: _Entry) -> None:
        if not self.settled:
            self._chosen[entry.id] = entry
            for name, value in entry.values.items():
                self._holders.setdefault((name, value), []).append(entry.id)
        if not self._has_room(entry.kind):
            self._waiting.setdefault(entry.kind, {})[entry.id] = entry
            return
        self._keep(entry)
        while not self.full:
            queue = next((queue for kind, queue in self._waiting.items() if queue and self._has_room(kind)), None)
            if queue is None:
                return
            self._admit(queue.pop(next(iter(queue))))

    def _admit(self, entry: _Entry) -> None:
        """There is room for it now; one like it may have come in while it waited."""
        found = self.screens.like(entry.bands) if self.screens else None
        if found is None:
            self._keep(entry)
            return
        self._chosen.pop(entry.id)
        for name, value in entry.values.items():
            self._holders[name, value].remove(entry.id)
        self._dropped.append(entry.drop(found.reason, **found.evidence))

    def _has_room(self, kind: str) -> bool:
        share = self.limits.shares.get(kind)
        return share is None or self._kinds[kind] + 1 <= share * (len(self.kept) + 1) + 1e-9

    def _keep(self, entry: _Entry) -> None:
        self.kept.append(entry.id)
        self._kinds[entry.kind] += 1
        if self.screens:
            self.screens.keep(entry.id, entry.bands)


def content_hash(messages: Iterable[Mapping[str, str]]) -> bytes:
    """Hash of a conversation whatever its white space (X1, as Magicoder normalises)."""
    digest = hashlib.sha256()
    for message in messages:
        digest.update(f"{message['role']}\0{_SPACE.sub(' ', message['content']).strip()}\0".encode("utf-8", "replace"))
    return digest.digest()[:16]
