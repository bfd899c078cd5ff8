"""tool_use/mined_call: a real call found in code, and the request that leads to it (Llama 3, zero-shot tool use).

A record's messages, for `textwrap.shorten("Hello  world!", width=12)` in a docstring of the standard library:
  user       Collapse the whitespace in "Hello  world!" and cut it to at most 12 characters.
  assistant  calls textwrap_shorten {"text": "Hello  world!", "width": 12}
  tool       "Hello world!"
  assistant  It becomes "Hello world!", which fits.

The call is not the writer's: gold is what stands in the code. The writer gives the request alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from generators.recipe import Recipe, Resources
from generators.tool_use.agent import Dialogue, converse, shown_tools
from generators.tool_use.asking import Asker, ToolSettings
from generators.tool_use.plan import MAX_REQUEST, MIN_REQUEST, Plan, refused
from generators.tool_use.task import Task, common_proof, started
from records.types import Candidate, Check, Seed, canonical_json
from verifiers.toolbox.box import Toolbox

NAME = "tool_use/mined_call"
SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {"request": {"type": "string"}},
    "required": ["request"],
    "additionalProperties": False,
}


def _fields(seed: Seed, toolbox: Toolbox) -> dict[str, str]:
    call = json.loads(seed.fields["examples"])[0]
    return {"tools": shown_tools(toolbox), "code": seed.fields["code"], "call": canonical_json(call)}


def _proof(made: Candidate, dialogue: Dialogue, toolbox: Toolbox, settings: ToolSettings) -> tuple[Check, ...]:
    return common_proof(made, dialogue, toolbox, settings, max_turns=1)


TASK = Task(NAME, "plan_mined", (1, 1), _fields, lambda plan, seed: "", _proof)


async def propose(seed: Seed, resources: Resources) -> list[Candidate]:
    """One candidate. Raises SeedRefused, ModelError."""
    toolbox = Toolbox.read(seed.fields["toolbox"])
    asker = Asker(NAME, seed, resources)
    answer = await asker.ask(TASK.prompt, "writer", _fields(seed, toolbox), schema=SCHEMA)
    request = answer.reply.data["request"].strip()
    if not MIN_REQUEST <= len(request) <= MAX_REQUEST:
        raise refused("request_too_short" if len(request) < MIN_REQUEST else "request_too_long", answer)
    call = json.loads(seed.fields["examples"])[0]
    plan = Plan(request, ((call["name"], call["arguments"]),))
    dialogue = await converse(asker, toolbox, started(plan, answer, toolbox))
    return [TASK.finish(seed, dialogue, toolbox, resources)]


RECIPE = Recipe(NAME, "mined_calls", ToolSettings, propose, TASK.revise, sandbox=True)
