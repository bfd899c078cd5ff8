"""The prompts of the math recipes, with the faults that are planted in their replies."""

from __future__ import annotations

from served_model.rehearsal.hazard_player import HAZARDS
from served_model.rehearsal.math_cell_player import play_cell
from served_model.rehearsal.math_player import play_solve
from served_model.rehearsal.math_step_players import (
    WRONG_VERDICT,
    play_continue,
    play_next_step,
    play_step_check,
    play_step_score,
)
from served_model.rehearsal.math_writer_players import play_correct, play_evolve, play_extract, play_skill
from served_model.rehearsal.role import Fault, Role

SOLVE = "generators.math/solve"
MALFORMED = {"malformed_json": Fault(1, "format")}
# A wrong verdict comes by the judge's accuracy, not by the fault rate: it is never drawn.
JUDGING = {**MALFORMED, WRONG_VERDICT: Fault(0, "judge")}

ROLES = (
    Role(
        SOLVE,
        frozenset({"question"}),
        {
            "wrong_final_answer": Fault(4, "equivalence"),
            "arithmetic_slip": Fault(3, "equivalence"),
            "wrong_step_right_answer": Fault(3, "judge"),
            "hostile_answer": Fault(1, "equivalence"),
            "no_final_answer": Fault(2, "format"),
            "truncated": Fault(2, "format"),
            "repetitive": Fault(2, "format"),
            **HAZARDS,
        },
        lambda asked, rng, fault: play_solve(asked.tags, rng, fault, asked.settings.facts),
    ),
    Role("generators.math/step_check", frozenset({"question", "steps"}), JUDGING, play_step_check),
    Role("generators.math/step_score", frozenset({"question", "steps_so_far"}), JUDGING, play_step_score),
    Role(
        "generators.math/next_step",
        frozenset({"question", "steps_so_far"}),
        {"wrong_step": Fault(3, "judge"), "truncated": Fault(1, "format")},
        play_next_step,
    ),
    Role(
        "generators.math/continue",
        frozenset({"question", "solution_so_far"}),
        {"wrong_final_answer": Fault(3, "equivalence"), "no_final_answer": Fault(1, "format")},
        play_continue,
    ),
    Role(
        "generators.math/cell",
        frozenset({"question", "trace_so_far"}),
        {
            "invented_output": Fault(4, "execution"),
            "wrong_code": Fault(3, "equivalence"),
            "ignores_output": Fault(3, "equivalence"),
            "no_final_answer": Fault(1, "format"),
            "truncated": Fault(1, "format"),
        },
        play_cell,
    ),
    Role(
        "generators.math/extract",
        frozenset({"document"}),
        {
            "unsupported_extraction": Fault(3, "format"),
            "misquoted_problem": Fault(2, "format"),
            "unsupported_answer": Fault(2, "format"),
            **MALFORMED,
        },
        play_extract,
    ),
    Role(
        "generators.math/correct",
        frozenset({"question", "wrong_solution"}),
        {
            "wrong_correction": Fault(3, "equivalence"),
            "wrong_diagnosis": Fault(2, "judge"),
            "wrong_step_in_correction": Fault(2, "judge"),
            **MALFORMED,
        },
        play_correct,
    ),
    Role(
        "generators.math/evolve",
        frozenset({"original", "skills"}),
        {"copied_problem": Fault(2, "format"), "asks_for_proof": Fault(1, "format"), **MALFORMED},
        play_evolve,
    ),
    Role("generators.math/skill", frozenset({"question", "skills"}), MALFORMED, play_skill),
)
