"""What a role is: one prompt that the rehearsal model can play, its faults, and the player that writes the reply."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from served_model.rehearsal.draft import Draft
from served_model.rehearsal.knowledge import Fact


@dataclass(frozen=True, slots=True)
class Fault:
    """How often a kind comes among its prompt's faults (relative), and by what it can be decided.

    `decidable_by`: "execution" (running it), "equivalence" (comparing answers), "format" (looking at the text),
    "state" (replaying it against an environment), "judge" (only by reading it).
    """

    weight: int
    decidable_by: str


@dataclass(frozen=True)
class Settings:
    """What besides the request decides a reply. Rates are shares, 0 to 1.

    `judge_accuracy` is the share of the verdicts of judging roles that are right; wrong ones are not faults of the
    reply's form, so they come on top of the fault rate.
    """

    seed: int = 0
    fault_rate: float = 0.0
    wire_fault_rate: float = 0.0
    facts: Mapping[str, Fact] = field(default_factory=dict)
    judge_accuracy: float = 1.0
    guard_accuracy: float = 1.0
    unsafe_rate: float = 0.0  # of replies without another fault, where the role may be unsafe at all


@dataclass(frozen=True)
class Asked:
    """What a player sees of a request: the tagged parts of the user's messages, all messages, the server's settings."""

    tags: Mapping[str, str]
    messages: Sequence[Mapping[str, Any]] = ()
    settings: Settings = Settings()


Play = Callable[[Asked, Random, str | None], Draft]
"""Writes a reply with a fault of the given kind, or with none. Raises CannotAnswer."""


@dataclass(frozen=True)
class Role:
    """One prompt. `tags` are the tagged parts that tell its requests from others where a client names no prompt."""

    prompt: str  # as the client names it: "generators.math/solve"
    tags: frozenset[str]
    faults: Mapping[str, Fault]
    play: Play


def of_tags(play: Callable[[Mapping[str, str], Random, str | None], Draft]) -> Play:
    """A player that looks at nothing but the tagged parts."""
    return lambda asked, rng, fault: play(asked.tags, rng, fault)
