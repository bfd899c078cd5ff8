"""Tables as plain text for terminals and pipes, and as Markdown; foreign text in a cell stays text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from audit.inert import inert_line

WIDTH = 80
GAP = "  "
NARROWEST = 8  # a column of text is not made narrower than this or its header
NUMBER = re.compile(r"-?[\d.,]+ ?%?$")
# What GitHub-flavoured Markdown could read as markup inside a cell; `_` within a word, and `:` and `.` outside of
# something like an address, are plain text there.
MARKUP = re.compile(r"[\\`*\[\]<>|~&$@]|(?<![^\W_])_|_(?![^\W_])|:(?=//)|(?<=[wW])\.")

Table = tuple[Sequence[str], Sequence[Sequence[object]]]
"""Headers and rows."""


def text_table(
    headers: Sequence[str], rows: Sequence[Sequence[object]], width: int = WIDTH, *, stack: bool = False
) -> str:
    """Aligned text that ends with a line end, numbers to the right.

    Where it would be wider than `width` characters, the widest text columns are wrapped; where that is not enough
    and `stack` permits it, each row becomes a few lines. Terminal controls in cells are shown, not obeyed. Leading
    spaces of a cell are kept.
    """
    cells = [[_cell(value) for value in row] for row in (headers, *rows)]
    numeric = _numeric(cells)
    widths = [max(map(_columns, column)) for column in zip(*cells, strict=True)]
    widths = _fit(widths, [_least(*column) for column in zip(cells[0], widths, numeric, strict=True)], width)
    if stack and sum(widths) + len(GAP) * (len(widths) - 1) > width:
        return "".join(f"{line}\n" for row in cells[1:] for line in _stacked(cells[0], row, width))
    rule = ["-" * size for size in widths]
    lines = [line for row in (cells[0], rule, *cells[1:]) for line in _row_lines(row, widths, numeric)]
    return "\n".join(lines) + "\n"


def _stacked(headers: Sequence[str], row: Sequence[str], width: int) -> list[str]:
    """A row for a narrow terminal: its first cell, and below it what the other columns say."""
    first, *others = row
    inner = " " * (len(first) - len(first.lstrip()) + 2)
    said = ", ".join(
        f"{header} {cell.strip()}" for header, cell in zip(headers[1:], others, strict=True) if cell.strip()
    )
    lines = _wrap(said, max(NARROWEST, width - len(inner))) if said else []
    return [*([first] if first.strip() else []), *(inner + line for line in lines)]


def markdown_table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A GitHub-flavoured table that ends with a line end; nothing in a cell is read as markup, link or line end."""
    cells = [[_cell(value) for value in row] for row in (headers, *rows)]
    numeric = _numeric(cells)
    rule = ["---:" if is_number else "---" for is_number in numeric]
    escaped = [[_escape(cell.strip()) for cell in row] for row in cells]
    return "".join(f"| {' | '.join(row)} |\n" for row in (escaped[0], rule, *escaped[1:]))


def percent(part: int, whole: int) -> str:
    """A share as "98.3%", and as "-" where there is no whole."""
    return f"{100 * part / whole:.1f}%" if whole else "-"


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return inert_line("" if value is None else str(value))


def _escape(cell: str) -> str:
    return MARKUP.sub(r"\\\g<0>", cell)


def _numeric(cells: Sequence[Sequence[str]]) -> list[bool]:
    """Whether each column holds nothing but numbers below its header."""
    body = list(zip(*cells, strict=True))
    return [len(column) > 1 and all(is_number(cell) for cell in column[1:]) for column in body]


def is_number(cell: str) -> bool:
    """Whether a cell of a table is a number, a share, or the mark for there being none."""
    return cell in ("", "-") or NUMBER.match(cell) is not None


def _least(header: str, width: int, numeric: bool) -> int:
    """How far a column may be narrowed: numbers and headers are never broken."""
    return width if numeric else min(width, max(NARROWEST, _columns(header)))


def _fit(widths: list[int], least: Sequence[int], width: int) -> list[int]:
    """The widths, the widest that may be narrowed first, until the table fits or nothing is left to narrow."""
    while sum(widths) + len(GAP) * (len(widths) - 1) > width:
        wide = [index for index, size in enumerate(widths) if size > least[index]]
        if not wide:
            break
        widths[max(wide, key=lambda index: widths[index])] -= 1
    return widths


def _row_lines(row: Sequence[str], widths: Sequence[int], numeric: Sequence[bool]) -> list[str]:
    wrapped = [_wrap(cell, size) for cell, size in zip(row, widths, strict=True)]
    lines = []
    for number in range(max(map(len, wrapped))):
        parts = [part[number] if number < len(part) else "" for part in wrapped]
        padded = [_pad(*entry) for entry in zip(parts, widths, numeric, strict=True)]
        lines.append(GAP.join(padded).rstrip())
    return lines


def _pad(text: str, size: int, right: bool) -> str:
    space = " " * (size - _columns(text))
    return space + text if right else text + space


def _wrap(text: str, size: int) -> list[str]:
    """Pieces of at most `size` columns: at a space where the piece has one in its second half, else anywhere."""
    pieces = []
    while _columns(text) > size:
        end = next(index for index in range(len(text), 0, -1) if _columns(text[:index]) <= size or index == 1)
        space = text.rfind(" ", end // 2, end + 1)
        pieces.append(text[: space if space > 0 else end])
        text = text[space + 1 if space > 0 else end :]
    return [*pieces, text]


def _columns(text: str) -> int:
    """Terminal columns: East Asian wide characters take two, combining ones none."""
    return sum(_character_columns(character) for character in text)


def _character_columns(character: str) -> int:
    if unicodedata.combining(character) or character in "\u200c\u200d":
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
