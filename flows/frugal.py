"""Keeps a long run's memory flat."""

from __future__ import annotations

import ctypes
import os

M_ARENA_MAX = -8  # of mallopt(3)
ARENAS = 2


def limit_arenas() -> None:
    """Let all threads allocate from few arenas, before the first thread starts.

    By default each thread gets an arena of its own and Arrow a pool of its own (ARROW_DEFAULT_MEMORY_POOL, read when it
    is imported), which keep what they once held: the neutral job's peak is 70 MB higher so.
    """
    if os.name == "posix" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        libc.mallopt(M_ARENA_MAX, ARENAS)
