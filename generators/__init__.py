"""The table of recipes: one line each. A config names them, a user's own file may hold others."""

from __future__ import annotations

from collections.abc import Mapping

from generators.code import backtranslate, debug, solve_with_tests, translate
from generators.code import evolve as evolve_code
from generators.factuality import knowledge_probe, question
from generators.math import (
    code_interleaved,
    evolve,
    from_text,
    label_steps,
    learn_from_mistakes,
    solve,
    tree_search,
)
from generators.recipe import Recipe
from generators.tool_use import (
    file_task,
    mined_call,
    multi_step,
    multi_turn,
    nested,
    no_call,
    parallel,
    single,
    stateful,
)

RECIPES: Mapping[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        solve_with_tests.RECIPE,
        debug.RECIPE,
        evolve_code.RECIPE,
        translate.RECIPE,
        backtranslate.RECIPE,
        solve.RECIPE,
        from_text.RECIPE,
        code_interleaved.RECIPE,
        learn_from_mistakes.RECIPE,
        tree_search.RECIPE,
        label_steps.RECIPE,
        evolve.RECIPE,
        question.RECIPE,
        knowledge_probe.RECIPE,
        single.RECIPE,
        parallel.RECIPE,
        nested.RECIPE,
        multi_step.RECIPE,
        mined_call.RECIPE,
        multi_turn.RECIPE,
        file_task.RECIPE,
        no_call.RECIPE,
        stateful.RECIPE,
    )
}
