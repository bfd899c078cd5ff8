"""Gold calls whose arguments refer to results: executed in order, each with the real results before it."""

from __future__ import annotations

from collections.abc import Sequence

from generators.asking import Answer
from generators.recipe import Resources, SeedRefused
from generators.tool_use.plan import Plan, refers, refused, resolved
from records.types import JSON
from sandbox.types import SandboxError
from verifiers.toolbox.box import Toolbox
from verifiers.toolbox.execute import ToolsUnavailable, execute
from verifiers.toolbox.runner import NotExecutable, ToolArguments


async def resolve_plan(plan: Plan, answer: Answer, toolbox: Toolbox, resources: Resources) -> list[ToolArguments]:
    """The plan's calls with results for references. Raises SeedRefused, see `run_plan`."""
    results = await run_plan(plan, answer, toolbox, resources)
    return [(name, resolved(dict(arguments), results)) for name, arguments in plan.calls]


async def run_plan(plan: Plan, answer: Answer, toolbox: Toolbox, resources: Resources) -> list[JSON]:
    """What the plan's calls give, in order; executed whenever the next call refers to what is not known yet.

    Raises SeedRefused: plan_refers_to_nothing, plan_call_raised, not_executable, tools_not_executed.
    """
    calls: list[ToolArguments] = []
    results: list[JSON] = []
    for number, (name, arguments) in enumerate(plan.calls, 1):
        try:
            calls.append((name, resolved(dict(arguments), results)))
        except LookupError:
            raise refused("plan_refers_to_nothing", answer) from None
        following = plan.calls[number : number + 1]
        if not following or refers(dict(following[0][1])):
            results = await _executed(calls, answer, toolbox, resources)
    return results


async def _executed(
    calls: Sequence[ToolArguments], answer: Answer, toolbox: Toolbox, resources: Resources
) -> list[JSON]:
    if resources.sandbox is None:
        raise SandboxError("this recipe executes calls and was given no sandbox")
    try:
        run = await execute(resources.sandbox, toolbox, calls)
    except NotExecutable:
        raise refused("not_executable", answer) from None
    except (SandboxError, ToolsUnavailable) as error:
        raise SeedRefused("tools_not_executed", error=str(error)[:300]) from error
    raised = next((result for result in run.results if not result.ok), None)
    if raised is not None:
        raise SeedRefused("plan_call_raised", keys=[answer.reply.key], error=str(raised.value)[:300])
    return [result.value for result in run.results]
