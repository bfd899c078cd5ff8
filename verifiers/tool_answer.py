"""The answer after the calls: it tells what the tools gave (`tool_answer`), and needed them for it (`tool_needed`).

What counts as telling a result, by its type. A number: an equal numeral, or one that it rounds to. A text: the text, or
most of its words. A truth value: an answer that says the opposite does not tell it. A list or object: at least half of
the plain values in it. Nothing has to be told of null, of empty results and of texts without a letter or digit. After
an error the answer must admit it. Whether the answer is right in words as well is for a judge; this finds those that no
judge has to read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from records.types import JSON, Candidate, Check, Outcome, Verdict, canonical_json
from verifiers.answer_text import shown
from verifiers.base import Resources
from verifiers.strict_json import NotJson, read
from verifiers.tool_dialogue import BrokenDialogue, MadeCall, is_error, made_calls

WORD = re.compile(r"\w+")
NUMERAL = re.compile(r"[-+\N{MINUS SIGN}]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
THOUSANDS = re.compile(r"(?<!\d)\d{1,3}(?:,\d{3})+(?:\.\d+)?(?!\d)")
YES = frozenset({"yes", "true", "correct", "right"})
NO = frozenset({"no", "false", "not", "isn", "doesn", "aren", "cannot", "never", "neither", "without"})
ADMITS = frozenset(
    [
        "error",
        "errors",
        "failed",
        "fails",
        "failure",
        "unable",
        "cannot",
        "not",
        "invalid",
        "impossible",
        "refused",
        "sorry",
        "wrong",
        "no",
    ]
)
ENOUGH_WORDS = 0.6
ENOUGH_VALUES = 0.5
MAX_VALUES = 200
LONG_ENOUGH = 4  # letters and digits of a text


@dataclass(frozen=True)
class ToolAnswer(Check):
    """The last turn tells the results of the last `results` calls (0: of all of them).

    `expected` is the JSON text of a list of further values that it must tell.
    """

    kind: ClassVar[str] = "tool_answer"
    results: int = 1
    expected: str = "[]"


@dataclass(frozen=True)
class ToolNeeded(Check):
    """The part, an answer to the same request without tools, does not tell the last result already (T5)."""

    kind: ClassVar[str] = "tool_needed"
    part: str = "without_tool"


async def verify(check: ToolAnswer, candidate: Candidate, resources: Resources) -> Verdict:
    """PASS tells_results. FAIL ignores_result, hides_error, lacks_expected, no_answer. UNJUDGED broken_dialogue."""
    try:
        calls = made_calls(candidate.messages)
    except BrokenDialogue as error:
        return Verdict(check.kind, Outcome.UNJUDGED, "broken_dialogue", {"error": str(error)})
    last = len(candidate.messages) - 1
    message = candidate.messages[last]
    if message.role != "assistant" or message.tool_calls or not message.content.strip():
        return Verdict(check.kind, Outcome.FAIL, "no_answer", {"message": last})
    for call in calls[-check.results :]:
        reason = _missing(message.content, call)
        if reason:
            evidence: Mapping[str, JSON] = {"message": last, "tool": call.name, "result": shown(call.result or "", 300)}
            return Verdict(check.kind, Outcome.FAIL, reason, evidence)
    for value in read(check.expected):
        if not tells(message.content, value):
            evidence = {"message": last, "expected": shown(canonical_json(value), 300)}
            return Verdict(check.kind, Outcome.FAIL, "lacks_expected", evidence)
    return Verdict(check.kind, Outcome.PASS, "tells_results", {"message": last})


async def verify_needed(check: ToolNeeded, candidate: Candidate, resources: Resources) -> Verdict:
    """PASS needed. FAIL tool_not_needed. UNJUDGED broken_dialogue."""
    try:
        calls = made_calls(candidate.messages)
    except BrokenDialogue as error:
        return Verdict(check.kind, Outcome.UNJUDGED, "broken_dialogue", {"error": str(error)})
    said = candidate.parts[check.part]
    if calls and calls[-1].result is not None and not is_error(calls[-1].result):
        value = read(calls[-1].result)
        if _is_telling(value) and tells(said, value):
            return Verdict(check.kind, Outcome.FAIL, "tool_not_needed", {"answer": shown(said, 300)})
    return Verdict(check.kind, Outcome.PASS, "needed", {})


def _missing(answer: str, call: MadeCall) -> str:
    if call.result is None:
        return ""
    if is_error(call.result):
        return "" if ADMITS & _words(answer) else "hides_error"
    try:
        value = read(call.result)
    except NotJson:
        value = call.result
    return "" if tells(answer, value) else "ignores_result"


def tells(answer: str, value: JSON) -> bool:
    """Whether a text tells a result."""
    values = list(dict.fromkeys(_plain(value)))[:MAX_VALUES]
    if not values:
        return True
    words, numbers = _words(answer), _numbers(answer)
    told = sum(_tells_one(answer, words, numbers, one) for one in values)
    return told == 1 if len(values) == 1 else told >= ENOUGH_VALUES * len(values)


def _is_telling(value: JSON) -> bool:
    """Whether an answer that tells it cannot well have met it by chance, as it may a truth value or a letter."""
    values = [one for one in _plain(value) if not isinstance(one, bool)]
    return any(isinstance(one, int | float) or sum(map(str.isalnum, one)) >= LONG_ENOUGH for one in values)


def _plain(value: JSON) -> Iterator[bool | int | float | str]:
    if isinstance(value, Mapping):
        for item in value.values():
            yield from _plain(item)
    elif isinstance(value, list):
        for item in value:
            yield from _plain(item)
    elif value is not None and (not isinstance(value, str) or any(one.isalnum() for one in value)):
        yield value


def _tells_one(answer: str, words: frozenset[str], numbers: list[tuple[float, int]], value: JSON) -> bool:
    if isinstance(value, bool):
        right, wrong = (YES, NO) if value else (NO, YES)
        return bool(right & words) or not wrong & words
    if isinstance(value, int | float):
        return any(_rounds_to(float(value), number, places) for number, places in numbers)
    text = value.casefold().strip()
    if sum(map(str.isalnum, text)) < LONG_ENOUGH:  # "a" stands in many words, which tell nothing of it
        return re.search(rf"(?<!\w){re.escape(text)}(?!\w)", answer.casefold()) is not None
    if text in answer.casefold() or json.dumps(text, ensure_ascii=False)[1:-1] in answer.casefold():
        return True
    wanted = set(WORD.findall(text))
    return bool(wanted) and len(wanted & words) >= (ENOUGH_WORDS if len(wanted) > 3 else 1) * len(wanted)


def _rounds_to(value: float, number: float, places: int) -> bool:
    if number == value:
        return True
    return places > 0 and abs(number - value) <= 0.5000001 * 10.0**-places


def _numbers(text: str) -> list[tuple[float, int]]:
    """Numerals of a text with their decimal places."""
    found = []
    for numeral in [*NUMERAL.findall(text), *(one.replace(",", "") for one in THOUSANDS.findall(text))]:
        digits = numeral.replace("\N{MINUS SIGN}", "-")
        for one in {digits, digits.lstrip("+-")}:  # "3-4" holds a 4
            if len(one) < 300:
                places = len(one.partition(".")[2]) if "e" not in one.lower() else 0
                found.append((float(one), places))
    return found


def _words(text: str) -> frozenset[str]:
    return frozenset(WORD.findall(text.casefold()))
