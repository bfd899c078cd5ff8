"""Where the agent works: its work area, and how it sees and ends what it has started."""

# Plain system calls, because pathlib would be loaded into the process of every program:
# ruff: noqa: PTH208
from __future__ import annotations

import os
import signal
from typing import Any, Protocol

from sandbox import syscalls


class Surroundings(Protocol):
    """What differs between a jail and no jail at all."""

    work: str
    ids: tuple[int | None, int | None]  # user ids of the program and of the test driver

    def fresh_work(self, header: dict[str, Any]) -> None:
        """A new, empty work area. Raises OSError."""
        ...

    def processes(self) -> list[int]:
        """Every process of the execution."""
        ...

    def kill_all(self) -> None:
        """Send SIGKILL to every process of the execution."""
        ...

    def signal_all(self, number: int) -> None:
        """Send a signal to every process of the execution."""
        ...

    def files_bytes(self) -> int:
        """Memory that files of the work area hold."""
        ...


class Jail:
    """The inside of namespaces: this is process 1, and `/box` is ours to mount on."""

    work = "/box"

    def __init__(self, separate_ids: bool) -> None:
        self.ids: tuple[int | None, int | None] = (1, 2) if separate_ids else (0, 0)
        self._mounted = False

    def fresh_work(self, header: dict[str, Any]) -> None:
        """A new, size-limited file system: nothing that a program wrote is seen by the next one."""
        if self._mounted:
            syscalls.umount_detached(self.work)
            self._mounted = False
        size = min(header["disk_bytes"], header["memory_bytes"])  # its pages count as memory
        options = f"size={size},nr_inodes={header['inodes'] + 4},mode=0755,uid={self.ids[0]},gid={self.ids[0]}"
        syscalls.mount("tmpfs", self.work, "tmpfs", syscalls.MS_NOSUID | syscalls.MS_NODEV, options)
        self._mounted = True

    def processes(self) -> list[int]:
        """Everybody in our process namespace but ourselves."""
        return [int(name) for name in os.listdir("/proc") if name.isdigit() and name != "1"]

    def files_bytes(self) -> int:
        """What is used of the work area, which lies in memory."""
        usage = os.statvfs(self.work)
        return (usage.f_blocks - usage.f_bfree) * usage.f_frsize

    def kill_all(self) -> None:
        """End everybody. Raises ProcessLookupError where there is nobody."""
        self.signal_all(signal.SIGKILL)

    def signal_all(self, number: int) -> None:
        """As process 1 of a namespace: -1 is everybody in it but ourselves."""
        if os.getpid() == 1:
            os.kill(-1, number)
