"""Artefacts of extraction that make a page unfit as material: line numbers, damaged encoding, boilerplate (A2).

The first kind is what to look for first: on pages with code, extraction often leaves the line numbers of the listing as
one run, `1 2 3 ... 34`, in a line, in a column, or before the lines of code. Dates, calendars, tables, numbered lists
and arithmetic are not that, and tests hold both sides.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ftfy.badness import is_bad

WHOLE_LINE_RUN = 8  # ascending numbers that make up a whole line
MIXED_LINE_RUN = 10  # with other words in the line
COLUMN_RUN = 8  # lines
CODE_SHARE = 0.4  # of numbered lines that look like code, for their numbers to count as line numbers
TABLE_SHARE = 0.7  # of lines with equally many cells, for them to count as a table
BOILERPLATE_SHARE = 0.3  # of the characters, in paragraphs with a boilerplate phrase
MENU_LINES = 12  # lines from which a page of short fragments counts as a menu
SHORT_LINE = 30  # characters; FineWeb's limit of a short line
SHORT_LINES = 0.67  # share; FineWeb's limit
NUMBER = re.compile(r"(?<![^\s])\d{1,5}(?![^\s])")
NUMBERED = re.compile(r"[ \t]*(\d{1,5})(?:[ \t]*[|:][ \t]?|[ \t]+|$)(.*)")
CODE = re.compile(
    r"[{};]|\w\(|\)\s*:|^\s*(?:def|class|import|from|return|if|elif|else|for|while|try|with|public|private|static|var|let"
    r"|const|function|package|use|fn|#include|//|/\*)\b|^\s*(?:#|//|/\*|\*)|\w+\s*[-+*/|&]?=\s*\S|^\s{4,}\S|^\s*$"
)
ARITHMETIC = re.compile(r"[\d\s.,:+*/×÷=()^%xX-]*")
CELLS = re.compile(r"\t+|\s{2,}|\s*\|\s*")
CONTROL = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f\ufffe\uffff]")
REPLACEMENT = "\ufffd"
SENTENCE_END = re.compile(r"[.!?:;。！？]['\"”’)\]]*$")
PHRASES = re.compile(
    r"all rights reserved|\bcookies?\b|privacy policy|terms (?:of|and) (?:use|service|conditions)"
    r"|skip to (?:main )?content|sign (?:in|up)\b|log ?in\b|subscribe|newsletter|share (?:this|on)|follow us"
    r"|click here|read more|back to top"
    r"|javascript (?:is|must be|to be) (?:disabled|enabled)|enable javascript|add to cart|site ?map|copyright ©"
    r"|© ?\d{4}|powered by|related (?:posts|articles)|leave a (?:comment|reply)|advertisement|lorem ipsum"
    r"|page not found|404 error",
    re.IGNORECASE,
)


DIGIT = re.compile("[0-9]")


@dataclass(frozen=True, slots=True)
class Artefact:
    """What is wrong with a page: a snake_case reason, and the place in it."""

    reason: str
    detail: str


def find_artefact(text: str) -> Artefact | None:
    """The first artefact of the page: damaged_encoding, line_number_run, boilerplate; None for a sound page."""
    lines = text.split("\n")
    for find in (_damage, _line_number_run, _boilerplate):
        detail = find(lines)
        if detail is not None:
            return Artefact(find.__name__.strip("_").replace("damage", "damaged_encoding"), detail[:80])
    return None


def _damage(lines: Sequence[str]) -> str | None:
    """Replacement and control characters, and text that was decoded with the wrong encoding ("donâ€™t")."""
    for line in lines:
        if REPLACEMENT in line or CONTROL.search(line) or (not line.isascii() and is_bad(line)):
            return line.strip()
    return None


def _line_number_run(lines: Sequence[str]) -> str | None:
    return _run_in_a_line(lines) or _run_of_lines(lines)


def _run_in_a_line(lines: Sequence[str]) -> str | None:
    """`1 2 3 4 ... 34`: consecutive numbers with nothing but blanks between them, that are not the head of a table."""
    for index, line in enumerate(lines):
        if not DIGIT.search(line):
            continue
        tokens = line.split()
        length, start = _longest_run(tokens)
        least = WHOLE_LINE_RUN if length == len(tokens) else MIXED_LINE_RUN
        if length >= least and not _is_table_row(lines, index, len(tokens)):
            return f"{tokens[start]} ... {tokens[start + length - 1]}"
    return None


def _longest_run(tokens: Sequence[str]) -> tuple[int, int]:
    """Length and start of the longest run of consecutive numbers among neighbouring words."""
    best = (0, 0)
    length = 0
    for index, token in enumerate(tokens):
        number = _number(token)
        follows = number is not None and index > 0 and _number(tokens[index - 1]) == number - 1
        length = length + 1 if follows and length else int(number is not None)
        best = max(best, (length, -(index - length + 1)))
    return best[0], -best[1]


def _number(token: str) -> int | None:
    return int(token) if token.isascii() and token.isdigit() and len(token) <= 5 else None


def _is_table_row(lines: Sequence[str], index: int, cells: int) -> bool:
    """Whether a neighbouring line has about as many cells, most of them short: a scorecard, a year by months."""
    for other in (index - 1, index + 1):
        if 0 <= other < len(lines):
            words = lines[other].split()
            short = sum(len(word) <= 6 for word in words)
            if words and abs(len(words) - cells) <= max(1, cells // 5) and short >= 0.8 * len(words):
                return True
    return False


def _run_of_lines(lines: Sequence[str]) -> str | None:
    """Numbers that ascend by one from line to line, alone or before code."""
    for run in _numbered_runs(lines):
        rests = [rest for _, rest in run]
        bare = sum(not rest.strip() for rest in rests)
        if bare == len(rests) or _looks_like_code(rests):
            return f"{run[0][0]} ... {run[-1][0]} down the lines"
    return None


def _numbered_runs(lines: Sequence[str]) -> Iterator[list[tuple[int, str]]]:
    """Runs of at least COLUMN_RUN lines, not counting blank ones, that begin with consecutive numbers."""
    run: list[tuple[int, str]] = []
    for line in [*lines, "end"]:
        if not line.strip():
            continue
        found = NUMBERED.fullmatch(line)
        number = int(found[1]) if found else None
        if run and number != run[-1][0] + 1:
            if len(run) >= COLUMN_RUN:
                yield run
            run = []
        if found and number is not None:
            run.append((number, found[2]))


def _looks_like_code(rests: Sequence[str]) -> bool:
    """Most lines of a listing show it; a line of sums or of table cells does not count as code."""
    if _is_table(rests):
        return False
    code = sum(CODE.search(rest) is not None and (not rest.strip() or not ARITHMETIC.fullmatch(rest)) for rest in rests)
    said = sum(bool(rest.strip()) for rest in rests)
    return code >= CODE_SHARE * len(rests) and any(CODE.search(rest) for rest in rests if rest.strip()) and said > 0


def _is_table(rests: Sequence[str]) -> bool:
    counts = [len([cell for cell in CELLS.split(rest.strip()) if cell]) for rest in rests if rest.strip()]
    if not counts:
        return False
    usual = max(set(counts), key=counts.count)
    return usual >= 2 and counts.count(usual) >= TABLE_SHARE * len(counts)


def _boilerplate(lines: Sequence[str]) -> str | None:
    """Notices and menus of a site in place of its content."""
    paragraphs = [part for part in re.split(r"\n\s*\n", "\n".join(lines)) if part.strip()]
    phrased = [part for part in paragraphs if PHRASES.search(part)]
    kinds = {match.lower() for part in phrased for match in PHRASES.findall(part)}
    if len(kinds) >= 2 and sum(map(len, phrased)) >= BOILERPLATE_SHARE * sum(map(len, paragraphs)):
        return ", ".join(sorted(kinds))
    said = [line.strip() for line in lines if line.strip()]
    short = sum(len(line) < SHORT_LINE and not SENTENCE_END.search(line) for line in said)
    ended = any(SENTENCE_END.search(line) for line in said)
    if len(said) >= MENU_LINES and short > SHORT_LINES * len(said) and not ended:
        return f"{short} of {len(said)} lines are short fragments"
    return None
