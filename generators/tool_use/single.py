"""tool_use/single: one call that the request needs, executed, and the answer that tells its result (T5).

A record's messages, for the tool statistics_median:
  user       Our seven sprints took 12, 9, 15, 11, 30, 10 and 12 days. What is the median?
  assistant  calls statistics_median {"data": [12, 9, 15, 11, 30, 10, 12]}
  tool       12
  assistant  The median sprint took 12 days.
  checks     tool_format, tool_execution, tool_calls (the writer's call is the gold one), tool_provenance,
             response_hygiene, tool_answer, tool_needed (the model did not know the answer without the tool), judged
"""

from __future__ import annotations

from dataclasses import replace

from generators.recipe import Recipe, Resources
from generators.tool_use.agent import Dialogue, converse, shown_tools
from generators.tool_use.asking import Asker, ToolSettings
from generators.tool_use.plan import Plan
from generators.tool_use.task import Task, common_proof, shown_examples, started
from records.types import Candidate, Check, Seed
from verifiers.tool_answer import ToolNeeded
from verifiers.tool_contrast import ToolContrast
from verifiers.toolbox.box import Toolbox

NAME = "tool_use/single"
WITHOUT = "without_tool"


class SingleSettings(ToolSettings):
    """What a user may vary."""

    check_need: bool = True  # ask the same without tools, and drop what the model knows anyway
    contrast: bool = True  # the contrastive question about tool and arguments (T15)


def _fields(seed: Seed, toolbox: Toolbox) -> dict[str, str]:
    target = seed.fields["target"]
    return {
        "tools": shown_tools(toolbox),
        "examples": shown_examples(seed, target),
        "refused": seed.fields.get("refused", "(none known)"),
        "target": target,
    }


def _problem(plan: Plan, seed: Seed) -> str:
    return "" if plan.calls[0][0] == seed.fields["target"] else "plan_calls_another_tool"


def _proof(made: Candidate, dialogue: Dialogue, toolbox: Toolbox, settings: ToolSettings) -> tuple[Check, ...]:
    checks = common_proof(made, dialogue, toolbox, settings, max_turns=1)
    at = next((index for index, check in enumerate(checks) if check.kind == "judged"), len(checks))
    extra: list[Check] = [ToolNeeded(WITHOUT)] if WITHOUT in made.parts else []
    if isinstance(settings, SingleSettings) and settings.contrast:
        extra.append(ToolContrast())
    return (*checks[:at], *extra, *checks[at:])


TASK = Task(NAME, "plan_single", (1, 1), _fields, _problem, _proof)


async def propose(seed: Seed, resources: Resources) -> list[Candidate]:
    """One candidate. Raises SeedRefused, ModelError."""
    settings: SingleSettings = resources.settings
    toolbox = Toolbox.read(seed.fields["toolbox"])
    asker = Asker(NAME, seed, resources)
    plan, answer = await TASK.plan(asker, toolbox)
    dialogue = started(plan, answer, toolbox)
    if settings.check_need and toolbox.bindings:
        direct = await asker.ask("direct", "solver", {"request": plan.request})
        parts = {**dialogue.parts, WITHOUT: direct.reply.text}
        dialogue = replace(dialogue, parts=parts, calls=(*dialogue.calls, direct.call(WITHOUT)))
    dialogue = await converse(asker, toolbox, dialogue)
    return [TASK.finish(seed, dialogue, toolbox, resources)]


RECIPE = Recipe(NAME, "tools", SingleSettings, propose, TASK.revise, sandbox=True)
