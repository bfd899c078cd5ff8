r"""Takes the final answer out of a free-text response (feature row M5).

Order of trust: the last whole `\boxed{...}`; a `#### x` line; the last of "Answer: x" lines and "the answer is x"
sentences; an `A: x` line as the GSM8K samples end in; and only where a response marks no answer at all, its last
number. A response that is cut off inside its box counts as having no box.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Mark = Literal["boxed", "hashes", "answer_line", "sentence", "a_line", "last_number"]

SEARCHED_CHARACTERS = 20_000  # from the end: a final answer stands there, and hostile texts are long
SEARCHED_BOXES = 20
SPACES = re.compile(r"[ \t]+")
BOLD = re.compile(r"(\*\*|__)(?=\S)([^*\n]+?)\1")
BOX = re.compile(r"\\f?box(?:ed)?\s*\{")
HASHES = re.compile(r"^[ \t]*####[ \t]*(\S[^\n]*)$", re.MULTILINE)
ANSWER_LINE = re.compile(
    r"^[ >#*_-]*(?:the )?(?:final )?(?:answer|ans) ?[*_]* ?[:=] ?[*_]* ?\n? ?(\S[^\n]*)$",
    re.MULTILINE | re.IGNORECASE,
)
SENTENCE = re.compile(
    r"\b(?:answer|result|solution|(?:correct|right) (?:option|choice))\b"
    r"[^.\n:=]{0,80}?\b(?:is|are|equals|would be|will be|comes to)\b ?:?\s*(?=\S)",
    re.IGNORECASE,
)
A_LINE = re.compile(r"^A:[ \t]*(\S[^\n]*)$", re.MULTILINE)
OPTION_LINE = re.compile(r"^B:[ \t]*\S", re.MULTILINE)
NUMBER = re.compile(r"(?<![\w.])[-−]?[$€£¥]?(?:\d+(?:,\d{3})*(?:\.\d+)?|\.\d+)(?:/\d+)?(?![\d])\s?%?")
SENTENCE_END = re.compile(r"\.(?=\s|$)|;|,?\s(?:since|because|so that|which means|which is|as required)\b")
MATH_SPAN = re.compile(r"\$\$?(?P<dollar>[^$]+)\$\$?|\\\((?P<round>.+?)\\\)|\\\[(?P<square>.+?)\\\]")
LEADING_WORDS = re.compile(r"^(?:[A-Za-z'’]+,?[ \t]+)+(?=[-−]?[$€£¥]?\.?\d)")
# Words that change what the number after them means; text with one of them is left whole.
MEANINGFUL_WORDS = (
    "not no less more fewer greater smaller at least most than negative minus between under over above below plus "
    "times every either or and squared half twice percent up down from to x y z n"
)
MEANINGFUL = frozenset(MEANINGFUL_WORDS.split())


@dataclass(frozen=True, slots=True)
class Found:
    """The answer as the response writes it, and what marked it."""

    text: str
    mark: Mark


def extract_answer(response: str) -> Found | None:
    """The final answer of a response, or None where it has none."""
    text = SPACES.sub(" ", response[-SEARCHED_CHARACTERS:])
    boxed = _last_box(text)
    if boxed is not None:
        return Found(boxed, "boxed")
    hashes = _last(HASHES, text)
    if hashes is not None:
        return Found(_tidy(hashes.group(1)), "hashes")
    marked = _marked(text)
    if marked is not None:
        return marked
    number = _last(NUMBER, text)
    return Found(number.group().strip(), "last_number") if number is not None else None


def _marked(text: str) -> Found | None:
    line, sentence = _last(ANSWER_LINE, text), _last(SENTENCE, text)
    # "Answer: the answer is 5" is both; the sentence knows better where the answer begins.
    if sentence is not None and (line is None or sentence.end() > line.start(1)):
        return _clause(text[sentence.end() :].split("\n", 1)[0], "sentence")
    if line is not None:
        return _clause(line[1], "answer_line")
    a_line = _last(A_LINE, text)
    if a_line is not None and OPTION_LINE.search(text) is None:
        return Found(_tidy(a_line[1]), "a_line")
    return None


def _last(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    found = None
    for found in pattern.finditer(text):  # noqa: B007 - the last one is wanted
        pass
    return found


def _last_box(text: str) -> str | None:
    for box in list(BOX.finditer(text))[: -SEARCHED_BOXES - 1 : -1]:
        content = _braced(text, box.end())
        if content is not None and content.strip():
            return content.strip()
    return None


def _braced(text: str, start: int) -> str | None:
    """The text from `start` to the brace that closes the group opened just before; None where nothing closes it."""
    depth, position = 1, start
    while position < len(text):
        character = text[position]
        if character == "\\":
            position += 1  # an escaped brace is a character of the answer
        elif character == "{":
            depth += 1
        elif character == "}":
            depth -= 1
            if depth == 0:
                return text[start:position]
        position += 1
    return None


def _tidy(text: str) -> str:
    text = BOLD.sub(r"\2", text).strip().strip("*_`").strip()
    return text[:-1].rstrip() if text.endswith(".") else text


def _clause(rest: str, mark: Mark) -> Found | None:
    """The answer at the beginning of what follows "the answer is"; None where nothing readable stands there."""
    end = SENTENCE_END.search(rest)
    clause = _tidy(rest[: end.start()] if end else rest)
    span = MATH_SPAN.search(clause)
    if span is not None and clause[: span.start()].replace(" ", "").isalpha():
        clause = clause[span.start() :]  # "the answer is therefore $5$ cm"
    words = LEADING_WORDS.match(clause)
    if words is not None and not MEANINGFUL & set(re.findall(r"[a-z]+", words.group().lower())):
        clause = clause[words.end() :]  # "the answer is that she makes $18 per day"
    clause = _tidy(clause)
    return Found(clause, mark) if clause else None
