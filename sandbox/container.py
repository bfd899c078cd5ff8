"""Inside a container: what the engine has not prepared, then the agent, as the container's first process."""

# Plain system calls, because pathlib would be loaded into the process of every program:
# ruff: noqa: PTH101, PTH104, PTH106, PTH108, PTH112, PTH114, PTH115, PTH119, PTH123, PTH208, PTH211
from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import stat
from typing import Any, NoReturn

from sandbox import agent, seccomp, syscalls
from sandbox.surroundings import Jail
from sandbox.wire import pack, write_all

WORK = "/box"
_ABOVE_STANDARD = 10  # the agent's own descriptors go up here
_LINKS = {"/dev/shm": "/box/shm", "/tmp": "/box/tmp"}  # the second is the image's; the engine's /dev is made anew
_FALLBACK_IDS, _FALLBACK_SPAN = 1000, 15000  # within the 65536 ids that an engine without root has
# version 1 mounts each controller below its name, version 2 has one tree; read-only here, the engine sets the limits
_COUNTERS = (
    "memory/memory.oom_control", "memory/memory.usage_in_bytes", "cpuacct/cpuacct.usage", "memory.events",
    "memory.current", "cpu.stat",
)  # fmt: skip


class Container(Jail):
    """As in a jail, but the work area is mounted once, by the engine, and emptied by hand."""

    work = WORK

    def __init__(self, ids: tuple[int, int]) -> None:
        super().__init__(separate_ids=True)
        self.ids = ids

    def fresh_work(self, header: dict[str, Any]) -> None:
        """An empty work area of the size that the engine gave it. Raises OSError."""
        usage = os.statvfs(WORK)
        wanted = min(header["disk_bytes"], header["memory_bytes"])
        if abs(usage.f_blocks * usage.f_frsize - wanted) > usage.f_frsize:
            raise OSError(f"the work area has {usage.f_blocks * usage.f_frsize} bytes, not {wanted}")
        empty(WORK)
        usage = os.statvfs(WORK)
        if usage.f_files - usage.f_ffree > 1:  # the directory itself
            raise OSError("the work area cannot be emptied")
        os.utime(WORK, (0, 0))


def empty(area: str) -> None:
    """Remove all below a directory, however deep: what lies deeper is first moved up, so that no path grows long."""
    prefix, moved = f"{area}/.{secrets.token_hex(8)}-", 0
    while names := os.listdir(area):
        for name in names:
            path = f"{area}/{name}"
            if not stat.S_ISDIR(os.lstat(path).st_mode):
                os.unlink(path)
                continue
            for inner in os.listdir(path):
                if stat.S_ISDIR(os.lstat(f"{path}/{inner}").st_mode):
                    moved += 1
                    os.rename(f"{path}/{inner}", f"{prefix}{moved}")
                else:
                    os.unlink(f"{path}/{inner}")
            os.rmdir(path)


def main(config: dict[str, Any]) -> NoReturn:
    """Prepare and serve; never returns."""
    line = tuple(fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, _ABOVE_STANDARD) for number in (0, 1))
    null = os.open("/dev/null", os.O_RDWR)
    for number in (0, 1):
        os.dup2(null, number)
    os.close(null)
    try:
        counters = _prepare()
        ids = _ids(config["first_uid"])
    except OSError as error:
        write_all(line[1], pack({"error": str(error), "errno": error.errno}))
        os._exit(1)
    try:
        agent.serve((line[0], line[1]), counters, Container(ids))
    finally:
        os._exit(1)


def _prepare() -> dict[str, int]:
    """Links, counters, and every privilege that programs could inherit given up. Raises OSError."""
    if os.getpid() != 1 or os.getuid() != 0:
        raise OSError("the agent is not the container's first process, or not its root")
    try:
        os.close(os.pidfd_open(os.getpid()))
    except OSError as error:
        raise OSError(f"the runtime's kernel has no pidfd_open: {error.strerror}") from error
    os.umask(0o022)
    os.chown(WORK, 0, 0)
    os.chmod(WORK, 0o1777)  # a program may write in it, but not change what the next one sees of the directory itself
    for link, target in _LINKS.items():
        _link(link, target)
    counters = {}
    for path in _COUNTERS:
        with contextlib.suppress(FileNotFoundError):
            counters[os.path.basename(path)] = os.open(f"/sys/fs/cgroup/{path}", os.O_RDONLY | os.O_CLOEXEC)
    syscalls.lock_privileges(programs_are_root=False)
    syscalls.prctl(syscalls.PR_SET_DUMPABLE, 0)
    syscalls.prctl(syscalls.PR_SET_NO_NEW_PRIVS, 1)
    seccomp.Filter(seccomp.agent_filter(os.uname().machine)).install()
    return counters


def _link(link: str, target: str) -> None:
    if os.path.islink(link) and os.readlink(link) == target:
        return
    try:
        if os.path.isdir(link) and not os.path.islink(link):
            os.chmod(link, 0)  # a runtime that insists on a directory of its own (gVisor): out of programs' reach
        else:
            os.symlink(target, link)
    except OSError as error:
        raise OSError(f"{link} is no link to {target}: the image is not one of `provender sandbox build`") from error


def _ids(first: int) -> tuple[int, int]:
    """User ids of the program and the test driver: limits on processes count by id, so no two slots share one."""
    with open("/proc/self/uid_map") as file:
        rows = [[int(field) for field in line.split()] for line in file]
    if not any(start <= first and first + 1 < start + count for start, _, count in rows):
        first = _FALLBACK_IDS + first // 4 % _FALLBACK_SPAN * 4
    return first, first + 1
