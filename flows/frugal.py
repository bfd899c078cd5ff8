"""Keeps a long run's memory flat and its processor for the run: allocator, garbage collector."""

from __future__ import annotations

import ctypes
import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager

M_ARENA_MAX = -8  # of mallopt(3)
ARENAS = 2
YOUNG, MIDDLE, OLD = 20_000, 20, 20
"""Thresholds of the collector, for CPython's 700, 10, 10: a request allocates hundreds of objects and no cycle."""


def limit_arenas() -> None:
    """Let all threads allocate from few arenas, before the first thread starts.

    By default each thread gets an arena of its own and Arrow a pool of its own (ARROW_DEFAULT_MEMORY_POOL, read when it
    is imported), which keep what they once held: the neutral job's peak is 70 MB higher so.
    """
    if os.name == "posix" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        libc.mallopt(M_ARENA_MAX, ARENAS)


@contextmanager
def calm_collector() -> Iterator[None]:
    """Inside, the garbage collector runs seldom and leaves alone what was there before.

    What the imports made is 100 MB that never becomes garbage, and that every full collection would look through: a
    sixth of the CPU time of the neutral job.
    """
    usual = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(YOUNG, MIDDLE, OLD)
    try:
        yield
    finally:
        gc.set_threshold(*usual)
        gc.unfreeze()
