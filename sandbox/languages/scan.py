"""Blanks comments and strings of C-like sources, so that what is left can be searched for code."""

from __future__ import annotations

import re

_C_LIKE = re.compile(
    r"""//[^\n]*|/\*.*?(?:\*/|\Z)|"(?:\\.|[^"\\\n])*"?|'(?:\\.|[^'\\\n])*'?|`(?:\\.|[^`\\])*`?""", re.DOTALL
)
_PHP = re.compile(r"""(?://|\#(?!\[))[^\n]*|/\*.*?(?:\*/|\Z)|"(?:\\.|[^"\\])*"?|'(?:\\.|[^'\\])*'?""", re.DOTALL)
_RUST = re.compile(r"""//[^\n]*|/\*.*?(?:\*/|\Z)|r\#*".*?"\#*|"(?:\\.|[^"\\])*"?|'(?:\\.[^']*|[^'\\\n])'""", re.DOTALL)


def _blank(match: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", match.group())


def blanked(source: str) -> str:
    """The same text, of the same length and with the same lines, with comments and strings as spaces."""
    return _C_LIKE.sub(_blank, source)


def blanked_php(source: str) -> str:
    """The same for PHP."""
    return _PHP.sub(_blank, source)


def blanked_rust(source: str) -> str:
    """The same for Rust, where a quote may begin a lifetime."""
    return _RUST.sub(_blank, source)


def line_of(source: str, position: int) -> tuple[int, str]:
    """Line number, from 1, and text of the line at a position."""
    start = source.rfind("\n", 0, position) + 1
    end = source.find("\n", position)
    return source.count("\n", 0, position) + 1, source[start : end if end >= 0 else None].strip()[:160]
