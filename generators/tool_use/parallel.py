"""tool_use/parallel: several calls that do not depend on each other, in one turn and in any order (T8).

A record's messages:
  user       How many days are there in February 2023 and in February 2024?
  assistant  calls calendar_monthrange {"year": 2023, "month": 2} and calendar_monthrange {"year": 2024, "month": 2}
  tool       [2, 28]
  tool       [3, 29]
  assistant  February has 28 days in 2023 and 29 in 2024.
"""

from __future__ import annotations

from generators.recipe import Recipe
from generators.tool_use.agent import Dialogue, shown_tools
from generators.tool_use.asking import ToolSettings
from generators.tool_use.plan import Plan, refers
from generators.tool_use.proof import first_gates, gold_calls, last_gates
from generators.tool_use.task import GOLD, Task, shown_examples
from records.types import Candidate, Check, Seed, canonical_json
from verifiers.toolbox.box import Toolbox

NAME = "tool_use/parallel"
MOST = 4


def _fields(seed: Seed, toolbox: Toolbox) -> dict[str, str]:
    target = seed.fields["target"]
    examples = shown_examples(seed, target)
    return {"tools": shown_tools(toolbox), "examples": examples, "target": target, "most": str(MOST)}


def _problem(plan: Plan, seed: Seed) -> str:
    if seed.fields["target"] not in [name for name, _ in plan.calls]:
        return "plan_calls_another_tool"
    if any(refers(dict(arguments)) for _, arguments in plan.calls):
        return "plan_calls_depend"
    texts = [canonical_json([name, dict(arguments)]) for name, arguments in plan.calls]
    return "plan_call_twice" if len(set(texts)) < len(texts) else ""


def _proof(made: Candidate, dialogue: Dialogue, toolbox: Toolbox, settings: ToolSettings) -> tuple[Check, ...]:
    return (
        *first_gates(dialogue, toolbox, max_turns=1),
        gold_calls(dialogue, toolbox, made.parts[GOLD]),
        *last_gates(dialogue, toolbox, settings, results=0),
    )


TASK = Task(NAME, "plan_parallel", (2, MOST), _fields, _problem, _proof)
RECIPE = Recipe(NAME, "tools", ToolSettings, TASK.propose, TASK.revise, sandbox=True)
