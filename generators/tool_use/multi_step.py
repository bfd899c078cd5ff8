"""tool_use/multi_step: reasoning and calls in turns, at least two of them, and a tool that fails once (T6).

A record's messages, for a chain of two tools of which the first one is busy at first:
  user       ...
  assistant  "I need the divisor first." and calls math_gcd {"integers": [84, 126]}
  tool       {"error": "ServiceBusy: ... the same call may succeed when it is made again"}
  assistant  "The service was busy, so I try again." and calls math_gcd {"integers": [84, 126]}
  tool       42
  assistant  "Now its square root." and calls math_sqrt {"x": 42}
  tool       6.48074069840786
  assistant  The square root of the greatest common divisor is about 6.48.

In a share of the seeds, drawn by their ids, one tool's first call fails; it does so again whenever the dialogue is
replayed. The calls that succeeded must be the gold ones.
"""

from __future__ import annotations

from dataclasses import replace

from pydantic import Field

from generators.recipe import Recipe, Resources
from generators.tool_use.agent import Dialogue, converse, shown_tools
from generators.tool_use.asking import Asker, ToolSettings
from generators.tool_use.gold import resolve_plan
from generators.tool_use.plan import Plan, accepted_calls, refers
from generators.tool_use.proof import first_gates, gold_calls, last_gates
from generators.tool_use.task import GOLD, Task, box_of, shown_examples, started
from records.types import Candidate, Check, Seed, stable_seed
from verifiers.toolbox.box import Toolbox

NAME = "tool_use/multi_step"
MOST = 4
BUSY_SHARE = 0.4
"""Share of the seeds with a tool that fails once; Llama 3 trains on chains with unhelpful tool results, at no rate."""


class MultiStepSettings(ToolSettings):
    """What a user may vary."""

    max_steps: int = Field(6, ge=2, le=32, description="assistant turns with calls in one dialogue, at most")


def _box(seed: Seed) -> Toolbox:
    """The seed's tools; where the draw says so, the first tool of the chain is busy at its first call."""
    toolbox = box_of(seed)
    if toolbox.server or stable_seed(NAME, "busy", seed.id) % 100 >= 100 * BUSY_SHARE:
        return toolbox
    others = [name for name in toolbox.names if name != seed.fields["target"]]
    return replace(toolbox, busy=tuple(others[:1] or [seed.fields["target"]]))


def _fields(seed: Seed, toolbox: Toolbox) -> dict[str, str]:
    target = seed.fields["target"]
    examples = seed.fields.get("chain") or shown_examples(seed, target)
    return {"tools": shown_tools(toolbox), "examples": examples, "target": target, "most": str(MOST)}


def _problem(plan: Plan, seed: Seed) -> str:
    return "" if any(refers(dict(arguments)) for _, arguments in plan.calls) else "plan_has_no_order"


def _proof(made: Candidate, dialogue: Dialogue, toolbox: Toolbox, settings: ToolSettings) -> tuple[Check, ...]:
    return (
        *first_gates(dialogue, toolbox, max_errors=len(toolbox.busy), max_turns=settings.max_steps),
        replace(gold_calls(dialogue, toolbox, made.parts[GOLD]), message=None),
        *last_gates(dialogue, toolbox, settings, results=1),
    )


TASK = Task(NAME, "plan_steps", (2, MOST), _fields, _problem, _proof, _box, act="react", may_fail=True)


async def propose(seed: Seed, resources: Resources) -> list[Candidate]:
    """One candidate. Raises SeedRefused, ModelError."""
    toolbox = _box(seed)
    asker = Asker(NAME, seed, resources)
    plan, answer = await TASK.plan(asker, toolbox)
    gold = await resolve_plan(plan, answer, replace(toolbox, busy=()), resources)
    dialogue = started(plan, answer, toolbox, accepted_calls(gold, toolbox))
    dialogue = await converse(asker, toolbox, dialogue, TASK.act)
    return [TASK.finish(seed, dialogue, toolbox, resources)]


RECIPE = Recipe(NAME, "tool_chains", MultiStepSettings, propose, TASK.revise, sandbox=True)
