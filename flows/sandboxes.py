"""Opens the sandbox that the settings ask for: the one place where flows do."""

from __future__ import annotations

from dataclasses import dataclass

from flows.config import SandboxSettings
from sandbox import open_sandbox
from sandbox.types import Sandbox


def sandbox_for(settings: SandboxSettings, slots: int | None = None) -> Sandbox:
    """With the settings' slots where none are given. Raises SandboxUnavailable."""
    return open_sandbox(
        settings.backend,
        slots or settings.slots,
        settings.unsafe_no_isolation,
        settings.image,
        settings.runtime,
        settings.site,
    )


@dataclass(frozen=True)
class SandboxOpener:
    """The same for whoever must not know the settings, such as a corpus that tries its tools out."""

    settings: SandboxSettings

    def __call__(self) -> Sandbox:
        """Open one. Raises SandboxUnavailable."""
        return sandbox_for(self.settings)
