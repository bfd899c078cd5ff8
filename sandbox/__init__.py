"""Runs untrusted programs in isolation, or refuses to.

`open_sandbox()` gives a pool of slots behind the `Sandbox` protocol of `sandbox.types`; `probe()` says what this
machine can isolate with, by trying it.
"""

from __future__ import annotations

from sandbox.opening import Finding, open_sandbox, probe

__all__ = ["Finding", "open_sandbox", "probe"]
