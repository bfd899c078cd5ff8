"""Opens the sandbox that the settings ask for: the one place where flows do."""

from __future__ import annotations

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
