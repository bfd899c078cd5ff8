"""Which lines of a source file hold code worth building a problem on: a cheap look, no parser."""

from __future__ import annotations

import re
from collections.abc import Sequence

GENERATED = re.compile(r"auto[- ]?generated|generated (?:by|from|automatically)|do not edit", re.IGNORECASE)
GENERATED_HEAD = 1_000  # characters; such notices stand at the top

HASH_COMMENTS = frozenset({"python", "bash"})
IMPORT = re.compile(r"\s*(?:import|from|package|use|using|require|#include|include)\b")
IDENTIFIER = re.compile(r"[^\W\d]\w|[^\W\d] *[-+*/]?[=(.\[]")  # one letter alone may be a stray
BARE = re.compile(r"\s*(?:else|try|finally|pass|break|continue|do|then|fi|done|end)\b\W*$")
QUOTES = re.compile(r'"""|\'\'\'')


def is_generated(text: str) -> bool:
    """Whether the file says of itself that a program wrote it."""
    return GENERATED.search(text[:GENERATED_HEAD]) is not None


def code_lines(lines: Sequence[str], language: str) -> frozenset[int]:
    """Indices of lines that are more than blank, comment, docstring, import, or a lone keyword or bracket.

    A heuristic: a triple quote inside a comment may mislead it for some lines, which costs a window, not a wrong seed.
    """
    prose = _prose_lines(lines, language)
    return frozenset(index for index, line in enumerate(lines) if index not in prose and _is_code(line, language))


def _is_code(line: str, language: str) -> bool:
    stripped = line.strip()
    if stripped.startswith("#" if language in HASH_COMMENTS else ("//", "/*", "*", "--")):
        return False
    return bool(IDENTIFIER.search(stripped)) and not IMPORT.match(line) and not BARE.match(line)


def _prose_lines(lines: Sequence[str], language: str) -> frozenset[int]:
    """Lines within block comments, or within triple-quoted strings that open a line (docstrings)."""
    prose = set()
    closing = ""
    for index, line in enumerate(lines):
        if closing:
            prose.add(index)
            closing = "" if closing in line else closing
        elif language == "python":
            closing = _docstring_end(line)
            if closing or line.lstrip().lstrip("rRuUbBfF").startswith(('"""', "'''")):
                prose.add(index)
        elif line.lstrip().startswith("/*") and "*/" not in line:
            closing = "*/"
    return frozenset(prose)


def _docstring_end(line: str) -> str:
    """The triple quote that this line leaves open, or an empty text."""
    closing = ""
    for quote in QUOTES.findall(line):
        closing = quote if not closing else "" if quote == closing else closing
    return closing
