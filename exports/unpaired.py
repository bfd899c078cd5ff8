"""Single replies with a label in place of pairs: what passed, and negative data, each with why it is wrong (KTO).

Many failures have no accepted reply to stand beside them; here they are of use. As for pairs, a reply that could not be
read, or that ran into a wall clock, is no negative example. Of a tool dialogue only the turn that was found wrong is.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from typing import Any

import pyarrow as pa

from exports.base import MESSAGES, ORIGIN, Export, Group, Row, is_for, messages_of, origin, prompt_and_reply, tools_of
from exports.message_pairs import blame
from exports.preference import FAILED_AT_WORK
from records.types import canonical_json

_FIELDS: list[tuple[str, pa.DataType]] = [
    ("id", pa.string()),
    ("recipe", pa.string()),
    ("prompt", MESSAGES),
    ("completion", MESSAGES),
    ("label", pa.bool_()),
    ("verifier", pa.string()),  # kind of the check that decided
    ("reason", pa.string()),
    *ORIGIN,
]


def rows_of(group: Group, kept: Set[str]) -> Iterator[dict[str, Any]]:
    """Kept replies, and replies that failed at work; a text that both passed and failed proves nothing and is left."""
    good = [(row, *prompt_and_reply(row)) for row in group if row["id"] in kept and is_for(row, "sft")]
    bad = [found for row in group if row["id"] not in kept and (found := _wrong(row)) is not None]
    passed, failed = {_text(*one[1:]) for one in good}, {_text(*one[1:]) for one in bad}
    seen: set[str] = passed & failed
    for row, prompt, completion in (*good, *bad):
        text = _text(prompt, completion)
        if prompt and completion and text not in seen:
            seen.add(text)
            yield {
                "id": row["id"],
                "recipe": row["recipe"],
                "prompt": prompt,
                "completion": completion,
                "tools": tools_of(row),
                "label": row["id"] in kept,
                "verifier": row["decided_by"],
                "reason": row["reason"],
                **origin(row),
            }


def _wrong(row: Row) -> tuple[Row, list[dict[str, Any]], list[dict[str, Any]]] | None:
    found = blame(row)
    if found is not None:
        messages, (_, index) = messages_of(row), found
        turn = messages[index : index + 1]
        return (row, messages[:index], turn) if turn and turn[0]["role"] == "assistant" and index else None
    if row["outcome"] == "fail" and row["reason"] in FAILED_AT_WORK.get(row["decided_by"], ()):
        return (row, *prompt_and_reply(row))
    return None


def _text(prompt: Any, completion: Any) -> str:
    return canonical_json([prompt, completion])


UNPAIRED = Export(
    "unpaired",
    "single replies that passed or failed, with a label; the failed ones are negative data, with their reason",
    pa.schema(_FIELDS),
    rows_of,
    on_request=True,
)
