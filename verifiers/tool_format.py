"""Gate 1 of tool dialogues (feature row T14): every turn that should call is readable, and its calls fit the tools.

The gates stand in this order among a candidate's checks: format (`tool_format`), execution (`tool_execution`,
`tool_state`), meaning (`tool_provenance`, `tool_calls` against gold, `tool_answer`, `judged`). A candidate that fails
one is not looked at by the next, so the yield table shows what each of them let through.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from records.types import JSON, Candidate, Check, Outcome, Verdict, canonical_json
from verifiers import tool_calls
from verifiers.base import Resources
from verifiers.call_parsing import MalformedCalls, ToolCall, parse_calls
from verifiers.tool_dialogue import BrokenDialogue, made_calls
from verifiers.tool_schemas import BadTools, read_tools


@dataclass(frozen=True)
class Turn:
    """An assistant's turn that must call: its message, the part with the text as the model wrote it, and its tools."""

    message: int
    part: str
    tools: str = ""  # JSON text; "" for the tools of the candidate


@dataclass(frozen=True)
class ToolFormat(Check):
    """The turns must hold good calls of the candidate's tools, and the messages exactly these calls."""

    kind: ClassVar[str] = "tool_format"
    turns: tuple[Turn, ...]
    max_turns: int = 0  # 0: any number

    def __post_init__(self) -> None:
        """A stored check comes back with its turns as objects."""
        turns = tuple(one if isinstance(one, Turn) else Turn(**one) for one in self.turns)
        object.__setattr__(self, "turns", turns)


async def verify(check: ToolFormat, candidate: Candidate, resources: Resources) -> Verdict:
    """PASS good_calls. FAIL missing_call, malformed_calls, unknown_tool, unknown_argument, missing_argument,
    wrong_type, not_in_enum, invalid_value, other_calls (the messages hold other calls than the text), too_many_turns.

    UNJUDGED as `tool_calls`, and broken_dialogue. Evidence names the `message` that is wrong.
    """
    try:
        made = made_calls(candidate.messages)
    except BrokenDialogue as error:
        return Verdict(check.kind, Outcome.UNJUDGED, "broken_dialogue", {"error": str(error)})
    if check.max_turns and len(check.turns) > check.max_turns:
        late = check.turns[check.max_turns].message
        return Verdict(check.kind, Outcome.FAIL, "too_many_turns", {"message": late, "turns": len(check.turns)})
    for turn in check.turns:
        text = candidate.parts[turn.part]
        asked = tool_calls.ToolCalls(turn.tools or candidate.tools, message=turn.message)
        verdict = await tool_calls.judge(asked, text, resources)
        if verdict.outcome is not Outcome.PASS:
            return replace(verdict, check=check.kind)
        stored = [(one.name, one.arguments) for one in made if one.message == turn.message]
        if not _same(stored, text, turn.tools or candidate.tools):
            return Verdict(check.kind, Outcome.FAIL, "other_calls", {"message": turn.message})
    return Verdict(check.kind, Outcome.PASS, "good_calls", {"turns": len(check.turns)})


def _same(stored: Sequence[tuple[str, Mapping[str, JSON]]], text: str, tools: str) -> bool:
    try:
        read = read_calls(text, tools)
    except (MalformedCalls, BadTools):
        return False
    return canonical_json([[name, dict(arguments)] for name, arguments in stored]) == canonical_json(
        [[call.name, dict(call.arguments)] for call in read]
    )


def read_calls(text: str, tools: str) -> list[ToolCall]:
    """The calls in a model's text; positional arguments take their names from the tools. Raises MalformedCalls."""
    known = read_tools(tool_calls.value_of(tools))
    return parse_calls(text, {name: tuple(tool.properties) for name, tool in known.items()})
