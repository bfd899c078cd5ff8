"""Text from outside inside the tags of a prompt: it must not be able to close them or open others."""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache


def quote_tags(text: str, tags: Collection[str]) -> str:
    """The text with `<` written as `&lt;` where it begins one of the tags, opening or closing; the rest stays as it is.

    What a candidate stores is the text before it.
    """
    return _pattern(tuple(sorted(tags))).sub("&lt;", text) if tags else text


@lru_cache(maxsize=256)
def _pattern(tags: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(rf"<(?=\s*/?\s*(?:{'|'.join(map(re.escape, tags))})\b)", re.IGNORECASE)
