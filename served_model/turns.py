"""Whose turn it is: the requests of one seed share most of their text, so they go out together.

A seed's samples, votes, turns and steps begin with the same question, passage or dialogue. Sent one after another they
find it in the server's prefix cache; sent among those of all other seeds they find it pushed out. So requests that wait
are sent by the number of their seed, the one that was begun first first: few seeds are under way at a time, and what
they share stays warm until they are done.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_TURN: ContextVar[int] = ContextVar("provender_turn", default=0)


@contextmanager
def taking_turn(number: int) -> Iterator[None]:
    """Requests made inside, by this task and those that it starts, belong to the seed of this number, 1 or more."""
    token = _TURN.set(number)
    try:
        yield
    finally:
        _TURN.reset(token)


def current_turn() -> int:
    """The number of the seed that the running task works for; 0 where it works for none."""
    return _TURN.get()
