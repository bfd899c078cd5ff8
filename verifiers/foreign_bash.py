"""A Python function's calls as tests of a shell function: arguments in, what `$(...)` gives out.

Arguments that are no lists come in their order, and after them the members of the only list. The result is printed: one
line, for a list one line for each member, for a list of lists one for each of those. None prints nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from verifiers.foreign_literals import Unwritable
from verifiers.foreign_shapes import SCALARS, Shape, is_list, is_option, member

WORDS = frozenset({"int", "bool", "text"})  # Bash has no fractions
LARGEST = (1 << 63) - 1
ESCAPES = {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\t": "\\t"}


def fits(shape: Shape) -> bool:
    """Whether a shell function can take and print such values."""
    lists = [kind for kind in shape.parameters if is_list(kind)]
    scalars = [kind for kind in shape.parameters if not is_list(kind)]
    given = all(kind in WORDS for kind in scalars) and len(lists) <= 1 and all(member(kind) in WORDS for kind in lists)
    return bool(shape.parameters) and given and _prints(shape.returns)


def _prints(kind: str) -> bool:
    inner = member(kind)
    return kind in WORDS or inner in WORDS or (is_list(inner) and member(inner) in WORDS - {"text"})


def usage(name: str, parameters: Sequence[str], shape: Shape) -> str:
    """How the function is called: `name count values...`."""
    scalars = [given for given, kind in zip(parameters, shape.parameters, strict=True) if kind in SCALARS]
    lists = [f"{given}..." for given, kind in zip(parameters, shape.parameters, strict=True) if is_list(kind)]
    return " ".join([name, *scalars, *lists])


def test_lines(name: str, shape: Shape, cases: Sequence[tuple[Sequence[Any], Any]]) -> list[str]:
    """One line for each case; empty where the shell cannot pass its arguments or show its result exactly."""
    return [_line(name, shape, arguments, result) for arguments, result in cases]


def script(name: str, shape: Shape, lines: Sequence[str]) -> str:
    """The tests of all lines."""
    del name, shape  # the shell declares nothing
    return "\n".join(lines) + "\n"


def _line(name: str, shape: Shape, arguments: Sequence[Any], result: Any) -> str:
    try:
        scalars = [_word(value) for value, kind in zip(arguments, shape.parameters, strict=True) if kind in SCALARS]
        pairs = zip(arguments, shape.parameters, strict=True)
        members = [_word(item) for value, kind in pairs if is_list(kind) for item in value]
        called = " ".join([name, *map(_quoted, [*scalars, *members])])
        return f'[ "$({called})" = {_quoted(_printed(result, shape.returns))} ]'
    except Unwritable:
        return ""


def _printed(result: Any, kind: str) -> str:
    """What `$(...)` gives, which ends before the last newlines. Raises Unwritable where that hides something."""
    if is_option(kind) and result is None:
        return ""
    if not is_list(kind):
        text = _word(result)
    elif is_list(member(kind)):
        text = "\n".join(" ".join(map(_word, inner)) for inner in result)
    else:
        words = [_word(item) for item in result]
        if any("\n" in word for word in words):
            raise Unwritable("a member of more than one line")
        text = "\n".join(words)
    if text.endswith("\n") or (not text and (is_option(kind) or (is_list(kind) and result))):
        raise Unwritable("the end of the output would not show")
    return text


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        if abs(value) > LARGEST:
            raise Unwritable("beyond 64 bits")
        return str(value)
    if not isinstance(value, str) or not all(" " <= letter <= "~" or letter in "\n\t" for letter in value):
        raise Unwritable("no plain text")
    return value


def _quoted(text: str) -> str:
    return f"$'{''.join(ESCAPES.get(letter, letter) for letter in text)}'"
