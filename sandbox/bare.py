"""No jail at all: the agent's surroundings where the user has explicitly asked to run without isolation.

Limits, the system-call filter and the clean-up of processes still hold; files, processes and users of the host are in
sight and in reach.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import tempfile
import time
from typing import Any


class Bare:
    """A work directory of the host, and the agent's descendants."""

    ids: tuple[int | None, int | None] = (None, None)

    def __init__(self, work: str) -> None:
        self.work = work

    def fresh_work(self, header: dict[str, Any]) -> None:
        """An empty directory; its size is not limited. Raises OSError."""
        del header
        shutil.rmtree(self.work, ignore_errors=True)
        os.mkdir(self.work, 0o700)  # noqa: PTH102 - as everywhere in the agent

    def processes(self) -> list[int]:
        """Every descendant of the agent, which adopts those whose parents have ended."""
        return descendants(os.getpid())

    def files_bytes(self) -> int:
        """Its files lie on a disk."""
        return 0

    def kill_all(self) -> None:
        """End every descendant."""
        self.signal_all(signal.SIGKILL)

    def signal_all(self, number: int) -> None:
        """Send a signal to every descendant."""
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)


def new_work_directory() -> str:
    """A directory for one slot, below the system's temporary one."""
    return tempfile.mkdtemp(prefix="provender-unsafe-")


def descendants(root: int) -> list[int]:
    """The children of a process, their children, and so on."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):  # noqa: PTH208 - as everywhere in the agent
        if name.isdigit():
            children.setdefault(_parent(name), []).append(int(name))
    found, waiting = [], list(children.get(root, ()))
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        waiting += children.get(pid, ())
    return found


def _parent(name: str) -> int:
    try:
        with open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123 - as everywhere in the agent
            return int(file.read().rpartition(b")")[2].split()[1])
    except (OSError, ValueError, IndexError):  # it has ended meanwhile
        return -1


def end_all(work: str) -> None:
    """For the supervisor, once the agent is dead: end what it leaves, and remove its directory."""
    deadline = time.monotonic() + 5.0
    while time.monotonic() < deadline:
        Bare(work).kill_all()
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            break
    shutil.rmtree(work, ignore_errors=True)
