"""Proof of tool calls by three ordered gates (feature row T14, without execution): format, arguments, comparison.

Where accepted calls are given, a value that stands verbatim among the accepted values of its parameter passes the
argument gate whatever the schema says. BFCL's gold needs it in two places, and its checker grants it: enums are not
looked at there, and a value of the gold's type passes where gold and schema disagree about the type (a variable name
for an array).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from pydantic import BaseModel

from records.types import JSON, Candidate, Check, Outcome, Verdict
from verifiers.answer_text import shown
from verifiers.base import Resources
from verifiers.call_comparison import AcceptedCall, BadAccepted, compare_calls, is_verbatim, read_accepted
from verifiers.call_parsing import MalformedCalls, ToolCall, parse_calls
from verifiers.strict_json import NotJson, read
from verifiers.tool_schemas import BadTools, Problem, Tool, find_problem, find_problem_in_worker, read_tools
from verifiers.workers import CallFailed, DeadlineExceeded, WorkerDied

EVIDENCE_CHARACTERS = 500  # of one text or value in the evidence
EVIDENCE_CALLS = 16
ARGUMENTS_CPU_S = 3.0  # for schemas that may be slow to check; ordinary ones take microseconds


@dataclass(frozen=True)
class ToolCalls(Check):
    """The part (assistant text, or a JSON list of calls) must hold good calls of `tools`.

    Both fields are JSON texts or the values themselves; text keeps the order of parameters, which positional arguments
    in Python calls need. Without `accepted`, any call that fits its schema is good; `[]` says that none is.
    `message` is the turn of the dialogue that the calls stand in, for the evidence.
    """

    kind: ClassVar[str] = "tool_calls"
    tools: JSON
    accepted: JSON = None
    message: int | None = None
    part: str = "calls"


class Row(BaseModel):
    """One row of `provender verify tool_calls`; other fields are ignored."""

    id: str | int
    tools: list[Any] | str
    calls: list[Any] | str | None
    accepted: list[Any] | str | None = None


@dataclass(frozen=True, slots=True)
class _Gate:
    """Where the calls stopped: the gate, the reason, and the problem if there is one."""

    name: str
    reason: str
    problem: Mapping[str, JSON]
    outcome: Outcome = Outcome.FAIL


async def verify(check: ToolCalls, candidate: Candidate, resources: Resources) -> Verdict:
    """PASS good_calls, no_call (where none is accepted).

    FAIL malformed_calls (format); unknown_tool, unknown_argument, missing_argument, wrong_type, not_in_enum,
    invalid_value (arguments); call_not_needed, missing_call, extra_call, wrong_tool, wrong_value, missing_argument,
    unexpected_argument (comparison). UNJUDGED bad_tools, bad_accepted, calls_too_large, deadline, worker_died.
    """
    return await judge(check, candidate.parts[check.part], resources)


async def prove_row(row: Row, resources: Resources) -> Verdict:
    """The same proof for a row that anybody made. Evidence: `gate`, `calls` as they were read, `problem`."""
    return await judge(ToolCalls(row.tools, row.accepted), row.calls, resources)


async def judge(check: ToolCalls, source: JSON, resources: Resources) -> Verdict:
    """The verdict on calls that stand in no part of a candidate."""
    verdict = await _judge(check, source, resources)
    if check.message is None:
        return verdict
    return replace(verdict, evidence={**verdict.evidence, "message": check.message})


async def _judge(check: ToolCalls, source: JSON, resources: Resources) -> Verdict:
    try:
        tools = read_tools(value_of(check.tools))
        accepted = None if check.accepted is None else _read_accepted(check.accepted, tools)
        calls = parse_calls(source, {name: tuple(tool.properties) for name, tool in tools.items()})
        stop = await _find_stop(calls, tools, accepted, resources)
    except (BadTools, BadAccepted, NotJson) as error:
        reason = "bad_accepted" if isinstance(error, BadAccepted) else "bad_tools"
        return _verdict(Outcome.UNJUDGED, reason, {"error": shown(str(error), EVIDENCE_CHARACTERS)})
    except MalformedCalls as error:
        return _malformed(error, source)
    read_calls = [{"name": _short(call.name), "arguments": _short(dict(call.arguments))} for call in calls]
    evidence: dict[str, JSON] = {"calls": read_calls[:EVIDENCE_CALLS]}
    if stop is not None:
        return _verdict(stop.outcome, stop.reason, {"gate": stop.name, **evidence, "problem": stop.problem})
    return _verdict(Outcome.PASS, "good_calls" if calls else "no_call", {"gate": None, **evidence})


def _verdict(outcome: Outcome, reason: str, evidence: Mapping[str, JSON]) -> Verdict:
    return Verdict(ToolCalls.kind, outcome, reason, evidence)


def value_of(field: JSON) -> JSON:
    """A field that holds JSON text, or the value itself. Raises NotJson."""
    return read(field) if isinstance(field, str) else field


def _read_accepted(field: JSON, tools: Mapping[str, Tool]) -> list[AcceptedCall]:
    try:
        accepted = read_accepted(value_of(field))
    except NotJson as error:
        raise BadAccepted(str(error)) from None
    for call in accepted:
        if call.name not in tools:
            raise BadAccepted(f"the accepted call of {call.name[:80]} calls no tool of the list")
    return accepted


def _malformed(error: MalformedCalls, source: JSON) -> Verdict:
    problem = {"code": error.code, "detail": shown(error.detail, EVIDENCE_CHARACTERS)}
    evidence = {"gate": "format", "problem": problem}
    if isinstance(source, str):
        evidence["text"] = shown(source, EVIDENCE_CHARACTERS)
    if error.code == "too_large":
        return _verdict(Outcome.UNJUDGED, "calls_too_large", evidence)
    return _verdict(Outcome.FAIL, "malformed_calls", evidence)


async def _find_stop(
    calls: Sequence[ToolCall], tools: Mapping[str, Tool], accepted: Sequence[AcceptedCall] | None, resources: Resources
) -> _Gate | None:
    """The first gate that the calls do not pass. Raises BadTools."""
    if not calls and accepted is None:
        return _stop("comparison", Problem("missing_call", ""))
    if calls and accepted is not None and not accepted:
        return _stop("comparison", Problem("call_not_needed", calls[0].name))
    for call in calls:
        if call.name not in tools:
            return _stop("arguments", Problem("unknown_tool", call.name, expected=sorted(tools)))
        stop = await _check_arguments(tools[call.name], call, _excused(call, accepted or ()), resources)
        if stop is not None:
            return stop
    problem = None if accepted is None else compare_calls(calls, accepted)
    return None if problem is None else _stop("comparison", problem)


def _excused(call: ToolCall, accepted: Sequence[AcceptedCall]) -> frozenset[str]:
    """Parameters of the call that have a value of the accepted list, verbatim."""
    lists = [one.arguments for one in accepted if one.name == call.name]
    return frozenset(
        name
        for name, value in call.arguments.items()
        if any(is_verbatim(one, value) for values in lists for one in values.get(name, ()))
    )


async def _check_arguments(tool: Tool, call: ToolCall, excused: frozenset[str], resources: Resources) -> _Gate | None:
    if tool.is_cheap:
        found = find_problem(tool, call.arguments, excused)
        return None if found is None else _stop("arguments", found)
    try:
        problem: Problem | BadTools | None = await resources.workers.run(
            find_problem_in_worker, tool, dict(call.arguments), excused, deadline_s=ARGUMENTS_CPU_S
        )
    except DeadlineExceeded:
        return _Gate("arguments", "deadline", {"tool": _short(tool.name)}, Outcome.UNJUDGED)
    except WorkerDied:
        return _Gate("arguments", "worker_died", {"tool": _short(tool.name)}, Outcome.UNJUDGED)
    except CallFailed as error:
        raise BadTools(str(error)) from None
    if isinstance(problem, BadTools):
        raise problem
    return None if problem is None else _stop("arguments", problem)


def _stop(gate: str, problem: Problem) -> _Gate:
    shape = {
        "tool": _short(problem.tool),
        "argument": _short(problem.argument),
        "expected": _short(problem.expected),
        "got": _short(problem.got),
    }
    return _Gate(gate, problem.reason, shape)


def _short(value: JSON) -> JSON:
    """A value for the evidence: itself where it is small, else the beginning of its JSON."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return value if len(text) <= EVIDENCE_CHARACTERS else shown(text, EVIDENCE_CHARACTERS)
