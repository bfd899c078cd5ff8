"""Proof that a response is whole and no loop: length bounds, a finished reply, little verbatim repetition (M14)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import accumulate
from typing import ClassVar

from records.types import Candidate, Check, Outcome, Verdict
from verifiers.base import Resources

# Gopher (arXiv 2112.11446, table A1) bounds the share of characters in repeated n-grams for n of 5 to 10. Worked
# solutions repeat short phrases by nature, so only its longest n is used, with a looser bound (0.3 where it has 0.1).
NGRAM = 10
TOKEN = re.compile(r"\d|[^\W\d_]+|[^\w\s]|_")  # single digits, so that an endless decimal counts as repetition, too
FINISHED = "stop"


@dataclass(frozen=True)
class ResponseHygiene(Check):
    """Bounds of part "response". Lengths in characters; `finish_reason` is the served model's word on the reply."""

    kind: ClassVar[str] = "response_hygiene"
    finish_reason: str = FINISHED
    min_characters: int = 20
    max_characters: int = 20_000
    max_repeated_share: float = 0.3


async def verify(check: ResponseHygiene, candidate: Candidate, resources: Resources) -> Verdict:
    """PASS clean; FAIL unfinished, too_short, too_long, repetitive."""
    response = candidate.parts["response"].strip()
    evidence = {"characters": len(response), "finish_reason": check.finish_reason}
    reason = _fault(check, len(response))
    if reason is None:
        share = repeated_share(response)
        evidence["repeated_share"] = round(share, 4)
        reason = "repetitive" if share > check.max_repeated_share else None
    if reason is None:
        return Verdict(check.kind, Outcome.PASS, "clean", evidence)
    return Verdict(check.kind, Outcome.FAIL, reason, evidence)


def _fault(check: ResponseHygiene, characters: int) -> str | None:
    if check.finish_reason != FINISHED:
        return "unfinished"
    if characters < check.min_characters:
        return "too_short"
    return "too_long" if characters > check.max_characters else None


def repeated_share(text: str, n: int = NGRAM) -> float:
    """The share of the tokens' characters that lie in an n-gram which occurred before in the text; 0 to 1."""
    tokens = TOKEN.findall(text)
    ends = list(accumulate(map(len, tokens), initial=0))  # characters before each token
    seen: set[tuple[str, ...]] = set()
    covered, covered_to = 0, 0
    for start, gram in enumerate(zip(*(tokens[offset:] for offset in range(n)), strict=False)):
        if gram in seen:
            covered += ends[start + n] - ends[max(start, covered_to)]
            covered_to = start + n
        else:
            seen.add(gram)
    return covered / ends[-1] if ends[-1] else 0.0
