"""Asks models from plain code: a chunk of rows at a time, on one event loop that lives as long as the curation.

A model that cannot be reached is no reason to lose what was worked out for a million rows: its answer to a row is
`OutOfReach`, the row stays unjudged, and a rerun asks again for what is missing. A journal that cannot be written ends
the work, because replies would be paid for and lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from served_model.journal import JournalError
from served_model.types import ChatRequest, Model, ModelUnavailable, OutOfReach, Reply
from verifiers.judging import gather

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class TolerantModel:
    """Implements Model over another one."""

    def __init__(self, model: Model) -> None:
        self._model = model

    async def ask(self, request: ChatRequest) -> Reply:
        """Answer one request. Raises OutOfReach where nobody answers, JournalError, and what is wrong with a reply."""
        try:
            return await self._model.ask(request)
        except JournalError:
            raise
        except ModelUnavailable as error:
            raise OutOfReach(str(error)) from error


class Served:
    """A model and the loop that it lives on."""

    def __init__(self, model: Model, runner: asyncio.Runner) -> None:
        self._model, self._runner = TolerantModel(model), runner

    def each(self, items: Sequence[Item], function: Callable[[Item, Model], Awaitable[Answer]]) -> list[Answer]:
        """The function of every item, asked side by side; in the order of the items."""

        async def every() -> list[Answer]:
            return await gather([_once(function, item, self._model) for item in items])

        return self._runner.run(every())


async def _once(function: Callable[[Item, Model], Awaitable[Answer]], item: Item, model: Model) -> Answer:
    return await function(item, model)
