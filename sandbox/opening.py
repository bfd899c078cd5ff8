"""Choosing a backend, and finding out by trial what this machine can isolate with."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from sandbox import seccomp
from sandbox.namespaces import NamespaceBackend
from sandbox.pool import SlotPool
from sandbox.types import Request, Sandbox, SandboxError, SandboxUnavailable, Status

BACKENDS = ("auto", "namespaces")
_TRIAL = "import os\nprint(os.getpid() > 1, len(os.listdir('/proc/self/fd')))\nprint(sum(range(10)))\n"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was tried: whether it works, what was seen, and what to do about it."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""


def open_sandbox(backend: str = "auto", slots: int | None = None, unsafe_no_isolation: bool = False) -> Sandbox:
    """A sandbox over the given backend. Raises SandboxUnavailable where nothing here can isolate."""
    if backend not in BACKENDS:
        raise SandboxUnavailable(f"no such sandbox backend: {backend!r} (there are: {', '.join(BACKENDS)})")
    return SlotPool(NamespaceBackend(), slots)


async def probe() -> list[Finding]:
    """Start a jail and run a three-line program in it: what works here, what does not, and how to get it."""
    findings = [_probe_platform()]
    try:
        pool = SlotPool(NamespaceBackend(), slots=1)
    except SandboxError as error:
        return [*findings, Finding("namespaces", False, str(error), "use an interpreter in a directory of its own")]
    try:
        execution = await pool.run(Request("python", _TRIAL))
    except SandboxError as error:
        return [*findings, Finding("namespaces", False, str(error), "see the message")]
    finally:
        await pool.aclose()
    good = execution.status is Status.OK and execution.stdout.split() == ["True", "4", "45"]
    return [*findings, Finding("namespaces", good, execution.stdout if good else execution.stderr)]


def _probe_platform() -> Finding:
    linux = sys.platform == "linux"
    return Finding("platform", linux and seccomp.supported(), sys.platform, "" if linux else "Linux is needed")
