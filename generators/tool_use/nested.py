"""tool_use/nested: a call whose argument is the result of another call (T7).

A record's messages:
  user       Which is larger, 18 or the greatest common divisor of 84 and 126?  (the plan: gcd, then max of its result)
  assistant  calls math_gcd {"integers": [84, 126]}
  tool       42
  assistant  calls max {"values": [18, 42]}
  tool       42
  assistant  The greatest common divisor, 42, is larger.

The plan's calls refer to results (`{"$result": 1}`); they are executed in order, and the gold calls are the ones with
the real results in place of the references.
"""

from __future__ import annotations

from generators.recipe import Recipe, Resources
from generators.tool_use.agent import Dialogue, converse, shown_tools
from generators.tool_use.asking import Asker, ToolSettings
from generators.tool_use.gold import resolve_plan
from generators.tool_use.plan import Plan, accepted_calls, refers
from generators.tool_use.task import Task, common_proof, shown_examples, started
from records.types import Candidate, Check, Seed
from verifiers.toolbox.box import Toolbox

NAME = "tool_use/nested"
MOST = 3


def _fields(seed: Seed, toolbox: Toolbox) -> dict[str, str]:
    target = seed.fields["target"]
    examples = seed.fields.get("chain") or shown_examples(seed, target)
    return {"tools": shown_tools(toolbox), "examples": examples, "target": target, "most": str(MOST)}


def _problem(plan: Plan, seed: Seed) -> str:
    if plan.calls[-1][0] != seed.fields["target"]:
        return "plan_calls_another_tool"
    return "" if refers(dict(plan.calls[-1][1])) else "plan_is_not_nested"


def _proof(made: Candidate, dialogue: Dialogue, toolbox: Toolbox, settings: ToolSettings) -> tuple[Check, ...]:
    return common_proof(made, dialogue, toolbox, settings)


TASK = Task(NAME, "plan_nested", (2, MOST), _fields, _problem, _proof)


async def propose(seed: Seed, resources: Resources) -> list[Candidate]:
    """One candidate. Raises SeedRefused, ModelError."""
    toolbox = Toolbox.read(seed.fields["toolbox"])
    asker = Asker(NAME, seed, resources)
    plan, answer = await TASK.plan(asker, toolbox)
    gold = await resolve_plan(plan, answer, toolbox, resources)
    dialogue = started(plan, answer, toolbox, accepted_calls(gold, toolbox))
    dialogue = await converse(asker, toolbox, dialogue)
    return [TASK.finish(seed, dialogue, toolbox, resources)]


RECIPE = Recipe(NAME, "tool_chains", ToolSettings, propose, TASK.revise, sandbox=True)
