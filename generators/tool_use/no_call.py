"""tool_use/no_call: no tool is to be called, though some are there (T12). Three kinds, one drawn per seed:

- not_needed: an easy request; the tools are on, and the answer is given without them.
- irrelevant: the request needs a tool that the list does not hold.
- disabled: the needed tool is switched off by the system's message.

A record's messages (disabled):
  system     The tool math_gcd is switched off in this conversation.
  user       What is the greatest common divisor of 84 and 126?
  assistant  I cannot compute this reliably here: the tool for it is switched off.
  checks     tool_calls (any call is one too many), response_hygiene, judged
"""

from __future__ import annotations

from dataclasses import replace
from random import Random

from generators.asking import Answer
from generators.recipe import Recipe, Resources
from generators.tool_use.agent import FINISHED, Dialogue, converse, shown_tools
from generators.tool_use.asking import PACKAGE, Asker, ToolSettings
from generators.tool_use.plan import SCHEMA, Plan, read_plan, refused
from generators.tool_use.proof import PANEL, candidate
from generators.tool_use.task import PLAN, REQUEST, shown_examples
from records.types import Candidate, Check, Message, Seed, stable_seed
from verifiers.judged import Judged
from verifiers.judging import Criterion
from verifiers.response_hygiene import ResponseHygiene
from verifiers.tool_calls import ToolCalls
from verifiers.toolbox.box import Toolbox

NAME = "tool_use/no_call"
KINDS = ("not_needed", "irrelevant", "disabled")
CRITERIA = {
    "not_needed": (Criterion("answers_without_tool"),),
    "irrelevant": (Criterion("declines_honestly"),),
    "disabled": (Criterion("declines_honestly"),),
}


async def propose(seed: Seed, resources: Resources) -> list[Candidate]:
    """One candidate. Raises SeedRefused, ModelError."""
    whole = Toolbox.read(seed.fields["toolbox"])
    kinds = KINDS if len(whole.tools) > 1 else KINDS[:1]  # without its target a list of one tool is empty
    kind = Random(stable_seed(str(resources.run_seed), NAME, seed.id)).choice(kinds)
    asker = Asker(NAME, seed, resources)
    plan, answer = await (_easy(asker, whole) if kind == "not_needed" else _needing(asker, whole))
    target = seed.fields["target"]
    toolbox = whole if kind == "not_needed" else whole.only([name for name in whole.names if name != target])
    user = Message("user", plan.request)
    off = Message("system", f"The tool {target} is switched off in this conversation.")
    messages = (off, user) if kind == "disabled" else (user,)
    start = Dialogue(messages, {REQUEST: plan.request, PLAN: plan.calls_json()}, (answer.call(PLAN),))
    # Without bindings nothing is executed: a call here is a mistake, and one turn is all there is.
    dialogue = await converse(asker, replace(toolbox, bindings={}), start)
    return [_finish(seed, kind, dialogue, toolbox, resources)]


async def _needing(asker: Asker, toolbox: Toolbox) -> tuple[Plan, Answer]:
    """A request that needs the target."""
    target = asker.seed.fields["target"]
    fields = {"tools": shown_tools(toolbox), "examples": shown_examples(asker.seed, target), "target": target}
    answer = await asker.ask("plan_needing", "writer", fields, schema=SCHEMA)
    plan = read_plan(answer, toolbox, (1, 1))
    if plan.calls[0][0] != target:
        raise refused("plan_calls_another_tool", answer)
    return plan, answer


async def _easy(asker: Asker, toolbox: Toolbox) -> tuple[Plan, Answer]:
    fields = {"tools": shown_tools(toolbox), "examples": shown_examples(asker.seed)}
    answer = await asker.ask("plan_easy", "writer", fields, schema=SCHEMA)
    plan = read_plan(answer, toolbox, (0, 12))
    if plan.calls:
        raise refused("plan_needs_a_tool", answer)
    return plan, answer


def _finish(seed: Seed, kind: str, dialogue: Dialogue, toolbox: Toolbox, resources: Resources) -> Candidate:
    settings: ToolSettings = resources.settings
    made = candidate(NAME, seed, dialogue, toolbox, ((), {"kind": kind, "round": resources.round}))
    at = len(dialogue.messages) - 1
    checks: list[Check] = [
        ToolCalls(toolbox.tools_json, "[]", at),
        ResponseHygiene(next((one for one in dialogue.finish_reasons if one != FINISHED), FINISHED), min_characters=1),
    ]
    if settings.judge:
        checks.append(Judged(f"{PACKAGE}/no_call", CRITERIA[kind], {"tools": shown_tools(toolbox)}, PANEL))
    text = dialogue.parts[f"turn_{at}"]
    return replace(made, parts={**made.parts, "calls": text}, checks=tuple(checks))


RECIPE = Recipe(NAME, "tools", ToolSettings, propose, sandbox=True)
