"""A model with a journal in front: replies that the journal holds are replayed, all others are stored, then used."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from opentelemetry import trace

from served_model.journal import Journal
from served_model.spans import span
from served_model.structured import RawModel, ask_readable
from served_model.types import ChatRequest, ModelError, Reply, Usage

Durable = Callable[[], Awaitable[None]]
"""Returns when all that the journal holds is safe elsewhere, too. None where the disk is enough: then it is free."""


@dataclass(frozen=True, slots=True)
class JournalCounts:
    """Replies by where they came from: asked for now, or replayed. Two askers of one request count once as asked."""

    asked: int = 0
    replayed: int = 0
    shared: int = 0
    asked_usage: Usage = field(default_factory=Usage)
    replayed_usage: Usage = field(default_factory=Usage)

    def __add__(self, other: JournalCounts) -> JournalCounts:
        return JournalCounts(
            self.asked + other.asked,
            self.replayed + other.replayed,
            self.shared + other.shared,
            self.asked_usage + other.asked_usage,
            self.replayed_usage + other.replayed_usage,
        )


class JournaledModel:
    """Implements Model over a raw model and a journal. Belongs to one event loop."""

    def __init__(self, model: RawModel, journal: Journal, durable: Durable | None = None) -> None:
        self._model = model
        self._journal = journal
        self._durable = durable
        self._under_way: dict[str, asyncio.Future[Reply | ModelError | None]] = {}
        self._counts = JournalCounts()

    def key(self, request: ChatRequest) -> str:
        """The journal key of the request."""
        return self._model.key(request)

    def snapshot(self) -> JournalCounts:
        """Counts so far."""
        return self._counts

    async def ask(self, request: ChatRequest) -> Reply:
        """Answer one request, from the journal where it holds the reply. Raises ModelError.

        Parsing and the repair round run again on a replay and come out the same: both replies are in the journal.
        """
        return await ask_readable(self, request, self._note_unreadable)

    async def complete(self, request: ChatRequest) -> Reply:
        """One reply, unparsed, stored before it is returned. Concurrent askers of one key share one call."""
        key = self._model.key(request)
        # Names of OpenTelemetry's conventions for generative models, and our own.
        with span(f"chat {request.role}", kind=trace.SpanKind.CLIENT) as current:
            reply = await self._replay_or_ask(key, request)
            if current.is_recording():
                current.set_attributes(_attributes(request, reply))
            return reply

    async def _replay_or_ask(self, key: str, request: ChatRequest) -> Reply:
        while True:
            under_way = self._under_way.get(key)  # looked at first: a reply in the journal may not be durable yet
            if under_way is None:
                stored = self._journal.get(key)
                if stored is None:
                    return await self._ask_and_store(key, request)
                self._counts += JournalCounts(replayed=1, replayed_usage=stored.usage)
                return stored
            # `wait` leaves the shared call alone when this asker is cancelled.
            await asyncio.wait([under_way])
            answer = under_way.result()
            if isinstance(answer, Reply):
                self._counts += JournalCounts(shared=1)
                return answer
            if answer is not None:
                raise type(answer)(*answer.args)
            # The asker in front was cancelled: the loop finds out who asks next.

    async def _ask_and_store(self, key: str, request: ChatRequest) -> Reply:
        future: asyncio.Future[Reply | ModelError | None] = asyncio.get_running_loop().create_future()
        self._under_way[key] = future
        answer: Reply | ModelError | None = None
        try:
            reply = await self._model.complete(request)
            self._journal.append(reply, request.prompt)
            if self._durable is not None:
                await self._durable()
            answer = reply
        except ModelError as error:
            answer = error
            raise
        finally:
            del self._under_way[key]
            future.set_result(answer)
        self._counts += JournalCounts(asked=1, asked_usage=reply.usage)
        return reply

    def _note_unreadable(self, reply: Reply, problem: str) -> None:
        self._journal.note_unreadable(reply.key, problem)


def _attributes(request: ChatRequest, reply: Reply) -> dict[str, str | int]:
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": reply.model,
        "gen_ai.usage.input_tokens": reply.usage.prompt_tokens,
        "gen_ai.usage.output_tokens": reply.usage.completion_tokens,
        "provender.key": reply.key,
        "provender.prompt": request.prompt,
    }
