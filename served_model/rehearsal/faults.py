"""Draws the faults that are planted: in replies by the table of roles, and on the wire."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

from served_model.rehearsal.role import Fault
from served_model.rehearsal.roles import ROLES

CANNOT_ANSWER = "cannot_answer"  # not planted: the bank or the knowledge does not hold what was asked
MAX_TOKENS = "max_tokens"  # not planted: the caller's own limit cut an honest reply
FAULTS: Mapping[str, Mapping[str, Fault]] = {role.prompt: role.faults for role in ROLES.values()}
WIRE_FAULTS: Mapping[str, int] = {
    "http_429": 3,
    "http_500": 3,
    "connection_reset": 2,
    "half_reply": 2,
    "invalid_json_body": 2,
    "stall": 1,
}


def draw_fault(prompt: str, rng: Random, rate: float) -> str | None:
    """The kind to plant in one reply to this prompt, or None. `rate` is the share of replies with a fault, 0 to 1."""
    chance, pick = rng.random(), rng.random()
    kinds = FAULTS[prompt]
    return _weighted({kind: fault.weight for kind, fault in kinds.items()}, pick) if kinds and chance < rate else None


def draw_wire_fault(rng: Random, rate: float) -> str | None:
    """The way in which the first answer to a request fails on the wire, or None."""
    chance, pick = rng.random(), rng.random()
    return _weighted(WIRE_FAULTS, pick) if chance < rate else None


def decidable_by(prompt: str, kind: str | None) -> str | None:
    """What can find a fault of this kind; None for no fault."""
    if kind is None:
        return None
    fault = FAULTS.get(prompt, {}).get(kind)
    return fault.decidable_by if fault else "format"


def _weighted(weights: Mapping[str, int], pick: float) -> str:
    target = pick * sum(weights.values())
    for kind, weight in weights.items():
        target -= weight
        if target < 0:
            return kind
    return next(reversed(list(weights)))
