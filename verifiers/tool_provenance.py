"""Every argument value of a dialogue comes from somewhere: the user's words, an earlier result, or a default.

A value from nowhere is a hallucinated argument. A text is found where all its words stand in the source; a number where
an equal numeral stands there, or its word up to twenty, or its percentage. Values that carry no content of their own
need no source: booleans, null, empty ones, and members of an enum of the tool's schema. Lists and objects are looked at
member by member.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from records.types import JSON, Candidate, Check, Message, Outcome, Verdict
from verifiers import tool_calls
from verifiers.answer_text import shown
from verifiers.base import Resources
from verifiers.strict_json import NotJson, read
from verifiers.tool_dialogue import BrokenDialogue, MadeCall, made_calls
from verifiers.tool_schemas import BadTools, Tool, read_tools

WORD = re.compile(r"\w+")
NUMERAL = re.compile(r"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?%?")
ESCAPE = re.compile(r'\\([nrt"\\/])')
ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\", "/": "/"}
THOUSANDS = re.compile(r"(?<!\d)\d{1,3}(?:,\d{3})+(?:\.\d+)?(?!\d)")
NUMBER_WORDS = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
    "twenty",
]


@dataclass(frozen=True)
class ToolProvenance(Check):
    """The arguments of all calls. `fields` are texts beside the dialogue that count as the user's words."""

    kind: ClassVar[str] = "tool_provenance"
    fields: tuple[str, ...] = ()


@dataclass(frozen=True)
class Source:
    """A text that values may come from."""

    kind: str  # user, result
    text: str

    @cached_property
    def folded(self) -> str:
        return _folded(self.text)

    @cached_property
    def words(self) -> frozenset[str]:
        return frozenset(WORD.findall(self.folded))

    @cached_property
    def numbers(self) -> frozenset[float]:
        found = {_number(numeral) for numeral in NUMERAL.findall(self.text)}
        found |= {_number(numeral) for numeral in THOUSANDS.findall(self.text)}
        found |= {float(n) for n, word in enumerate(NUMBER_WORDS) if word in self.words}
        # "3-4" and "2024-03-15" hold their numbers without a sign, too.
        found |= {float(digits) for digits in re.findall(r"\d+(?:\.\d+)?", self.text) if len(digits) < 300}
        return frozenset(number for number in found if number is not None)


async def verify(check: ToolProvenance, candidate: Candidate, resources: Resources) -> Verdict:
    """PASS all_values_known (evidence: where each argument comes from). FAIL hallucinated_argument.

    UNJUDGED broken_dialogue, bad_tools.
    """
    try:
        calls = made_calls(candidate.messages)
        tools = read_tools(tool_calls.value_of(candidate.tools))
    except (BrokenDialogue, BadTools, NotJson) as error:
        reason = "broken_dialogue" if isinstance(error, BrokenDialogue) else "bad_tools"
        return Verdict(check.kind, Outcome.UNJUDGED, reason, {"error": str(error)[:300]})
    found: list[dict[str, JSON]] = []
    for call in calls:
        sources = sources_of(candidate.messages, call.message, [candidate.parts[name] for name in check.fields])
        origins, unknown = trace_call(call, tools.get(call.name), sources)
        if unknown is not None:
            name, value = unknown
            where = {"message": call.message, "tool": call.name, "argument": name, "value": shown(str(value), 300)}
            return Verdict(check.kind, Outcome.FAIL, "hallucinated_argument", where)
        found.append({"tool": call.name, "origins": origins})
    return Verdict(check.kind, Outcome.PASS, "all_values_known", {"calls": found})


def sources_of(messages: Sequence[Message], before: int, extra: Sequence[str] = ()) -> list[Source]:
    """What may be known when the turn `before` is written."""
    kinds = {"user": "user", "system": "user", "tool": "result"}
    spoken = [
        Source(kinds[one.role], _decoded(one.content) if one.role == "tool" else _unescaped(one.content))
        for one in messages[:before]
        if one.role in kinds
    ]
    return [*spoken, *(Source("user", text) for text in extra)]


def trace_call(
    call: MadeCall, tool: Tool | None, sources: Sequence[Source]
) -> tuple[dict[str, JSON], tuple[str, JSON] | None]:
    """The origin of each argument, and the first value that has none."""
    origins: dict[str, JSON] = {}
    for name, value in call.arguments.items():
        schema = tool.properties.get(name, {}) if tool is not None else {}
        found = set()
        for member in _members(value):
            origin = _origin(member, schema, sources)
            if origin is None:
                return origins, (name, member)
            found.add(origin)
        origins[name] = "+".join(sorted(found)) or "empty"
    return origins, None


def _origin(value: JSON, schema: Mapping[str, Any], sources: Sequence[Source]) -> str | None:
    if "default" in schema and type(schema["default"]) is type(value) and schema["default"] == value:
        return "default"
    if value is None or isinstance(value, bool) or value == "" or value in _enum(schema):
        return "implied"
    for source in reversed(sources):
        if _is_in(value, source):
            return source.kind
    return None


def _enum(schema: Mapping[str, Any]) -> Sequence[JSON]:
    items = schema.get("items")
    inner = items.get("enum", ()) if isinstance(items, Mapping) else ()
    return [*schema.get("enum", ()), *inner]


def _members(value: JSON) -> Iterator[JSON]:
    """The plain values in a value. Keys of objects are names, and names are the schema's or the user's business."""
    if isinstance(value, Mapping):
        for item in value.values():
            yield from _members(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _members(item)
    else:
        yield value


def _is_in(value: JSON, source: Source) -> bool:
    if isinstance(value, int | float):
        return float(value) in source.numbers if abs(value) < 1e300 else str(value) in source.text
    folded = _folded(value)
    if folded.strip() in source.folded:
        return True
    words = WORD.findall(folded)
    if not words:  # punctuation alone, which may stand in the source in its JSON form
        return value in source.text
    return all(word in source.words for word in words)


def _unescaped(text: str) -> str:
    """The user's words, and the same with what stands there as in a program text: "a\\nb" for two lines."""
    return "\n".join([text, ESCAPE.sub(lambda match: ESCAPES[match[1]], text)]) if "\\" in text else text


def _decoded(result: str) -> str:
    """A tool's message with its texts as they are, not only as JSON writes them."""
    try:
        texts = [one for one in _members(read(result)) if isinstance(one, str)]
    except NotJson:
        texts = []
    return "\n".join([result, *texts])


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def _number(numeral: str) -> float | None:
    digits = numeral.rstrip("%").replace(",", "")
    if len(digits) > 300:
        return None
    return float(digits) / 100 if numeral.endswith("%") else float(digits)
