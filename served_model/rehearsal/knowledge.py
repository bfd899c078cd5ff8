"""What the rehearsal model knows about mathematics: the questions and answers it was given at the start."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

PLAIN = re.compile(r"(?P<sign>-?)\$?(?P<digits>\d{1,3}(?:,\d{3})+|\d+)(?P<decimals>\.\d+)?(?:/(?P<bottom>\d+))?")
LATEX = re.compile(r"(?P<sign>-?)\\[dt]?frac\{(?P<top>\d+)\}\{(?P<bottom>\d+)\}")
MAX_DIGITS = 30
MIN_BOTTOM = 1


class KnowledgeError(Exception):
    """The knowledge file cannot be used; the text names the line."""


@dataclass(frozen=True, slots=True)
class Fact:
    """A question's answer, and the steps to it where the file had any."""

    answer: str
    steps: tuple[str, ...] = ()

    @property
    def number(self) -> Fraction | None:
        """The answer as a number; None where it is something else."""
        return read_number(self.answer)


def load_knowledge(path: Path) -> dict[str, Fact]:
    """Read JSON lines with `question` and `answer`: bare, or steps and `#### answer`. Raises KnowledgeError."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise KnowledgeError(f"{path}: {error}") from None
    facts: dict[str, Fact] = {}
    for number, line in enumerate(lines, 1):
        if line.strip():
            question, fact = _read_line(line, f"{path}, line {number}")
            facts[question] = fact
    return facts


def question_key(question: str) -> str:
    """The question without regard to white space."""
    return " ".join(question.split())


def read_number(text: str) -> Fraction | None:
    """An integer, decimal, a/b or LaTeX fraction; None for anything else."""
    text = text.strip()
    latex, plain = LATEX.fullmatch(text), PLAIN.fullmatch(text)
    if len(text) > MAX_DIGITS or not (latex or plain):
        return None
    if latex:
        top, bottom, sign = Fraction(int(latex["top"])), int(latex["bottom"]), latex["sign"]
    else:
        assert plain is not None
        top = Fraction(plain["digits"].replace(",", "") + (plain["decimals"] or ""))
        bottom, sign = int(plain["bottom"] or MIN_BOTTOM), plain["sign"]
    if bottom < MIN_BOTTOM:
        return None
    return -top / bottom if sign else top / bottom


def _read_line(line: str, place: str) -> tuple[str, Fact]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        raise KnowledgeError(f"{place}: not JSON") from None
    if not isinstance(row, Mapping) or not isinstance(row.get("question"), str) or "answer" not in row:
        raise KnowledgeError(f"{place}: an object with `question` and `answer` is needed")
    text = str(row["answer"])
    steps, mark, answer = text.rpartition("####")
    if not mark:
        return question_key(row["question"]), Fact(text.strip())
    plain = re.sub(r"<<[^<>]*>>", "", steps)
    return question_key(row["question"]), Fact(
        answer.strip(), tuple(s.strip() for s in plain.splitlines() if s.strip())
    )
