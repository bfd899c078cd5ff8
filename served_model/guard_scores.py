"""How sure a guard is: the probability of its first word, as Llama Guard is used with a threshold (arXiv 2312.06674).

A role with `api = "guard"` is asked like any chat model, and for the likeliest tokens at each place. Its reply's text
is then JSON, {"said": "unsafe\\nS1", "unsafe": 0.93}, so that the score lies in the journal and is replayed like any
reply. A server that gives no probabilities leaves `unsafe` out: whoever needs the score finds none.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from records.types import canonical_json

API = "guard"
TOP = 5  # tokens by place; two of them matter
FIELDS: Mapping[str, Any] = {"logprobs": True, "top_logprobs": TOP}


@dataclass(frozen=True, slots=True)
class Said:
    """What a guard wrote, and how probable "unsafe" was, 0 to 1."""

    text: str
    unsafe: float | None = None


def with_score(text: str, choice: Mapping[str, Any]) -> str:
    """The text of a reply with its score, from a choice of an OpenAI-compatible answer, in which anything may be."""
    score = _score(choice)
    return canonical_json({"said": text} | ({} if score is None else {"unsafe": round(score, 6)}))


def read_said(text: str) -> Said:
    """What `with_score` made; any other text is what was said, without a score."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return Said(text)
    if not isinstance(value, dict) or not isinstance(value.get("said"), str) or value.keys() - {"said", "unsafe"}:
        return Said(text)
    score = value.get("unsafe")
    if isinstance(score, int | float) and not isinstance(score, bool) and 0 <= score <= 1:
        return Said(value["said"], float(score))
    return Said(value["said"])


def _score(choice: Mapping[str, Any]) -> float | None:
    """The share of "unsafe" in what stands for either word at the first place that is not blank."""
    for place in _places(choice):
        if isinstance(place.get("token"), str) and place["token"].strip():
            shares = {"safe": 0.0, "unsafe": 0.0}
            for token, share in _tokens(place):
                for word in shares:
                    shares[word] += share if token and word.startswith(token) else 0.0
            total = sum(shares.values())
            return shares["unsafe"] / total if total else None
    return None


def _places(choice: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    logprobs = choice.get("logprobs")
    content = logprobs.get("content") if isinstance(logprobs, dict) else None
    yield from (place for place in content if isinstance(place, dict)) if isinstance(content, list) else ()


def _tokens(place: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """The words that may stand at a place, with their probabilities."""
    top = place.get("top_logprobs")
    for item in top if isinstance(top, list) else ():
        token, value = (item.get("token"), item.get("logprob")) if isinstance(item, dict) else (None, None)
        if isinstance(token, str) and isinstance(value, int | float) and not math.isnan(value) and value <= 1e-6:
            yield token.strip().lower(), math.exp(value)
