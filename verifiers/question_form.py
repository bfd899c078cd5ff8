"""Proof, by rules, that a question can be asked without its document, and that the document holds its answer (F2).

What rules cannot see (is it answerable, has it one answer?) is a judge's work and stands in a check of its own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from records.types import Candidate, Check, Outcome, Verdict
from verifiers.base import Resources
from verifiers.wording import contains, content_words, longest_shared_run, words_of

SHORTEST, LONGEST = 4, 60  # words of a question
LONGEST_ANSWER = 20  # words: one fact, not an essay
LONGEST_RUN = 12  # words that question and document may share in a row; one more and the document is quoted in it
SAME_WORDS = 0.9  # of two wordings' words in common: they are one wording
ABOUT_THE_TEXT = re.compile(
    r"\b(?:the|this|that|above|given|following|provided)\s+(?:\w+\s+)?(?:text|passage|snippet|excerpt|paragraph|document"
    r"|article|context|author|sentence|section)\b|\baccording to (?:this|it|them)\b|\bin the text\b"
    r"|\b(?:mentioned|described|stated|discussed|shown|listed) (?:above|below|here|in the)\b",
    re.IGNORECASE,
)
DANGLING = re.compile(
    r"^(?:what|who|when|where|why|which|how)\b[^?]{0,20}?\b(?:does|do|did|is|was|are|were|can|will|has|had)\s+"
    r"(?:it|this|that|these|those|they|he|she)\b(?!\s+(?:take|rain|snow|possible|true|common))",
    re.IGNORECASE,
)
QUOTED = re.compile(r'"[^"]*"|“[^”]*”')
MANY = re.compile(r"\?\s*\S[^?]*\?|\b(?:and|or)\s+(?:what|who|when|where|why|which|how)\b", re.IGNORECASE)


@dataclass(frozen=True)
class QuestionForm(Check):
    """Parts "question" and "answer" must fit each other and `reference`; so must every wording of `paraphrases`."""

    kind: ClassVar[str] = "question_form"
    reference: str
    paraphrases: tuple[str, ...] = ()


async def verify(check: QuestionForm, candidate: Candidate, resources: Resources) -> Verdict:
    """PASS well_formed. FAIL not_a_question, too_long, about_the_text, dangling_reference, several_questions,
    quotes_document, gives_answer_away, no_answer, answer_too_long, answer_not_in_document, same_wording."""
    question, answer = candidate.parts["question"], candidate.parts["answer"]
    for wording in (question, *check.paraphrases):
        fault = _wording_fault(wording, answer, check.reference)
        if fault:
            return Verdict(check.kind, Outcome.FAIL, fault, {"wording": wording[:300]})
    fault = _answer_fault(answer, check.reference) or _same((question, *check.paraphrases))
    if fault:
        return Verdict(check.kind, Outcome.FAIL, fault, {"answer": answer[:300]})
    return Verdict(check.kind, Outcome.PASS, "well_formed", {"wordings": 1 + len(check.paraphrases)})


def _wording_fault(question: str, answer: str, reference: str) -> str | None:
    text = question.strip()
    own = QUOTED.sub(" ", text)  # a quotation in a question may speak of texts, and ask
    count = len(words_of(text))
    faults = (
        ("not_a_question", not text.endswith("?") or count < SHORTEST),
        ("too_long", count > LONGEST),
        ("about_the_text", ABOUT_THE_TEXT.search(own) is not None),
        ("dangling_reference", DANGLING.search(own) is not None),
        ("several_questions", MANY.search(own) is not None),
        ("gives_answer_away", contains(text, answer)),
        ("quotes_document", longest_shared_run(text, reference) > LONGEST_RUN),
    )
    return next((name for name, wrong in faults if wrong), None)


def _answer_fault(answer: str, reference: str) -> str | None:
    count = len(words_of(answer))
    if not count:
        return "no_answer"
    if count > LONGEST_ANSWER:
        return "answer_too_long"
    return None if contains(reference, answer) else "answer_not_in_document"


def _same(wordings: Sequence[str]) -> str | None:
    """Wordings that differ in order or function words alone probe nothing new."""
    sets = [content_words(wording) for wording in wordings]
    for index, one in enumerate(sets):
        for other in sets[:index]:
            if len(one & other) >= SAME_WORDS * len(one | other):
                return "same_wording"
    return None
