"""tool_use/stateful: a task in an environment with a database, proved by the state that it is left in (T10).

A record's messages, in the example environment of a bicycle rental:
  user       Please rent bike 14 to member 1 for three hours.
  assistant  calls rent_bike {"member_id": 1, "bike_id": 14, "hours": 3}
  tool       {"fee": 15.0, "rental_id": 502}
  assistant  Done: bike 14 is rented to member 1 for three hours; the fee is 15.0.
  checks     tool_format, tool_execution, tool_state (the tables are as after the gold actions), tool_provenance, ...

An environment of your own is a Python file with SCHEMA and functions, see `corpus/environments/__init__.py`.
"""

from __future__ import annotations

from generators.recipe import Recipe
from generators.tool_use.agent import Dialogue, shown_tools
from generators.tool_use.asking import ToolSettings
from generators.tool_use.plan import Plan
from generators.tool_use.proof import first_gates, last_gates
from generators.tool_use.task import PLAN, Task, shown_examples
from records.types import Candidate, Check, Seed
from verifiers.tool_state import ToolState
from verifiers.toolbox.box import Toolbox

NAME = "tool_use/stateful"
MOST = 5


def _fields(seed: Seed, toolbox: Toolbox) -> dict[str, str]:
    state = seed.fields["state"]
    return {"tools": shown_tools(toolbox), "state": state, "examples": shown_examples(seed), "most": str(MOST)}


def _problem(plan: Plan, seed: Seed) -> str:
    return ""


def _proof(made: Candidate, dialogue: Dialogue, toolbox: Toolbox, settings: ToolSettings) -> tuple[Check, ...]:
    return (
        *first_gates(dialogue, toolbox),
        ToolState(toolbox.to_json(), made.parts[PLAN]),
        *last_gates(dialogue, toolbox, settings, results=1),
    )


TASK = Task(NAME, "plan_stateful", (1, MOST), _fields, _problem, _proof)
RECIPE = Recipe(NAME, "tool_environments", ToolSettings, TASK.propose, TASK.revise, sandbox=True)
