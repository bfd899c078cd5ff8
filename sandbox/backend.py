"""What a backend is: something that starts slots. Everything above it is the same for every backend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sandbox.types import SandboxError


class SlotFailed(SandboxError):
    """This slot is of no further use; nothing is known about the program it ran. A fresh slot may do better."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the agent said about one execution: its header, and the three streams."""

    header: dict[str, Any]
    stdout: bytes
    stderr: bytes
    report: bytes
    compiling: bool = False  # it was the compiler that ended so


class Slot(Protocol):
    """One jail with its resident agent; one execution at a time."""

    async def execute(self, frames: Sequence[bytes], deadline_s: float) -> Reply:
        """Send one execution's frames and wait for the reply. Raises SlotFailed, and after `deadline_s` seconds too."""
        ...

    async def close(self) -> None:
        """End the agent and everything in its jail."""
        ...

    def kill(self) -> None:
        """The same without waiting, for when there is no event loop to wait in."""
        ...


class Backend(Protocol):
    """A way to isolate."""

    @property
    def name(self) -> str:
        """As it stands in `Execution.backend`."""
        ...

    @property
    def site(self) -> str | None:
        """A folder, as the jail sees it, with Python packages beside the standard library."""
        ...

    async def start(self, index: int) -> Slot:
        """Start slot number `index`. Raises SandboxError with a line that says what is missing."""
        ...

    async def aclose(self) -> None:
        """Let go of what the backend holds beside its slots, which are closed by now."""
        ...
