"""Message-level preference pairs of tool dialogues (feature row T16): one assistant turn against another.

Two attempts at one seed with the same tools are compared up to their first difference. Where that is an assistant's
turn on both sides, and the verdict on the failed attempt names this very turn as the wrong one (`message` in its
evidence), the turns make a pair after one prefix. Tool results are never ranked: a difference there makes no pair, and
a turn that went wrong later, after a harmless difference, does not make the harmless turn a bad one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from exports.base import Group, Row, messages_of
from records.types import canonical_json

WRONG_CALLS = frozenset(
    (
        "unknown_tool",
        "unknown_argument",
        "missing_argument",
        "wrong_type",
        "not_in_enum",
        "invalid_value",
        "missing_call",
    )
)
TOOL_CHECKS: Mapping[str, frozenset[str]] = {
    "tool_format": WRONG_CALLS | {"too_many_turns"},
    "tool_calls": WRONG_CALLS | {"call_not_needed", "extra_call", "wrong_tool", "wrong_value", "unexpected_argument"},
    "tool_execution": frozenset({"call_raised"}),
    "tool_state": frozenset({"repeated_call"}),
    "tool_provenance": frozenset({"hallucinated_argument"}),
    "tool_answer": frozenset({"ignores_result", "hides_error", "lacks_expected"}),
    "tool_contrast": frozenset({"rival_preferred"}),
}
"""Per check, the reasons that show a turn to be wrong; calls that could not be read are no counter-examples."""


@dataclass(frozen=True, slots=True)
class MessagePair:
    """Two continuations of one prefix, and the check that told them apart."""

    verifier: str
    chosen: Row
    rejected: Row
    prompt: Sequence[Mapping[str, Any]]
    good: Sequence[Mapping[str, Any]]
    bad: Sequence[Mapping[str, Any]]


def message_pairs(group: Group, kept: Set[str]) -> Iterator[MessagePair]:
    """All pairs of a seed's attempts, each pair of texts once."""
    failed = [(row, *found) for row in group if (found := blame(row)) is not None]
    seen: set[str] = set()
    for chosen in (row for row in group if row["id"] in kept and row.get("tools")):
        for rejected, verifier, index in failed:
            pair = _pair(chosen, rejected, verifier, index)
            mark = "" if pair is None else canonical_json([pair.prompt, pair.good, pair.bad])
            if pair is not None and mark not in seen:
                seen.add(mark)
                yield pair


def blame(row: Row) -> tuple[str, int] | None:
    """The check that a failed attempt failed, and the turn that it found wrong."""
    if not row.get("tools") or row["outcome"] != "fail":
        return None
    if row["reason"] not in TOOL_CHECKS.get(row["decided_by"], ()):
        return None
    verdict = next(one for one in row["verdicts"] if one["check"] == row["decided_by"] and one["outcome"] == "fail")
    index = json.loads(verdict["evidence"]).get("message")
    return (row["decided_by"], index) if isinstance(index, int) else None


def _pair(chosen: Row, rejected: Row, verifier: str, index: int) -> MessagePair | None:
    good, bad = messages_of(chosen), messages_of(rejected)
    if chosen["tools"] != rejected["tools"] or not 0 < index < min(len(good), len(bad)):
        return None
    if _plain(good[:index]) != _plain(bad[:index]) or _plain(good[index]) == _plain(bad[index]):
        return None
    if good[index]["role"] != "assistant" or bad[index]["role"] != "assistant":
        return None
    return MessagePair(verifier, chosen, rejected, good[:index], good[index : index + 1], bad[index : index + 1])


def _plain(value: Any) -> str:
    return canonical_json(value)
