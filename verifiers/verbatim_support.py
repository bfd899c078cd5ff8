"""Proof that a problem and its answer were taken from a document and not made up (M1).

The quotes must stand in the document word for word (white space and typographic quotation marks aside), the answer must
stand in its quote, and every number of the problem must stand in the quoted passage.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from records.types import Candidate, Check, Outcome, Verdict
from verifiers.answer_text import canonical, shown
from verifiers.base import Resources

EVIDENCE_CHARACTERS = 200
MIN_QUOTE = 12  # characters; less could stand anywhere
NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
MARKS = str.maketrans({"“": '"', "”": '"', "„": '"', "‘": "'", "’": "'", "−": "-", "–": "-", "\u00a0": " "})


@dataclass(frozen=True)
class VerbatimSupport(Check):
    """Part "question" is stated by `question_quote`, `answer` (may be "") by `answer_quote`, both in `document`."""

    kind: ClassVar[str] = "verbatim_support"
    document: str
    question_quote: str
    answer: str = ""
    answer_quote: str = ""


async def verify(check: VerbatimSupport, candidate: Candidate, resources: Resources) -> Verdict:
    """PASS supported; FAIL no_quote, question_not_in_document, answer_not_in_document, answer_not_in_quote,
    number_not_in_quote."""
    reason, what = find_gap(check, candidate.parts["question"])
    if reason:
        return Verdict(check.kind, Outcome.FAIL, reason, {"text": shown(what, EVIDENCE_CHARACTERS)})
    return Verdict(check.kind, Outcome.PASS, "supported")


def find_gap(check: VerbatimSupport, question: str) -> tuple[str, str]:
    """The first thing that the document does not support, and where; ("", "") where it supports everything."""
    document, quote = _plain(check.document), _plain(check.question_quote)
    if len(quote) < MIN_QUOTE:
        return "no_quote", check.question_quote
    if quote not in document:
        return "question_not_in_document", check.question_quote
    there = {_digits(number) for number in NUMBER.findall(quote)}
    for number in NUMBER.findall(_plain(question)):
        if _digits(number) not in there:
            return "number_not_in_quote", number
    return _answer_gap(check, document) if check.answer else ("", "")


def _answer_gap(check: VerbatimSupport, document: str) -> tuple[str, str]:
    quote = _plain(check.answer_quote)
    if not quote or quote not in document:
        return "answer_not_in_document", check.answer_quote
    if not _stands_in(check.answer, check.answer_quote):
        return "answer_not_in_quote", check.answer
    return "", ""


def _stands_in(answer: str, quote: str) -> bool:
    """As written, or in the notation that answers are compared in; never as a part of a longer number or word."""
    for form in (_plain, lambda text: THOUSANDS.sub("", _plain(text)), lambda text: _plain(canonical(text))):
        wanted, text = form(answer), form(quote)
        if wanted and re.search(rf"(?<![\w.]){re.escape(wanted)}(?![\w]|[.,]\d)", text):
            return True
    return False


def _digits(number: str) -> str:
    return number.replace(",", "")


def _plain(text: str) -> str:
    return " ".join(text.translate(MARKS).split()).casefold()
