"""One execution as the agent sees it while it lasts, and how its processes are made."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NoReturn

from sandbox.child import Place

PATIENCE = 5.0  # times its wall limit, a program that waits for a core may take; without waiting, it may not


@dataclass(slots=True)
class Run:
    """One execution while it lasts."""

    header: dict[str, Any]
    program: int = 0
    main: int = 0  # the process whose end ends the run: the test driver where there is one, else the program
    descriptors: dict[str, int] = field(default_factory=dict)  # progress pipe, pidfds
    began: float = 0.0
    ended: float = 0.0
    progress: bytes = b""  # what the program's process said before it ran anything foreign
    verdict: str | None = None  # the limit that was met, by our own evidence
    statuses: dict[int, int] = field(default_factory=dict)
    delay_s: float = 0.0
    waited: float = 0.0  # seconds that its processes had waited for a core before this cell of a session
    error: str = ""
    lost: bool = False  # a session's interpreter lives, but no longer answers


def fork(body: Callable[[dict[str, Any], Place], NoReturn], header: dict[str, Any], place: Place) -> int:
    """A child that runs `body`; its process id."""
    pid = os.fork()
    if pid:
        return pid
    try:
        body(header, place)
    finally:
        os._exit(70)  # only reached by an exception in our own code; its traceback would go to nobody
