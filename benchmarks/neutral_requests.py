"""The two requests of the neutral job, the same for provender and for the loops that it is measured against."""

from __future__ import annotations

from records.types import Message

SCHEMA = {
    "type": "object",
    "properties": {"reason": {"type": "string"}, "score": {"type": "integer", "minimum": 1, "maximum": 5}},
    "required": ["reason", "score"],
    "additionalProperties": False,
}
JUDGE = "Score the answer below from 1 (useless) to 5 (excellent). Give a short reason first.\n\n"


def write_messages(question: str) -> tuple[Message, ...]:
    return (Message("system", "You answer in plain words."), Message("user", question))


def score_messages(question: str, answer: str) -> tuple[Message, ...]:
    return (Message("system", JUDGE), Message("user", f"Question: {question}\n\nAnswer: {answer}"))
