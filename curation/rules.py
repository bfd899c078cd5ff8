"""The published rules between which a user may choose; apart, so that a command line knows them at no cost."""

from __future__ import annotations

from enum import StrEnum


class Rule(StrEnum):
    """With which rows of its cluster a row is compared when semantic duplicates are looked for."""

    KEPT = "kept"  # Deita
    SEEN = "seen"  # Llama 3
