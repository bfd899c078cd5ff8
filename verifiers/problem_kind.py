"""Proof that a problem is of a kind that can be trained on: what it asks for can be checked (M2).

Looks at the text: a proof has no final answer, a choice or a yes can be guessed, and a problem that refers to something
that is not there cannot be solved. The rules are those of OpenMathReasoning's filters (arXiv 2504.16891).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar, Literal

from records.types import Candidate, Check, Outcome, Verdict
from verifiers.base import Resources

Kind = Literal["open", "multiple_choice", "yes_no", "proof", "invalid"]
KINDS: tuple[Kind, ...] = ("open", "multiple_choice", "yes_no", "proof", "invalid")

MIN_WORDS = 3
PROOF = re.compile(
    r"\b(?:prove|show|demonstrate|verify|deduce|establish)\b(?:\s+\w+){0,3}?\s+"
    r"(?:that|why|the (?:identity|theorem|lemma))\b"
    r"|\bgive a proof\b|^\s*prove\b|\bjustify (?:why|your)\b",
    re.IGNORECASE | re.MULTILINE,
)
OPTION = re.compile(r"(?:^|[\s(])\(?([A-E])[).:]\s+\S", re.MULTILINE)
OPTIONS = frozenset("AB")
YES_NO_ANSWER = re.compile(r"\s*(?:yes|no|true|false)\b[.!]?\s*", re.IGNORECASE)
YES_NO_QUESTION = re.compile(
    r"(?:^|[.?!:]\s+)(?:is|are|was|were|does|do|did|can|could|will|would|has|have|true or false)\b[^?]*\?\s*"
    r"(?:answer (?:with )?(?:yes or no|true or false)\.?\s*)?$|\b(?:yes or no|true or false)\b",
    re.IGNORECASE,
)
ALTERNATIVES = re.compile(r"\bor\b", re.IGNORECASE)
MISSING = re.compile(
    r"\b(?:figure|diagram|graph|picture|image|table|chart|drawing)s?\s+"
    r"(?:below|above|shown|on the (?:left|right|next page))"
    r"|\b(?:shown|pictured|drawn|given|listed)\s+(?:below|above|in the (?:figure|diagram|picture|table|graph))"
    r"|\b(?:see|in|from|refer to)\s+(?:the\s+)?"
    r"(?:figure|fig\.|diagram|table|exercise|problem|question|example|section|equation)\s*(?:\(?\d+|above|below)"
    r"|\b(?:previous|preceding|last|earlier)\s+(?:problem|question|exercise|part|example)\b"
    r"|\b(?:as|like) (?:in|for) (?:the )?(?:previous|last|preceding)\b|\bpart \([a-z]\)",
    re.IGNORECASE,
)
ASKS = re.compile(
    r"\?|\b(?:find|compute|calculate|determine|evaluate|solve|simplify|expand|factor|write|express|convert|give|state|list|"
    r"name|how|what|which|when|where|who|estimate|round|count|work out)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class ProblemKind(Check):
    """Part "question" must be of an `allowed` kind, by its text and by what its extractor said of it (`label`)."""

    kind: ClassVar[str] = "problem_kind"
    allowed: tuple[str, ...] = ("open",)
    label: str = "open"
    answer: str = ""


async def verify(check: ProblemKind, candidate: Candidate, resources: Resources) -> Verdict:
    """PASS and FAIL alike have the kind as their reason."""
    found = classify(candidate.parts["question"], check.answer)
    decided = check.label if found == "open" and check.label in KINDS else found
    outcome = Outcome.PASS if decided in check.allowed else Outcome.FAIL
    return Verdict(check.kind, outcome, decided, {"by_text": found, "by_label": check.label})


def classify(question: str, answer: str = "") -> Kind:
    """The kind of a problem, by its text and, where one is known, its answer."""
    if len(question.split()) < MIN_WORDS or MISSING.search(question) or not ASKS.search(question):
        return "proof" if PROOF.search(question) and not MISSING.search(question) else "invalid"
    if PROOF.search(question):
        return "proof"
    if {match[1] for match in OPTION.finditer(question)} >= OPTIONS:
        return "multiple_choice"
    if YES_NO_ANSWER.fullmatch(answer):
        return "yes_no"
    asked = YES_NO_QUESTION.search(question.strip())
    alternatives = asked is not None and ALTERNATIVES.search(asked.group()) and "yes or no" not in question.lower()
    return "yes_no" if asked is not None and not answer and not alternatives else "open"


def to_open(question: str, answer: str) -> tuple[str, str] | None:
    """A choice as an open problem with the chosen option as its answer; None where that leaves no whole problem."""
    options = list(OPTION.finditer(question))
    letter = re.fullmatch(r"\W*([A-E])\W*(?:\s.*)?", answer.strip())
    if letter is None or {match[1] for match in options} < OPTIONS:
        return None
    texts = {
        match[1]: question[match.end() - 1 : following.start()].strip(" \n\t;,")
        for match, following in zip(options, [*options[1:], None], strict=True)
        if following is not None
    }
    last = options[-1]
    texts[last[1]] = question[last.end() - 1 :].strip(" \n\t;,.")
    stem = question[: options[0].start()].rstrip(" \n\t:")
    chosen = texts.get(letter[1], "")
    refers = re.search(r"\b(?:of the following|of these|below|none of|all of)\b", stem + " " + chosen, re.IGNORECASE)
    return (stem, chosen) if chosen and stem and not refers and classify(stem) == "open" else None
