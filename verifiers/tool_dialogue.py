"""Reads the calls and results of a stored dialogue, for the checks that look at it as a whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from records.types import JSON, Message
from verifiers.strict_json import NotJson, read


@dataclass(frozen=True, slots=True)
class MadeCall:
    """One call of a dialogue: where it stands, and what its tool answered (None where no message answers it)."""

    message: int  # index of the assistant's turn
    name: str
    arguments: Mapping[str, JSON]
    result: str | None
    answered_at: int | None = None  # index of the tool's message


class BrokenDialogue(Exception):
    """The messages are no dialogue with tools: a result without its call, or arguments that are no JSON object."""


def made_calls(messages: Sequence[Message]) -> list[MadeCall]:
    """Every call, in order. Raises BrokenDialogue."""
    answers = {one.tool_call_id: index for index, one in enumerate(messages) if one.role == "tool"}
    calls: list[MadeCall] = []
    for index, message in enumerate(messages):
        for call in message.tool_calls:
            at = answers.pop(call.id, None)
            if at is not None and at <= index:
                raise BrokenDialogue(f"the result of {call.id[:40]} stands before its call")
            text = None if at is None else messages[at].content
            calls.append(MadeCall(index, call.name, _arguments(call.arguments), text, at))
    if answers:
        raise BrokenDialogue("a tool's message answers no call")
    return calls


def _arguments(text: str) -> Mapping[str, JSON]:
    try:
        value = read(text)
    except NotJson as error:
        raise BrokenDialogue(f"arguments that are not JSON: {error.code}") from None
    if not isinstance(value, dict):
        raise BrokenDialogue("arguments that are no object")
    return value


def is_error(text: str) -> bool:
    """Whether a tool's message says that the call failed."""
    try:
        value = read(text)
    except NotJson:
        return False
    return isinstance(value, dict) and set(value) == {"error"}
