"""tool_use/multi_turn: user, assistant, tools and a checker over several turns (T9). Two kinds, one drawn per seed:

- missing_parameter: the user's first turn lacks a value; the assistant asks back and calls nothing; the user gives it.
- missing_function: the needed tool is switched off; the assistant declines; it is switched on; the user repeats. The
  system's message says so, since a training example has one list of tools for all of its turns.

A record's messages (missing_parameter):
  user       Please compute the greatest common divisor of 84 and another number.
  assistant  Which other number do you mean?
  user       126.
  assistant  calls math_gcd {"integers": [84, 126]}
  tool       42
  assistant  The greatest common divisor of 84 and 126 is 42.
  checks     tool_calls (no call in the first turn), then the three gates, then the checker's judgement of the turns
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from random import Random
from typing import Any

from generators.recipe import Recipe, Resources, SeedRefused
from generators.tool_use.agent import Dialogue, converse, shown, shown_tools
from generators.tool_use.asking import PACKAGE, Asker, ToolSettings
from generators.tool_use.plan import Plan
from generators.tool_use.proof import PANEL, first_gates, gold_calls, last_gates
from generators.tool_use.task import GOLD, Task, box_of, shown_examples, started
from records.types import Candidate, Check, Message, Seed, canonical_json, stable_seed
from verifiers.judged import Judged
from verifiers.judging import Criterion
from verifiers.tool_calls import ToolCalls
from verifiers.toolbox.box import Toolbox

NAME = "tool_use/multi_turn"
KINDS = ("missing_parameter", "missing_function")
TURN_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {"turn": {"type": "string"}},
    "required": ["turn"],
    "additionalProperties": False,
}
CRITERIA = {
    "missing_parameter": (Criterion("asks_for_the_missing_value"),),
    "missing_function": (Criterion("declines_honestly"),),
}


def _fields(seed: Seed, toolbox: Toolbox) -> dict[str, str]:
    target = seed.fields["target"]
    return {"tools": shown_tools(toolbox), "examples": shown_examples(seed, target), "target": target}


def _problem(plan: Plan, seed: Seed) -> str:
    return "" if plan.calls[0][0] == seed.fields["target"] else "plan_calls_another_tool"


def _proof(made: Candidate, dialogue: Dialogue, toolbox: Toolbox, settings: ToolSettings) -> tuple[Check, ...]:
    kind = str(made.metadata["kind"])
    offered = toolbox if kind == "missing_parameter" else _without(toolbox, made.seed)
    first = next(at for at, message in enumerate(dialogue.messages) if message.role == "assistant")
    checks: list[Check] = [ToolCalls(offered.tools_json, "[]", first, f"turn_{first}")]
    checks += first_gates(dialogue, toolbox, max_turns=1)
    checks.append(gold_calls(dialogue, toolbox, made.parts[GOLD]))
    checks += last_gates(dialogue, toolbox, settings, results=1)
    if settings.judge:
        fields = {"tools": shown_tools(offered), "shown_dialogue": shown(dialogue.messages[: first + 1])}
        checks.append(Judged(f"{PACKAGE}/first_turn", CRITERIA[kind], fields, PANEL))
    return tuple(checks)


TASK = Task(NAME, "plan_turns", (1, 1), _fields, _problem, _proof)


async def propose(seed: Seed, resources: Resources) -> list[Candidate]:
    """One candidate. Raises SeedRefused, ModelError."""
    toolbox = box_of(seed)
    asker = Asker(NAME, seed, resources)
    plan, answer = await TASK.plan(asker, toolbox)
    start = started(plan, answer, toolbox)
    rng = Random(stable_seed(str(resources.run_seed), NAME, seed.id))
    kind = rng.choice(KINDS if len(toolbox.tools) > 1 else KINDS[:1])
    play = _missing_parameter if kind == "missing_parameter" else _missing_function
    dialogue = await play(asker, toolbox, start, plan)
    return [_finish(seed, kind, dialogue, resources)]


async def _missing_parameter(asker: Asker, toolbox: Toolbox, start: Dialogue, plan: Plan) -> Dialogue:
    """The user opens without one value, is asked, and gives it."""
    name, arguments = plan.calls[0]
    required = toolbox.only([name]).tools[0]["function"]["parameters"].get("required", ())
    given = [parameter for parameter in required if parameter in arguments]
    if not given:
        raise SeedRefused("plan_has_no_value_to_leave_out", keys=[call.key for call in start.calls])
    left_out = Random(stable_seed(asker.recipe, asker.seed.id)).choice(given)
    withheld = canonical_json({left_out: arguments[left_out]})
    opening = await asker.ask(
        "user_open", "writer", {"request": plan.request, "withheld": withheld}, schema=TURN_SCHEMA
    )
    start = _said(start, opening, "opening")
    asked = await converse(asker, replace(toolbox, bindings={}), start)
    if asked.messages[-1].tool_calls or asked.turns:
        return asked  # it called all the same: the first check says so
    fields = {"request": plan.request, "withheld": withheld, "dialogue": shown(asked.messages)}
    reply = await asker.ask("user_reply", "writer", fields, len(asked.messages), TURN_SCHEMA)
    parts = {**asked.parts, "reply": reply.reply.data["turn"]}
    more = replace(asked, parts=parts, calls=(*asked.calls, reply.call("reply")), open=True)
    return await converse(asker, toolbox, more.said(Message("user", reply.reply.data["turn"].strip())))


def _said(start: Dialogue, answer: Any, part: str) -> Dialogue:
    text = answer.reply.data["turn"].strip()
    if not text:
        raise SeedRefused("empty_turn", keys=[answer.reply.key, *(call.key for call in start.calls)])
    parts = {**start.parts, part: text}
    return replace(start, messages=(Message("user", text),), parts=parts, calls=(*start.calls, answer.call(part)))


async def _missing_function(asker: Asker, toolbox: Toolbox, start: Dialogue, plan: Plan) -> Dialogue:
    """The tool is not there at first; then it is, and the user asks again."""
    target = asker.seed.fields["target"]
    off = Message("system", f"The tool {target} is switched off until the user says that it is available.")
    start = replace(start, messages=(off, *start.messages))
    declined = await converse(asker, replace(_without(toolbox, asker.seed), bindings={}), start)
    if declined.messages[-1].tool_calls or declined.turns:
        return declined
    again = f"The tool {target} is available now. Please try again."
    return await converse(asker, toolbox, replace(declined, open=True).said(Message("user", again)))


def _without(toolbox: Toolbox, seed: Seed) -> Toolbox:
    return toolbox.only([name for name in toolbox.names if name != seed.fields["target"]])


def _finish(seed: Seed, kind: str, dialogue: Dialogue, resources: Resources) -> Candidate:
    toolbox = box_of(seed)
    bare = replace(TASK, proof=lambda made, dialogue, toolbox, settings: ())
    made = bare.finish(seed, dialogue, toolbox, resources)
    made = replace(made, metadata={**made.metadata, "kind": kind})
    return replace(made, checks=_proof(made, dialogue, toolbox, resources.settings))


RECIPE = Recipe(NAME, "tools", ToolSettings, propose, sandbox=True)
