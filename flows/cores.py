"""How many processors this process may use."""

from __future__ import annotations

import os


def cores() -> int:
    """Processors that the scheduler gives us, which may be fewer than the machine has."""
    return len(os.sched_getaffinity(0))
