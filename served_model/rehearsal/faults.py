"""The faults that are planted: which kinds each prompt has, how often each comes, and what can find it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from served_model.rehearsal.asking import PROBLEM, REVISE, SOLUTION, SOLVE, TESTS

CANNOT_ANSWER = "cannot_answer"  # not planted: the bank or the knowledge does not hold what was asked
MAX_TOKENS = "max_tokens"  # not planted: the caller's own limit cut an honest reply


@dataclass(frozen=True, slots=True)
class Fault:
    """How often a kind comes among its prompt's faults (relative), and by what it can be decided.

    `decidable_by`: "execution" (running it), "equivalence" (comparing answers), "format" (looking at the text).
    """

    weight: int
    decidable_by: str


FAULTS: Mapping[str, Mapping[str, Fault]] = {
    PROBLEM: {
        "missing_section": Fault(2, "format"),
        "sections_out_of_order": Fault(2, "format"),
        "truncated": Fault(2, "format"),
    },
    # The costly kinds (each holds a sandbox until its limit) come less often.
    SOLUTION: {
        "wrong_solution": Fault(6, "execution"),
        "syntax_error": Fault(2, "execution"),
        "undefined_name": Fault(2, "execution"),
        "missing_import": Fault(2, "execution"),
        "endless_loop": Fault(1, "execution"),
        "memory_bomb": Fault(1, "execution"),
        "sandbox_attack": Fault(3, "execution"),
        "verdict_spoof": Fault(4, "execution"),
        "no_code_block": Fault(2, "format"),
        "truncated": Fault(2, "format"),
    },
    TESTS: {
        "wrong_tests": Fault(4, "execution"),
        "vacuous_tests": Fault(4, "execution"),
        "tests_swallow_failures": Fault(3, "execution"),
        "syntax_error_in_tests": Fault(2, "execution"),
        "no_code_block": Fault(2, "format"),
    },
    REVISE: {
        "gutted_tests": Fault(3, "execution"),
        "still_wrong": Fault(3, "execution"),
        "malformed_json": Fault(2, "format"),
        "no_op": Fault(2, "execution"),
    },
    SOLVE: {
        "wrong_final_answer": Fault(4, "equivalence"),
        "arithmetic_slip": Fault(3, "equivalence"),
        "hostile_answer": Fault(1, "equivalence"),
        "no_final_answer": Fault(2, "format"),
        "truncated": Fault(2, "format"),
        "repetitive": Fault(2, "format"),
    },
}
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
    return _weighted({kind: fault.weight for kind, fault in kinds.items()}, pick) if chance < rate else None


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
