"""Proof that a text gives no code away: whoever writes a program again must not have seen the original (C14)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from records.types import Candidate, Check, Outcome, Verdict
from verifiers.base import Resources

TOKEN = re.compile(r"\w+|[^\w\s]")
LEAK_TOKENS = 10  # tokens of code in a row, operators and brackets counted, that no prose holds by chance
MAX_CHARS = 400_000
MAX_SHOWN = 120


@dataclass(frozen=True)
class NoLeak(Check):
    """None of `parts` holds LEAK_TOKENS tokens of `code_part` in a row, whatever the space between them; `allowed` is
    the text that may be shared (a signature)."""

    kind: ClassVar[str] = "no_leak"
    code_part: str
    parts: tuple[str, ...]
    allowed: str = ""


async def verify(check: NoLeak, candidate: Candidate, resources: Resources) -> Verdict:
    """FAIL with the first run of code that a part holds."""
    code = candidate.parts.get(check.code_part, "")
    texts = [candidate.parts.get(part, "") for part in check.parts]
    if not code.strip() or not all(text.strip() for text in texts):
        return Verdict(check.kind, Outcome.FAIL, "nothing_to_compare")
    if len(code) + sum(map(len, texts)) > MAX_CHARS:
        return Verdict(check.kind, Outcome.FAIL, "too_long")
    for part, text in zip(check.parts, texts, strict=True):
        found = leak(code, text, check.allowed)
        if found:
            return Verdict(check.kind, Outcome.FAIL, "code_in_text", {"part": part, "code": found[:MAX_SHOWN]})
    return Verdict(check.kind, Outcome.PASS, "no_code_in_text", {"parts": list(check.parts)})


def leak(code: str, text: str, allowed: str = "") -> str:
    """The first run of the code's tokens that stands in the text, empty where there is none.

    Code shorter than a run leaks where it stands in the text as a whole.
    """
    tokens, permitted = TOKEN.findall(code), _runs(TOKEN.findall(allowed), LEAK_TOKENS)
    size = min(LEAK_TOKENS, len(tokens))
    given = _runs(TOKEN.findall(text), size)
    for start in range(len(tokens) - size + 1):
        run = tuple(tokens[start : start + size])
        if run in given and run not in permitted:
            return " ".join(run)
    return ""


def _runs(tokens: Sequence[str], size: int) -> set[tuple[str, ...]]:
    return {tuple(tokens[start : start + size]) for start in range(len(tokens) - size + 1)} if size else set()
