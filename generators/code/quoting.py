"""Model and corpus text inside the tags of our prompts: it must not be able to close them or open others."""

from __future__ import annotations

import re

TAGS = (
    *("snippet", "problem", "signature", "solution", "tests", "feedback", "review", "code", "documentation"),
    "translation",
)
TAG = re.compile(rf"<(?=\s*/?\s*(?:{'|'.join(TAGS)})\b)", re.IGNORECASE)


def quoted(text: str) -> str:
    """The text with `<` written as `&lt;` where it begins one of our tags; everything else stays as it is.

    Code is hardly ever touched by that (`a <tests` is), and what a candidate stores is the text before it.
    """
    return TAG.sub("&lt;", text)
