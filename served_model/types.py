"""What is asked of a served model, what it answers, and how asking can fail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from records.types import Message


@dataclass(frozen=True, slots=True)
class Sampling:
    """Sampling settings of one request; all of them are part of the request's journal key."""

    temperature: float = 0.7
    top_p: float = 0.95
    max_tokens: int = 2048
    seed: int = 0


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One chat completion. `role` picks the model in the config; it and `prompt*` are not part of the key's content.

    `schema` asks for JSON that fits this JSON Schema; `Reply.data` then holds the parsed value.
    """

    role: str  # writer, solver, judge, ...
    messages: tuple[Message, ...]
    sampling: Sampling
    prompt: str  # name of the prompt file
    prompt_sha256: str
    schema: Mapping[str, Any] | None = None
    repairs: str = ""  # in a repair round: the prompt whose reply could not be read


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one or more requests."""

    prompt_tokens: int = 0
    completion_tokens: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(self.prompt_tokens + other.prompt_tokens, self.completion_tokens + other.completion_tokens)


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer. `finish_reason` other than "stop" means that the text is not whole: look before you parse."""

    key: str
    text: str
    finish_reason: str
    model: str
    usage: Usage
    data: Any = None  # the parsed value where the request had a schema


@dataclass(frozen=True, slots=True)
class Listing:
    """What an endpoint says it serves. `problem` is one line where it gave no list.

    `usable` is False where requests cannot succeed either: nobody answers there, or the API key is refused. An
    endpoint that merely has no list of models is usable.
    """

    names: tuple[str, ...] = ()
    problem: str = ""
    usable: bool = True


class ModelError(Exception):
    """Base of all that can go wrong between us and a served model."""


class ModelUnavailable(ModelError):
    """No endpoint answers, or a permanent refusal (unknown model, bad key): the run must stop, nothing is lost."""


class RequestRefused(ModelError):
    """The server refuses this one request for good (too long, content filter): one bad record."""


class OutOfReach(RequestRefused):
    """Nobody answers, where that is not the end of the work: one record of which nothing is known."""


class UnreadableReply(ModelError):
    """A structured reply did not fit its schema, also after the repair round: one bad record."""


class Model(Protocol):
    """What recipes and judges talk to: the client, a journal in front of it, or a scripted double."""

    async def ask(self, request: ChatRequest) -> Reply:
        """Answer one request, from the journal where it holds the reply. Raises ModelError."""
        ...
