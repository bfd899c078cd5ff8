"""Plays an embedder: words and word pairs hashed into a vector, so that texts with the same words are near each other.

No model of meaning: a paraphrase in other words is far away. It is for trying out the way of a vector.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

DIMENSIONS = 256
MAX_INPUTS = 2048  # OpenAI's own bound
_WORD = re.compile(r"\w+")


class BadInput(Exception):
    """The body is not a request for embeddings; the text says why."""


def answer(data: bytes, model: str) -> dict[str, Any]:
    """The JSON body for a request. Raises BadInput."""
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        raise BadInput("the body is not JSON") from None
    given = body.get("input") if isinstance(body, dict) else None
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not 0 < len(texts) <= MAX_INPUTS or not all(isinstance(t, str) for t in texts):
        raise BadInput(f"input is not a text or a list of 1 to {MAX_INPUTS} texts")
    items = [{"object": "embedding", "index": at, "embedding": embed(text)} for at, text in enumerate(texts)]
    tokens = sum(len(text) // 4 + 1 for text in texts)
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return {"object": "list", "model": model, "data": items, "usage": usage}


def embed(text: str) -> list[float]:
    """A vector of length 1; all zeros for a text without words."""
    vector = [0.0] * DIMENSIONS
    for feature in _features(text):
        digest = hashlib.blake2b(feature.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        vector[int.from_bytes(digest[:4], "big") % DIMENSIONS] += 1.0 if digest[4] & 1 else -1.0
    length = math.sqrt(sum(value * value for value in vector))
    return [round(value / length, 7) for value in vector] if length else vector


def _features(text: str) -> Iterator[str]:
    split = [word.casefold() for word in _WORD.findall(text)]
    yield from split
    yield from (" ".join(pair) for pair in pairwise(split))
