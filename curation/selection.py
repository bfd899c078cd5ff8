"""Chooses which accepted records make the dataset: in seed order, no exact duplicate, no more than asked."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from records.types import Drop

COLUMNS = ("id", "recipe", "is_final", "outcome", "messages")
"""What of a row of the RECORDS schema the choice depends on."""

_SPACE = re.compile(r"\s+")


@dataclass
class Selection:
    """Grows shard by shard, in order, so that which records are kept does not depend on when a shard finished.

    Rows are rows of the RECORDS schema. Drops name the record they lost to (`duplicate_of`) or the target they came
    after.
    """

    target: int | None
    entered: int = 0
    kept: list[str] = field(default_factory=list)
    drops: list[Drop] = field(default_factory=list)
    _seen: dict[bytes, str] = field(default_factory=dict)

    def add(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Take in the accepted final rows of one shard."""
        for row in rows:
            if not (row["is_final"] and row["outcome"] == "pass"):
                continue
            self.entered += 1
            self._choose(row)

    def _choose(self, row: Mapping[str, Any]) -> None:
        digest = content_hash(row["messages"])
        if digest in self._seen:
            evidence = {"duplicate_of": self._seen[digest]}
            self.drops.append(Drop(row["id"], row["recipe"], "select", "exact_duplicate", evidence))
        elif self.full:
            self.drops.append(Drop(row["id"], row["recipe"], "select", "over_target", {"target": self.target}))
        else:
            self._seen[digest] = row["id"]
            self.kept.append(row["id"])

    @property
    def full(self) -> bool:
        """The target is met."""
        return self.target is not None and len(self.kept) >= self.target


def content_hash(messages: Iterable[Mapping[str, str]]) -> bytes:
    """Hash of a conversation whatever its white space (X1, as Magicoder normalises)."""
    digest = hashlib.sha256()
    for message in messages:
        digest.update(f"{message['role']}\0{_SPACE.sub(' ', message['content']).strip()}\0".encode("utf-8", "replace"))
    return digest.digest()[:16]
