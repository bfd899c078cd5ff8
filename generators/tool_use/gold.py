"""Gold calls whose arguments refer to results: executed in order, each with the real results before it."""

from __future__ import annotations

from generators.asking import Answer
from generators.recipe import Resources, SeedRefused
from generators.tool_use.plan import Plan, refused, resolved
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
    """What the plan's calls give, in order.

    Raises SeedRefused: plan_refers_to_nothing, plan_call_raised, not_executable, tools_not_executed.
    """
    calls: list[ToolArguments] = []
    results: list[JSON] = []
    if resources.sandbox is None:
        raise SandboxError("this recipe executes calls and was given no sandbox")
    for name, arguments in plan.calls:
        try:
            calls.append((name, resolved(dict(arguments), results)))
            run = await execute(resources.sandbox, toolbox, calls)
        except LookupError:
            raise refused("plan_refers_to_nothing", answer) from None
        except NotExecutable:
            raise refused("not_executable", answer) from None
        except (SandboxError, ToolsUnavailable) as error:
            raise SeedRefused("tools_not_executed", error=str(error)[:300]) from error
        if not run.results[-1].ok:
            words = str(run.results[-1].value)[:300]
            raise SeedRefused("plan_call_raised", keys=[answer.reply.key], error=words)
        results.append(run.results[-1].value)
    return results
