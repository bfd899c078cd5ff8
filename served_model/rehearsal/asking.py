"""What is asked of the rehearsal model: the request body read, its prompt found, and the random draws it fixes."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from random import Random
from typing import Any

from records.types import canonical_json
from served_model.rehearsal.roles import find_prompt

MODEL = "rehearsal"
TAG = re.compile(r"<([a-z][a-z_]{0,30})>")
CHARS_PER_TOKEN = 4
DEFAULT_MAX_TOKENS = 4096
MAX_TEXT = 1 << 20  # characters of all messages; far above any prompt of ours


class BadRequest(Exception):
    """The body is not a chat completion that this model can answer; the text says why."""


@dataclass(frozen=True)
class Ask:
    """One request: `body` is its canonical text, on which alone (with the server's settings) the reply depends."""

    body: str
    model: str
    user_text: str
    header_prompt: str
    max_tokens: int
    messages: tuple[Mapping[str, Any], ...] = ()
    repaired_prompt: str = ""  # for a repair: the prompt whose reply could not be read

    @cached_property
    def request(self) -> str:
        """A name of the body: 32 hexadecimal characters."""
        return hashlib.sha256(self.body.encode("utf-8", "surrogatepass")).hexdigest()[:32]

    @cached_property
    def tags(self) -> Mapping[str, str]:
        """The tagged parts of the user's messages; of several with one name the last whole one counts."""
        return read_tags(self.user_text)

    @cached_property
    def prompt(self) -> str:
        """The prompt to play."""
        return find_prompt(self.header_prompt, self.repaired_prompt, self.tags.keys())

    @property
    def prompt_tokens(self) -> int:
        """Approximate, by length."""
        return count_tokens(self.user_text)

    def rng(self, seed: int, purpose: str) -> Random:
        """Random draws for one purpose, the same for the same body and server seed in every process."""
        text = f"{seed}\n{purpose}\n{self.request}"
        return Random(int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big"))


def read_ask(data: bytes, header_prompt: str = "", repaired_prompt: str = "") -> Ask:
    """Read a request body. Raises BadRequest."""
    try:
        body = json.loads(data)
        canonical = canonical_json(body)
    except (ValueError, RecursionError):
        raise BadRequest("the body is not JSON") from None
    if not isinstance(body, dict):
        raise BadRequest("the body is not an object")
    if body.get("stream") or body.get("n") not in (None, 1):
        raise BadRequest("this model gives one choice per request and does not stream")
    limit = body.get("max_completion_tokens") or body.get("max_tokens") or DEFAULT_MAX_TOKENS
    if not isinstance(limit, int) or isinstance(limit, bool) or limit < 1:
        raise BadRequest("max_tokens is not a positive whole number")
    messages = _messages(body)
    text = "\n".join(_content(message) for message in messages if message.get("role") == "user")
    if len(text) > MAX_TEXT:
        raise BadRequest("the messages are too long")
    return Ask(canonical, str(body.get("model")), text, header_prompt, limit, tuple(messages), repaired_prompt)


def read_tags(text: str) -> dict[str, str]:
    """The text between each opening tag and the last closing tag of that name; the first opening tag alone on its line
    is preferred to one within a sentence."""
    found: dict[str, str] = {}
    for name in dict.fromkeys(TAG.findall(text)):
        opening, closing = f"<{name}>", f"</{name}>"
        end = text.rfind(closing)
        own_line = re.search(rf"^{opening}[ \t]*$", text, re.MULTILINE)
        start = own_line.start() if own_line else text.rfind(opening, 0, max(end, 0))
        if 0 <= start < end:
            found[name] = text[start + len(opening) : end].strip()
    return found


def count_tokens(text: str) -> int:
    """Tokens of a text, about: one per four characters."""
    return -(-len(text) // CHARS_PER_TOKEN)


def _messages(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages or not all(isinstance(message, dict) for message in messages):
        raise BadRequest("messages is not a list of messages")
    return messages


def _content(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, list):  # the form with typed parts
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    if not isinstance(content, str):
        raise BadRequest("a message has no text content")
    return content
