"""tool_use/file_task: an uploaded file and a question about it, answered with the tools that read files (T11).

A record's messages:
  user       Uploaded file: shop_orders.xlsx
             How many pieces were ordered in all?
  assistant  calls get_column_statistics {"name": "shop_orders.xlsx", "column": "pieces"}
  tool       {"count": 5, "max": 510.0, "mean": 333.6, "min": 95.0, "sum": 1668.0}
  assistant  1,668 pieces were ordered in all.
  checks     tool_format, tool_execution, tool_provenance, response_hygiene, tool_answer (the last result, and what the
             plan's own calls gave), judged

Which calls lead to the answer is left to the assistant: what the plan's calls give must be told, the calls may differ.
Twelve types: .txt .docx .pdf .pptx .xlsx .csv .tsv .py .json .jsonl .html .xml, each read in the sandbox.
"""

from __future__ import annotations

from dataclasses import replace

from generators.recipe import Recipe, Resources
from generators.tool_use.agent import Dialogue, converse, shown_tools
from generators.tool_use.asking import Asker, ToolSettings
from generators.tool_use.gold import run_plan
from generators.tool_use.plan import Plan, refused
from generators.tool_use.proof import first_gates, last_gates
from generators.tool_use.task import GOLD, Task, box_of, shown_examples, started
from records.types import JSON, Candidate, Check, Seed, canonical_json
from verifiers.tool_answer import ToolAnswer
from verifiers.toolbox.box import Toolbox

NAME = "tool_use/file_task"
MOST = 3
CONTENT_SHOWN = 3_000
ERRORS_ALLOWED = 1  # a wrong page or heading that is mended in the next turn


def _fields(seed: Seed, toolbox: Toolbox) -> dict[str, str]:
    return {
        "tools": shown_tools(toolbox),
        "file": seed.fields["file"],
        "content": seed.fields["content"][:CONTENT_SHOWN],
        "examples": shown_examples(seed),
        "most": str(MOST),
    }


def _proof(made: Candidate, dialogue: Dialogue, toolbox: Toolbox, settings: ToolSettings) -> tuple[Check, ...]:
    later = last_gates(dialogue, toolbox, settings, results=1)
    told = tuple(replace(one, expected=made.parts[GOLD]) if isinstance(one, ToolAnswer) else one for one in later)
    return (*first_gates(dialogue, toolbox, ERRORS_ALLOWED, settings.max_steps), *told)


TASK = Task(NAME, "plan_file", (1, MOST), _fields, lambda plan, seed: "", _proof)


async def propose(seed: Seed, resources: Resources) -> list[Candidate]:
    """One candidate. Raises SeedRefused (beside those of plans, plan_finds_nothing), ModelError."""
    toolbox = box_of(seed)
    asker = Asker(NAME, seed, resources)
    plan, answer = await TASK.plan(asker, toolbox)
    results = await run_plan(plan, answer, toolbox, resources)
    if not _holds_something(results[-1]):  # any answer would tell it, or one that holds a zero somewhere
        raise refused("plan_finds_nothing", answer)
    asked = Plan(f"Uploaded file: {seed.fields['file']}\n\n{plan.request}", plan.calls)
    dialogue = started(asked, answer, toolbox, canonical_json(results[-1:]))
    dialogue = await converse(asker, toolbox, dialogue)
    return [TASK.finish(seed, dialogue, toolbox, resources)]


def _holds_something(value: JSON) -> bool:
    if isinstance(value, dict):
        return any(map(_holds_something, value.values()))
    return any(map(_holds_something, value)) if isinstance(value, list) else bool(value)


RECIPE = Recipe(NAME, "tool_files", ToolSettings, propose, TASK.revise, sandbox=True)
