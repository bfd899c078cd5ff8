"""Gate 2 of tool dialogues: all calls are executed again, and each result is the one that the dialogue shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from records.types import JSON, Candidate, Check, Outcome, Verdict
from sandbox.types import SandboxError
from verifiers.answer_text import shown
from verifiers.base import Resources
from verifiers.tool_dialogue import BrokenDialogue, MadeCall, is_error, made_calls
from verifiers.toolbox.box import Toolbox
from verifiers.toolbox.execute import ToolsUnavailable, execute
from verifiers.toolbox.runner import CallResult, NotExecutable

EVIDENCE_CHARACTERS = 300


@dataclass(frozen=True)
class ToolExecution(Check):
    """Every call of the dialogue gives the result that its tool's message holds; at most `max_errors` of them fail.

    `toolbox` is the JSON text of a `Toolbox`: all that is needed to execute the calls again, years later.
    """

    kind: ClassVar[str] = "tool_execution"
    toolbox: str
    max_errors: int = 0


async def verify(check: ToolExecution, candidate: Candidate, resources: Resources) -> Verdict:
    """PASS reproduced. FAIL call_raised, result_differs, result_missing, not_executable, no_call.

    UNJUDGED sandbox_error, broken_dialogue. Evidence names the `message` of the call.
    """
    try:
        calls = made_calls(candidate.messages)
        run = await execute(
            resources.sandbox, Toolbox.read(check.toolbox), [(one.name, one.arguments) for one in calls]
        )
    except BrokenDialogue as error:
        return _verdict(Outcome.UNJUDGED, "broken_dialogue", {"error": str(error)})
    except (SandboxError, ToolsUnavailable) as error:
        return _verdict(Outcome.UNJUDGED, "sandbox_error", {"error": str(error)[:EVIDENCE_CHARACTERS]})
    except NotExecutable as error:
        return _verdict(Outcome.FAIL, "not_executable", {"tool": str(error)[:80]})
    if not calls:
        return _verdict(Outcome.FAIL, "no_call", {})
    return _compared(check, calls, run.results)


def _compared(check: ToolExecution, calls: Sequence[MadeCall], results: Sequence[CallResult]) -> Verdict:
    errors = 0
    for call, result in zip(calls, results, strict=True):
        where: dict[str, JSON] = {"message": call.message, "tool": call.name}
        if call.result is None:
            return _verdict(Outcome.FAIL, "result_missing", where)
        if call.result != result.text:
            seen = {"shown": _short(call.result), "executed": _short(result.text)}
            return _verdict(Outcome.FAIL, "result_differs", {**where, **seen})
        errors += is_error(result.text)
        if errors > check.max_errors:
            return _verdict(Outcome.FAIL, "call_raised", {**where, "error": _short(result.text)})
    return _verdict(Outcome.PASS, "reproduced", {"calls": len(calls), "errors": errors})


def _short(text: str) -> str:
    return shown(text, EVIDENCE_CHARACTERS)


def _verdict(outcome: Outcome, reason: str, evidence: dict[str, JSON]) -> Verdict:
    return Verdict(ToolExecution.kind, outcome, reason, evidence)
