"""What a player hands back: a reply before it is cut to the caller's limit, and what is special about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from records.types import JSON

AS_DRAWN = "as drawn"


class CannotAnswer(Exception):
    """The model does not know what was asked; its honest reply is in `text`."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


@dataclass(frozen=True, slots=True)
class Draft:
    """A reply. `benign` names an unusual form that is right all the same; `detail` goes to the answer key.

    `fault` is for players that decide by themselves what goes wrong: a judge that errs at a rate of its own, a fault
    that was drawn and does not fit the case (None). It must be a kind of the role's table.
    """

    text: str
    finish_reason: str = "stop"
    benign: str | None = None
    detail: Mapping[str, JSON] = field(default_factory=dict)
    fault: str | None = AS_DRAWN


def fence(code: str) -> str:
    """Code as a fenced Python block."""
    return f"```python\n{code.strip(chr(10))}\n```"
