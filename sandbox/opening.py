"""Choosing a backend, and finding out by trial what this machine can isolate with."""

from __future__ import annotations

import asyncio
import os
import platform
import sys
from dataclasses import dataclass, replace

from sandbox import seccomp
from sandbox.backend import Backend, Slot
from sandbox.cgroups import bounds_memory
from sandbox.docker import DockerBackend
from sandbox.engine import IMAGE
from sandbox.namespaces import NamespaceBackend
from sandbox.pool import SlotPool
from sandbox.types import Request, Sandbox, SandboxError, SandboxUnavailable, Status

BACKENDS = ("auto", "docker", "namespaces", "none")
_KERNEL = (5, 14)  # mount_setattr, hidepid per mount, process limits per user namespace
_TRIAL = "import os\nprint(os.getpid() > 1, sorted(os.listdir('/box')))\nprint(sum(range(10)))\n"
_TRIAL_SAYS = "True ['shm', 'tmp', 'work']\n45\n"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was tried: whether it works, what was seen, and what to do about it."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""


def open_sandbox(  # noqa: PLR0913 - the settings of the backends, each by its name
    backend: str = "auto",
    slots: int | None = None,
    unsafe_no_isolation: bool = False,
    image: str = IMAGE,
    runtime: str | None = None,
    site: str | None = None,
) -> Sandbox:
    """A sandbox over the given backend, with as many slots as cores; `image` and `runtime` are the Docker backend's.

    `site` names a virtual environment or a folder of packages that programs in the embedded backend may import, such as
    numpy; programs see it read-only. The Docker backend's packages are in its image.

    `auto` takes the first of namespaces and docker that starts here, and `Sandbox.backend` says which. Without
    isolation it only runs where `unsafe_no_isolation` says so, and nothing else works. Raises SandboxUnavailable where
    this machine obviously cannot isolate; what only a trial shows is raised by the first run.
    """
    if backend not in BACKENDS:
        raise SandboxUnavailable(f"no such sandbox backend: {backend!r} (there are: {', '.join(BACKENDS)})")
    if backend == "none" and not unsafe_no_isolation:
        raise SandboxUnavailable("the backend 'none' isolates nothing and needs unsafe_no_isolation as well")
    missing = _missing()
    if backend == "namespaces" and missing and not unsafe_no_isolation:
        raise SandboxUnavailable(f"namespaces cannot isolate here: {missing}")
    candidates: list[Backend] = []
    if backend in ("auto", "namespaces") and not missing:
        candidates.append(NamespaceBackend(site=site))
    if backend in ("auto", "docker"):
        candidates.append(DockerBackend(image, runtime))
    if unsafe_no_isolation:
        candidates.append(NamespaceBackend(isolated=False, site=site))
    return SlotPool(
        candidates[0] if len(candidates) == 1 and not missing else FirstThatStarts(candidates, missing), slots
    )


class FirstThatStarts:
    """Several backends in order of preference: the first one that starts a slot is used from then on."""

    def __init__(self, backends: list[Backend], missing: str = "") -> None:
        self._waiting = backends
        self._refusals = [missing] if missing else []
        self._chosen: Backend | None = None
        self._choosing = asyncio.Lock()

    @property
    def name(self) -> str:
        """Of the backend that is used, or would be tried next."""
        return (self._chosen or self._waiting[0]).name

    @property
    def site(self) -> str | None:
        """Of the same backend."""
        return (self._chosen or self._waiting[0]).site

    async def start(self, index: int) -> Slot:
        """Start a slot. Raises SandboxUnavailable where no backend can, with what each one lacks."""
        if self._chosen is None:
            async with self._choosing:
                if self._chosen is None:
                    return await self._choose(index)
        return await self._chosen.start(index)

    async def _choose(self, index: int) -> Slot:
        refusals = list(self._refusals)
        for backend in self._waiting:
            try:
                slot = await backend.start(index)
            except SandboxUnavailable as error:
                refusals.append(str(error))
                await backend.aclose()
            else:
                self._chosen = backend
                return slot
        raise SandboxUnavailable(f"nothing here can isolate programs: {'; or '.join(refusals)}")

    async def aclose(self) -> None:
        """Let go of the backend that was used."""
        if self._chosen is not None:
            await self._chosen.aclose()


def _missing() -> str:
    """What obviously stands in the way of namespaces; "" where only a trial can tell."""
    if sys.platform != "linux":
        return f"namespaces need Linux, this is {sys.platform}"
    if not seccomp.supported():
        return f"there is no system-call filter for {platform.machine()}"
    version = tuple(int(part) for part in platform.release().split("-")[0].split(".")[:2] if part.isdigit())
    if version < _KERNEL:
        return f"Linux {_KERNEL[0]}.{_KERNEL[1]} or newer is needed, this is {platform.release()}"
    return ""


async def probe() -> list[Finding]:
    """Try each backend by a three-line program: what works here, what does not, and how to get it.

    One backend is enough: what the others lack is told, and is no fault.
    """
    missing = _missing()
    findings = [Finding("platform", True, platform.platform(terse=True))]
    namespaces = Finding("namespaces", False, missing) if missing else await _try("namespaces", NamespaceBackend())
    docker = await _try("docker", DockerBackend())
    enough = namespaces.ok or docker.ok
    findings += [replace(found, ok=found.ok or enough) for found in (namespaces, docker)]
    return [*findings, _probe_memory()] if namespaces.ok else findings


async def _try(name: str, backend: Backend) -> Finding:
    pool = SlotPool(backend, slots=1)
    try:
        execution = await pool.run(Request("python", _TRIAL))
    except SandboxError as error:
        detail, _, remedy = str(error).partition("; ")
        return Finding(name, False, detail, remedy)
    finally:
        await pool.aclose()
    if execution.status is Status.OK and execution.stdout == _TRIAL_SAYS:
        return Finding(name, True, f"runs programs, started by {'root' if os.geteuid() == 0 else 'a user'}")
    said = execution.stderr or execution.stdout
    return Finding(name, False, f"the trial ended with {execution.status}: {said}")


def _probe_memory() -> Finding:
    if bounds_memory():
        return Finding("memory limit", True, "by control group, for the whole process tree")
    return Finding(
        "memory limit",
        True,
        "per process and by sampling: no control group can be made here",
        "run in a delegated control group, e.g. `systemd-run --user --scope -p Delegate=yes ...`, or as root",
    )
