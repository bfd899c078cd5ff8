r"""Takes the tool calls out of what served models emit (feature row T3).

Forms: a list of `{name, arguments}` or of OpenAI `tool_calls`, arguments as an object or as JSON text; and assistant
text with `<tool_call>{...}</tool_call>` tags, JSON (one value, an array, several in a row), or Python calls, each also
in Markdown fences. Text that calls nothing is no call; text that tries to call and cannot be read is malformed.

Where prose surrounds them, only these count as calls: tags, JSON objects with a name and arguments, and lines or fences
that hold Python calls of known tools and nothing else. A tool that is merely mentioned in a sentence is not called.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from records.types import JSON
from verifiers.python_calls import NotPythonCalls, Parameters, read_python_calls
from verifiers.strict_json import NotJson, TooLarge, check, read, read_at

MAX_CHARACTERS = 500_000  # of one assistant turn
MAX_CALLS = 128  # of one turn; the comparison is quadratic
MAX_OPENINGS = 200  # places in prose where a JSON call may begin

THINKING = re.compile(r"\A\s*<think>.*?</think>", re.DOTALL)
TAGGED = re.compile(r"<tool_call>(.*?)(</tool_call>|(?=<tool_call>)|\Z)", re.DOTALL)
FENCE = re.compile(r"[ \t]*```[ \t]*[\w+-]*[ \t]*")  # a line that opens or closes a block
PREFIX = re.compile(r"\A(?:\[TOOL_CALLS\]|<\|python_tag\|>)\s*")
JSON_CALL = re.compile(r'[\[{][\s\[{]{0,40}"(?:name|function|arguments|parameters)"\s*:')
PYTHON_CALL = re.compile(r"\[?\s*([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)\(")
BETWEEN = re.compile(r"[\s,;]*")

NO_PARAMETERS: Parameters = {}


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call of a tool."""

    name: str
    arguments: Mapping[str, JSON]


class MalformedCalls(Exception):
    """Calls were tried and cannot be read. Codes: those of NotJson and NotPythonCalls, and the ones raised here."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


def parse_calls(source: JSON, parameters: Parameters = NO_PARAMETERS) -> list[ToolCall]:
    """The calls of one turn, in order; none where nothing is called.

    `source` is a list of calls or assistant text; `parameters` names each known tool's parameters in order.
    Raises MalformedCalls; its code is too_large where the source is beyond what is read at all.
    """
    try:
        calls = _parse(source, parameters)
    except (NotJson, NotPythonCalls) as error:
        raise MalformedCalls(error.code, error.detail) from None
    if len(calls) > MAX_CALLS:
        raise MalformedCalls("too_large", f"more than {MAX_CALLS} calls")
    return calls


def _parse(source: JSON, parameters: Parameters) -> list[ToolCall]:
    if isinstance(source, str):
        return _parse_text(source, parameters)
    if source is None:  # OpenAI's `tool_calls` of a turn without calls
        return []
    check(source)
    return _calls_of(source)


def _calls_of(value: JSON) -> list[ToolCall]:
    """The calls that a JSON value holds."""
    if isinstance(value, dict) and "tool_calls" in value:
        value = value["tool_calls"] or []
    items = value if isinstance(value, list | tuple) else [value]
    if len(items) > MAX_CALLS:
        raise TooLarge(f"more than {MAX_CALLS} calls")
    return [_call_of(item) for item in items]


def _call_of(item: JSON) -> ToolCall:
    if isinstance(item, dict) and isinstance(item.get("function"), dict):
        item = item["function"]
    if not isinstance(item, dict):
        raise MalformedCalls("not_a_call", f"a call is an object, not {type(item).__name__}")
    name = item.get("name")
    if not isinstance(name, str) or not name:
        raise MalformedCalls("no_name", "a call without the name of its tool")
    given = [item[key] for key in ("arguments", "parameters") if key in item]
    if len(given) != 1:
        raise MalformedCalls("no_arguments", f"the call of {name[:80]} has {len(given)} sets of arguments")
    return ToolCall(name, _arguments_of(name, given[0]))


def _arguments_of(name: str, given: JSON) -> dict[str, JSON]:
    arguments = given
    if isinstance(given, str):
        arguments = read(given) if given.strip() else {}  # servers write "" for a tool that takes nothing
    if not isinstance(arguments, dict):
        raise MalformedCalls("arguments_not_object", f"the arguments of {name[:80]} are no object")
    return arguments


def _parse_text(text: str, parameters: Parameters) -> list[ToolCall]:
    if len(text) > MAX_CHARACTERS:
        raise TooLarge(f"longer than {MAX_CHARACTERS} characters")
    text = THINKING.sub("", text).strip()
    if "<tool_call>" in text or "</tool_call>" in text:
        return _parse_tagged(text, parameters)
    marked = PREFIX.match(text)
    if marked:
        return _parse_block(text[marked.end() :], parameters)
    prose, blocks = _fences(text)
    if blocks:
        return _parse_fenced(prose, blocks, parameters)
    if _is_attempt(text, parameters):
        return _parse_block(text, parameters)
    return _parse_prose(text, parameters)


def _parse_tagged(text: str, parameters: Parameters) -> list[ToolCall]:
    blocks = list(TAGGED.finditer(text))
    if not blocks or any(block[2] != "</tool_call>" for block in blocks):
        raise MalformedCalls("unclosed_tag", "a <tool_call> that is not opened or not closed")
    if TAGGED.sub("", text).count("</tool_call>"):
        raise MalformedCalls("unclosed_tag", "a </tool_call> without its opening tag")
    return [call for block in blocks for call in _parse_block(_unfenced(block[1]), parameters)]


def _unfenced(text: str) -> str:
    prose, blocks = _fences(text)
    return "\n".join(blocks) if blocks and not prose else text


def _fences(text: str) -> tuple[str, list[str]]:
    """The text outside of Markdown fences, and the blocks inside; a block that is not closed ends with the text."""
    outside: list[str] = []
    blocks: list[list[str]] = []
    inside = False
    for line in text.split("\n"):
        if FENCE.fullmatch(line):
            inside = not inside
            if inside:
                blocks.append([])
        else:
            (blocks[-1] if inside else outside).append(line)
    return "\n".join(outside).strip(), ["\n".join(block) for block in blocks]


def _parse_block(text: str, parameters: Parameters) -> list[ToolCall]:
    """Text that must be calls and nothing else."""
    text = text.strip()
    if text.startswith("{") or (text.startswith("[") and not PYTHON_CALL.match(text)):
        return [call for value in _values(text) for call in _calls_of(value)]
    if not text:
        raise MalformedCalls("empty", "nothing stands where a call should")
    return [ToolCall(name, arguments) for name, arguments in read_python_calls(text, parameters)]


def _values(text: str) -> Iterator[JSON]:
    """One JSON value after the other, with at most commas, semicolons and spaces between them."""
    position = 0
    while position < len(text):
        value, position = read_at(text, position)
        yield value
        between = BETWEEN.match(text, position)
        position = between.end() if between else position


def _is_attempt(text: str, parameters: Parameters) -> bool:
    """Whether the whole text can only be meant as calls."""
    if text.startswith(("{", "[")):
        return True
    match = PYTHON_CALL.match(text)
    return bool(match and (match[1] in parameters or (text.endswith(")") and _reads_as_python(text))))


def _reads_as_python(text: str) -> bool:
    try:
        read_python_calls(text, NO_PARAMETERS)
    except NotPythonCalls as error:
        return error.code != "not_python"  # calls of something, with arguments that are not literals
    return True


def _parse_fenced(prose: str, blocks: list[str], parameters: Parameters) -> list[ToolCall]:
    """Fences alone must be calls; between prose, code that calls no known tool is an example, not a call."""
    if not prose:
        return [call for block in blocks for call in _parse_block(block, parameters)]
    calls = [call for block in blocks if _calls_known(block, parameters) for call in _parse_block(block, parameters)]
    return calls + _parse_prose(prose, parameters)


def _calls_known(body: str, parameters: Parameters) -> bool:
    body = body.strip()
    match = PYTHON_CALL.match(body)
    return bool(match[1] in parameters if match else JSON_CALL.match(body))


def _parse_prose(text: str, parameters: Parameters) -> list[ToolCall]:
    """Calls that stand in a text for a reader: JSON objects of a call's shape, lines of calls of known tools."""
    calls = list(_json_in_prose(text))
    for line in text.split("\n"):
        match = PYTHON_CALL.match(line.strip())
        if match and match[1] in parameters and line.rstrip(" ;,").endswith((")", "]")):
            calls += _parse_block(line, parameters)
    return calls


def _json_in_prose(text: str) -> Iterator[ToolCall]:
    """Every JSON value in the text that has a call's shape; one that begins like a call and breaks off is malformed."""
    position = 0
    for _ in range(MAX_OPENINGS):
        opening = JSON_CALL.search(text, position)
        if opening is None:
            return
        value, position = read_at(text, opening.start())
        if _has_shape(value):
            yield from _calls_of(value)
    raise TooLarge(f"more than {MAX_OPENINGS} places where a call may begin")


def _has_shape(value: JSON) -> bool:
    items = value if isinstance(value, list) else [value]
    return all(
        isinstance(item, dict)
        and (
            isinstance(item.get("function"), dict) or ("name" in item and ("arguments" in item or "parameters" in item))
        )
        for item in items
    )
