"""The prompts of the math recipes, with the faults that are planted in their replies."""

from __future__ import annotations

from served_model.rehearsal.math_player import play_solve
from served_model.rehearsal.role import Fault, Role

SOLVE = "generators.math/solve"

ROLES = (
    Role(
        SOLVE,
        frozenset({"question"}),
        {
            "wrong_final_answer": Fault(4, "equivalence"),
            "arithmetic_slip": Fault(3, "equivalence"),
            "hostile_answer": Fault(1, "equivalence"),
            "no_final_answer": Fault(2, "format"),
            "truncated": Fault(2, "format"),
            "repetitive": Fault(2, "format"),
        },
        lambda asked, rng, fault: play_solve(asked.tags, rng, fault, asked.settings.facts),
    ),
)
