"""Foreign text in Markdown: names of models, recipes and licences become code spans, in which nothing has an effect."""

from __future__ import annotations

import re

_BACKTICKS = re.compile(r"`+")


def code_span(text: str) -> str:
    """The text as a code span on one line. No link, image, tag or emphasis in it is read as one (CommonMark 6.1)."""
    line = "".join(character if character.isprintable() else " " for character in text).strip() or "(none)"
    fence = "`" * (max((len(run) for run in _BACKTICKS.findall(line)), default=0) + 1)
    padding = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{padding}{line}{padding}{fence}"
