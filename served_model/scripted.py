"""A model that answers from a function: for tests and dry runs, no server needed."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import replace

from served_model.keys import request_key
from served_model.structured import ask_readable
from served_model.types import ChatRequest, ModelError, Reply, Usage

Answer = str | Reply | ModelError
ReplyFunction = Callable[[ChatRequest], Answer | Awaitable[Answer]]


class ScriptedModel:
    """Implements Model. Schemas, the repair round and keys are the same as those of the real client.

    `reply_function` gives the text of the reply, a whole Reply (its key is put right), or a ModelError to raise; it may
    be async. Every request that reaches it (repair rounds, too) is kept in `requests`. Usage is counted in words.
    """

    def __init__(self, reply_function: ReplyFunction, model_name: str = "scripted") -> None:
        self._reply_function = reply_function
        self.model_name = model_name
        self.requests: list[ChatRequest] = []

    def key(self, request: ChatRequest) -> str:
        """The journal key of the request."""
        return request_key(self.model_name, request)

    async def ask(self, request: ChatRequest) -> Reply:
        """Answer one request. Raises the ModelError that the function gives, or UnreadableReply."""
        return await ask_readable(self, request)

    async def complete(self, request: ChatRequest) -> Reply:
        """One reply of the function, unparsed."""
        self.requests.append(request)
        answer = self._reply_function(request)
        if inspect.isawaitable(answer):
            answer = await answer
        if isinstance(answer, ModelError):
            raise answer
        if isinstance(answer, Reply):
            return replace(answer, key=self.key(request))
        prompt_words = sum(len(message.content.split()) for message in request.messages)
        usage = Usage(prompt_words, len(answer.split()))
        return Reply(self.key(request), answer, "stop", self.model_name, usage)
