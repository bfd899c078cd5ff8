"""The embedded backend: Linux namespaces, without an engine, and without root where the kernel permits it.

What it covers and what not stands in THREATS.md beside this file.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from sandbox import cgroups
from sandbox.backend import Reply
from sandbox.bare import new_work_directory
from sandbox.jail_config import SITE
from sandbox.line import SocketLine, exchange, receive
from sandbox.types import SandboxError, SandboxUnavailable
from sandbox.wire import WireError

_START_S, _END_S = 30.0, 5.0
_UID_BASE, _UID_STEP = 0x70000000, 4  # ids far above any account; unused by anything on the host
_BOOT = (
    "import json,os,sys,types;boot=json.loads(os.read(0,65536));package=types.ModuleType('sandbox');"
    "package.__path__=[boot['path']];sys.modules['sandbox']=package;"
    "from sandbox import supervisor;supervisor.main(boot['config'])"
)
_ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/box/work", "TMPDIR": "/box/tmp", "LANG": "C.UTF-8",
    "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUTF8": "1",
}  # fmt: skip


class NamespaceSlot:
    """One supervisor process with the jail below it."""

    def __init__(self, process: subprocess.Popen[bytes], control: socket.socket) -> None:
        self._process = process
        self._control = control
        self._line = SocketLine(control)
        self.facts: dict[str, object] = {}

    async def await_ready(self) -> None:
        """Wait for the agent's first word. Raises SandboxUnavailable with its reason, OSError and its like."""
        async with asyncio.timeout(_START_S):
            header, _ = await receive(self._line)
        if "error" in header:
            raise SandboxUnavailable(_explain(str(header["error"])))
        self.facts = header

    async def execute(self, frames: Sequence[bytes], deadline_s: float) -> Reply:
        """Run one execution; see `backend.Slot`."""
        return await exchange(self._line, frames, deadline_s)

    async def close(self) -> None:
        """End the jail and wait for its supervisor."""
        self.kill()
        await asyncio.to_thread(self._reap)
        self._control.close()

    def _reap(self) -> None:
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:  # the kernel kills the agent with it, and everything below
            self._process.kill()
            self._process.wait()

    def kill(self) -> None:
        """Close the lifeline: the supervisor kills the agent, the kernel everything below it."""
        with contextlib.suppress(OSError):
            self._control.shutdown(socket.SHUT_RDWR)  # not closed: somebody may be waiting on it in the event loop
        if self._process.stdin:
            with contextlib.suppress(OSError):
                self._process.stdin.close()


class NamespaceBackend:
    """Starts jails made of namespaces."""

    def __init__(self, isolated: bool = True, site: str | None = None) -> None:
        """With `isolated=False` the same agent runs without a jail: only ever on the user's explicit word.

        `site` is a virtual environment or a folder of packages that programs may import. Raises SandboxUnavailable.
        """
        self.name = "namespaces" if isolated else "none"
        self._site = None if site is None else site_folder(site)
        self.site = SITE if self._site and isolated else self._site
        self._isolated = isolated
        self._executable = os.path.realpath(sys.executable)
        self._read_only = interpreter_directories()
        cgroups.sweep()

    async def start(self, index: int) -> NamespaceSlot:
        """Start one jail. Raises SandboxUnavailable."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with tempfile.TemporaryFile() as complaints:
            try:
                process = self._spawn(theirs.fileno(), index, complaints)
            except OSError as error:
                ours.close()
                raise SandboxUnavailable(f"the interpreter {self._executable} cannot be started: {error}") from error
            finally:
                theirs.close()
            slot = NamespaceSlot(process, ours)
            try:
                await slot.await_ready()
            except (OSError, EOFError, WireError, TimeoutError) as error:
                await slot.close()
                complaints.seek(0)
                said = complaints.read().decode(errors="replace").strip().rpartition("\n")[2]
                raise SandboxUnavailable(_explain(said or str(error) or "no answer")) from error
            except BaseException:
                await slot.close()
                raise
        return slot

    async def aclose(self) -> None:
        """Nothing is held beside the slots."""

    def _spawn(self, control: int, index: int, complaints: IO[bytes]) -> subprocess.Popen[bytes]:
        """Start a supervisor and tell it what to build. The parent must be this thread: its death ends the slot."""
        config = {
            "control": control, "first_uid": _first_uid(index), "read_only": self._read_only, "site": self._site,
            "host": os.getpid(), "cgroups": cgroups.names(),
            "bare_work": None if self._isolated else new_work_directory(),
        }  # fmt: skip
        boot = json.dumps({"path": str(Path(__file__).parent), "config": json.dumps(config)})
        process = subprocess.Popen(
            [self._executable, "-S", "-s", "-P", "-c", _BOOT],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=complaints,
            env=_ENVIRONMENT, cwd="/", pass_fds=[control], start_new_session=True, bufsize=0,
        )  # fmt: skip
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it has ended already; its complaint says why
            process.stdin.write(boot.encode())
        return process


def _first_uid(index: int) -> int | None:
    if os.geteuid() != 0:
        return None
    return _UID_BASE + (os.getpid() % 65536 * 256 + index % 256) * _UID_STEP


def interpreter_directories() -> tuple[str, ...]:
    """The directories beside /usr that this interpreter needs. Raises SandboxError where they hold more than that."""
    wanted = {os.path.realpath(path) for path in (sys.base_prefix, sys.base_exec_prefix)}
    wanted.add(str(Path(os.path.realpath(sys.executable)).parent.parent))
    outside = sorted(path for path in wanted if not path.startswith("/usr/") and path != "/usr")
    for path in outside:
        if _holds_a_home(path):
            raise SandboxError(f"the interpreter's directory {path} holds more than the interpreter")
    return tuple(outside)


def _holds_a_home(path: str) -> bool:
    home = os.path.realpath(Path.home())
    return path == "/" or home == path or home.startswith(f"{path}/")


def site_folder(site: str) -> str:
    """The packages of a virtual environment for this interpreter, or the folder itself. Raises SandboxUnavailable."""
    path = Path(os.path.realpath(Path(site).expanduser()))
    inner = path / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    if (path / "pyvenv.cfg").is_file() and not inner.is_dir():
        raise SandboxUnavailable(
            f"the environment {site} is not one of this interpreter's version: there is no {inner}"
        )
    folder = inner if inner.is_dir() else path
    if not folder.is_dir() or _holds_a_home(str(folder)):
        raise SandboxUnavailable(f"not a folder of packages, or one that holds a home: {site}")
    return str(folder)


def _explain(error: str) -> str:
    """The agent's failure, and what usually helps."""
    hint = "see `provender doctor`"
    if "unshare" in error:
        hint = (
            "user namespaces are not permitted here; set kernel.unprivileged_userns_clone=1, user.max_user_namespaces,"
            " on Ubuntu kernel.apparmor_restrict_unprivileged_userns=0, or in a container use --security-opt"
            " seccomp=unconfined --security-opt systempaths=unconfined"
        )
    elif "proc" in error:
        hint = "/proc cannot be mounted; in a container use --security-opt systempaths=unconfined"
    return f"namespaces cannot isolate here: {error}; {hint}"
