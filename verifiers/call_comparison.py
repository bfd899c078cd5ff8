r"""Compares calls with the accepted ones (feature row T8), by the rules of the Berkeley function-calling leaderboard.

An accepted call lists the accepted values of each parameter; `""` among them says that the parameter may be left out.
Calls match in any order (exact bipartite matching), each exactly once. Values:

- Numbers are equal by value, 5 and 5.0 alike; a boolean equals booleans only.
- Strings are equal without case, spaces and the characters `, . / - _ * ^`, and with `'` for `"`, as in BFCL's
  `standardize_string` ("April 1, 2024" is "april 1 2024"). Ours is stricter in one point: two numerals must also be
  equal as numbers, since "1.5" is not "15".
- Lists are equal member by member in order. An object lists accepted values for each of its keys, as an accepted call
  does, and so do objects inside lists. A member that is no list of accepted values is the one accepted value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from records.types import JSON
from verifiers.call_parsing import ToolCall
from verifiers.strict_json import NotJson, check
from verifiers.tool_schemas import Problem

IGNORED = re.compile(r"[ ,./\-_*^]")
NUMERAL = re.compile(r"[-+]?(?:\d+(?:,\d{3})*)(?:\.\d+)?")
LONGEST_NUMERAL = 300  # characters; within the floats
LEFT_OUT = ""
MAX_ACCEPTED = 128  # calls of one row


class BadAccepted(Exception):
    """The list of accepted calls cannot be used; nothing is known about the calls."""


@dataclass(frozen=True, slots=True)
class AcceptedCall:
    """One call that is right: its tool, and the accepted values of each parameter."""

    name: str
    arguments: Mapping[str, Sequence[JSON]]


def read_accepted(accepted: JSON) -> list[AcceptedCall]:
    """From `[{name, arguments: {parameter: [values]}}]` or BFCL's `[{name: {parameter: [values]}}]`.

    Raises BadAccepted.
    """
    if not isinstance(accepted, list | tuple) or len(accepted) > MAX_ACCEPTED:
        raise BadAccepted(f"accepted is no list of at most {MAX_ACCEPTED} calls")
    try:
        check(accepted)
    except NotJson as error:
        raise BadAccepted(str(error)) from None
    return [_read_call(item) for item in accepted]


def _read_call(item: JSON) -> AcceptedCall:
    if not isinstance(item, dict):
        raise BadAccepted("an accepted call that is no object")
    if len(item) == 1 and "name" not in item:
        name, arguments = next(iter(item.items()))
    else:
        name, arguments = item.get("name"), item.get("arguments")
    if not isinstance(name, str) or not isinstance(arguments, dict):
        raise BadAccepted("an accepted call without name or arguments")
    for parameter, values in arguments.items():
        if not isinstance(values, list | tuple):
            raise BadAccepted(f"{parameter[:80]}: the accepted values are no list")
    return AcceptedCall(name, arguments)


def compare_calls(calls: Sequence[ToolCall], accepted: Sequence[AcceptedCall]) -> Problem | None:
    """What keeps the calls from being the accepted ones, each exactly once, in any order; None where nothing does."""
    if not accepted and calls:
        return Problem("call_not_needed", calls[0].name)
    partner = _match(len(accepted), len(calls), lambda row, column: _difference(accepted[row], calls[column]) is None)
    unmatched = [call for index, call in enumerate(calls) if index not in partner.values()]
    wanted = [call for index, call in enumerate(accepted) if index not in partner]
    if len(calls) < len(accepted):
        return Problem("missing_call", wanted[0].name, expected=len(accepted), got=len(calls))
    if len(calls) > len(accepted):
        return Problem("extra_call", unmatched[0].name, expected=len(accepted), got=len(calls))
    return _explain(wanted[0], unmatched) if wanted else None


def _match(rows: int, columns: int, fits: Callable[[int, int], bool]) -> dict[int, int]:
    """A largest matching of rows to columns (augmenting paths): no right turn is refused for a greedy choice."""
    table = [[column for column in range(columns) if fits(row, column)] for row in range(rows)]
    taken: dict[int, int] = {}

    def place(row: int, seen: set[int]) -> bool:
        for column in table[row]:
            if column not in seen:
                seen.add(column)
                if column not in taken or place(taken[column], seen):
                    taken[column] = row
                    return True
        return False

    for row in range(rows):
        place(row, set())
    return {row: column for column, row in taken.items()}


def _explain(wanted: AcceptedCall, calls: Sequence[ToolCall]) -> Problem:
    """The difference to the nearest call: of the same tool where there is one, with the fewest differences."""
    named = [call for call in calls if call.name == wanted.name]
    if not named:
        return Problem("wrong_tool", calls[0].name, expected=wanted.name, got=calls[0].name)
    nearest = min(named, key=lambda call: len(_differences(wanted, call)))
    return _differences(wanted, nearest)[0]


def _difference(wanted: AcceptedCall, call: ToolCall) -> Problem | None:
    if wanted.name != call.name:
        return Problem("wrong_tool", call.name, expected=wanted.name)
    return next(iter(_differences(wanted, call)), None)


def _differences(wanted: AcceptedCall, call: ToolCall) -> list[Problem]:
    """Every parameter in which the call differs from the accepted call of the same tool."""
    found = []
    for name, value in call.arguments.items():
        if name not in wanted.arguments:
            found.append(Problem("unexpected_argument", call.name, name, got=value))
        elif not any(same_value(one, value) for one in wanted.arguments[name]):
            found.append(Problem("wrong_value", call.name, name, list(wanted.arguments[name]), value))
    for name, values in wanted.arguments.items():
        if name not in call.arguments and LEFT_OUT not in values:
            found.append(Problem("missing_argument", call.name, name, list(values)))
    return found


def same_value(accepted: JSON, value: JSON) -> bool:
    """Whether the value is the accepted one; see the module's rules."""
    if isinstance(accepted, str) and isinstance(value, str):
        return same_text(accepted, value)
    if isinstance(accepted, list | tuple) and isinstance(value, list | tuple):
        return len(accepted) == len(value) and all(map(same_value, accepted, value))
    if isinstance(accepted, dict) and isinstance(value, dict):
        return _same_object(accepted, value)
    return is_verbatim(accepted, value)


def _same_object(accepted: Mapping[str, JSON], value: Mapping[str, JSON]) -> bool:
    for name, item in value.items():
        if name not in accepted or not any(same_value(one, item) for one in _alternatives(accepted[name])):
            return False
    return all(name in value or LEFT_OUT in _alternatives(values) for name, values in accepted.items())


def _alternatives(values: JSON) -> Sequence[JSON]:
    return values if isinstance(values, list | tuple) else (values,)


def same_text(one: str, other: str) -> bool:
    """Equal as BFCL compares strings; numerals must also be equal as numbers."""
    if _standard(one) != _standard(other):
        return False
    first, second = _number(one), _number(other)
    return first is None or second is None or first == second


def _standard(text: str) -> str:
    return IGNORED.sub("", text).lower().replace("'", '"')


def _number(text: str) -> float | None:
    text = text.strip()
    readable = len(text) <= LONGEST_NUMERAL and NUMERAL.fullmatch(text)
    return float(text.replace(",", "")) if readable else None


def is_verbatim(one: JSON, other: JSON) -> bool:
    """Equal JSON values: no leniency but 5 and 5.0, and a boolean is no number."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(is_verbatim, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(is_verbatim(one[name], other[name]) for name in one)
    return bool(one == other)
