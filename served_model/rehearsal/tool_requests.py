"""The requests that the rehearsal's users make for tools: written from calls, and read back into calls.

"Please do the following: (1) math_gcd with a = 12 and b = 18; (2) ..." A model would never write so; but what is said
can be read again exactly, so that the double which plays the assistant knows what was asked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

OPENING = "Please do the following: "
ITEM = re.compile(r"\((\d+)\) ([A-Za-z0-9_-]+)(?: (with) )?")
ARGUMENT = re.compile(r"([A-Za-z_]\w*) = ")
MORE = re.compile(r"More on \((\d+)\): ([A-Za-z_]\w*) = ")
BUSY = "ServiceBusy"
RESULT_OF = re.compile(r"the result of \((\d+)\)")
RESULT_LINE = re.compile(r"^\[result of ([^\]]+)\] (.*)$")
CALL_LINE = re.compile(r"^<call> (\S+) (.*)$")
DECODER = json.JSONDecoder()


@dataclass(frozen=True)
class Asked:
    """One call that a request asks for. An argument `{"$result": 1}` is the result of the first one."""

    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class Heard:
    """What a dialogue holds: everything the user said, calls made, and results in order, as values."""

    system: str
    user: tuple[str, ...]
    calls: tuple[Asked, ...]
    results: tuple[Any, ...]
    result_texts: tuple[str, ...]
    busy: bool = False  # the last call failed because its service was busy

    @property
    def wanted(self) -> list[Asked]:
        """The calls that the user asks for, with what was said later about them."""
        calls = [call for text in self.user for call in read_request(text)]
        for text in self.user:
            for more in MORE.finditer(text):
                at, name = int(more[1]) - 1, more[2]
                if at < len(calls):
                    value, _ = _read_value(text, more.end())
                    calls[at] = Asked(calls[at].name, {**calls[at].arguments, name: value})
        return calls


def write_request(calls: Sequence[Asked], remark: str = "") -> str:
    """The words of a user who wants these calls."""
    items = [f"({number}) {_item(call)}" for number, call in enumerate(calls, 1)]
    return f"{OPENING}{'; '.join(items)}.{' ' + remark if remark else ''}"


def write_more(number: int, name: str, value: Any) -> str:
    """The words of a user who adds a value to a call of the request."""
    return f"More on ({number}): {name} = {_value(value)}"


def _item(call: Asked) -> str:
    pairs = [f"{name} = {_value(value)}" for name, value in call.arguments.items()]
    return f"{call.name} with {' and '.join(pairs)}" if pairs else call.name


def _value(value: Any) -> str:
    if isinstance(value, dict) and set(value) == {"$result"}:
        return f"the result of ({value['$result']})"
    return json.dumps(value, ensure_ascii=False)


def read_request(text: str) -> list[Asked]:
    """The calls that a request asks for; none where it is not of our form."""
    start = text.find(OPENING)
    if start < 0:
        return []
    position, found = start + len(OPENING), []
    while (item := ITEM.match(text, position)) is not None:
        arguments: dict[str, Any] = {}
        position = item.end()
        while item[3] and (name := ARGUMENT.match(text, position)) is not None:
            arguments[name[1]], position = _read_value(text, name.end())
            position += len(" and ") if text.startswith(" and ", position) else 0
        found.append(Asked(item[2], arguments))
        position += len("; ") if text.startswith("; ", position) else 0
    return found


def _read_value(text: str, position: int) -> tuple[Any, int]:
    reference = RESULT_OF.match(text, position)
    if reference:
        return {"$result": int(reference[1])}, reference.end()
    value, end = DECODER.raw_decode(text, position)
    return value, end


def read_dialogue(text: str) -> Heard:
    """A dialogue as the prompt shows it. Lines that begin no message belong to the one before."""
    said: dict[str, list[str]] = {"system": [], "user": [], "assistant": []}
    calls, results, texts = [], [], []
    current: list[str] = []
    for line in text.split("\n"):
        result, call = RESULT_LINE.match(line), CALL_LINE.match(line)
        role = next((role for role in said if line.startswith(f"[{role}]")), "")
        if result:
            texts.append(result[2])
            results.append(json.loads(result[2]))
        elif call:
            calls.append(Asked(call[1], json.loads(call[2])))
        elif role:
            current = said[role]
            current.append(line[len(role) + 2 :].strip())
        elif current:
            current[-1] += "\n" + line
    busy = [at for at, value in enumerate(results) if isinstance(value, dict) and BUSY in str(value.get("error", ""))]
    last_busy = bool(results) and len(results) - 1 in busy
    results = [value for at, value in enumerate(results) if at not in busy]
    texts = [text for at, text in enumerate(texts) if at not in busy]
    return Heard("\n".join(said["system"]), tuple(said["user"]), tuple(calls), tuple(results), tuple(texts), last_busy)


def resolve(value: Any, results: Sequence[Any]) -> Any:
    """The value with results for references."""
    if isinstance(value, dict):
        if set(value) == {"$result"}:
            return results[value["$result"] - 1]
        return {key: resolve(item, results) for key, item in value.items()}
    return [resolve(item, results) for item in value] if isinstance(value, list) else value


def waits(value: Any, done: int) -> bool:
    """Whether a value needs a result that is not there yet."""
    if isinstance(value, dict):
        return (
            value.get("$result", 0) > done if set(value) == {"$result"} else any(waits(v, done) for v in value.values())
        )
    return isinstance(value, list) and any(waits(item, done) for item in value)
