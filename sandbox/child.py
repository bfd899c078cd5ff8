"""A child of the agent before it runs anything foreign: it gives up every right, then becomes the program."""

# Plain system calls, because pathlib would be loaded into the process of every program:
# ruff: noqa: PTH102, PTH103, PTH108, PTH120, PTH123
from __future__ import annotations

import contextlib
import fcntl
import math
import os
import resource
from dataclasses import dataclass
from typing import Any, NoReturn

from sandbox import program, seccomp, syscalls
from sandbox.wire import read_frame

CHANNEL = 3  # the one descriptor beside the standard streams, in test modes only
_PROGRESS = 4
_RESERVE = 1 << 40  # addresses for runtimes that reserve what they may never use
_SPARE = 100  # descriptors are moved up here before they get their final numbers
# by whether a control group counts memory; built once, before any fork
_FILTERS = {grouped: seccomp.Filter(seccomp.program_filter(os.uname().machine, grouped)) for grouped in (True, False)}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a child finds its ends: descriptors as the agent numbered them, and the user id to become."""

    control: int
    out: dict[str, int]  # stdout, stderr, report
    uid: int | None  # None: stay who we are
    work: str
    grouped: bool  # a control group bounds the memory
    base_bytes: int  # addresses that the agent itself uses, and each child from its start
    progress: int = -1
    channel: int = -1  # to the other child, when the program is tested from outside


_LIMITS_OF_ALL = {
    resource.RLIMIT_CORE: 0, resource.RLIMIT_MEMLOCK: 1 << 16, resource.RLIMIT_MSGQUEUE: 0, resource.RLIMIT_RTPRIO: 0,
}  # fmt: skip


def warm_up() -> None:
    """Do once, in the agent, what every child would have to do, so that children share the result."""
    for kind, value in _LIMITS_OF_ALL.items():
        resource.setrlimit(kind, (value, value))
    program.warm_up()


def main(header: dict[str, Any], place: Place) -> NoReturn:
    """Become the program. Nothing foreign has run before the last line."""
    frame, blobs = read_frame(place.control)
    offer_to_memory_killer(b"1000")  # when memory is short, the program goes first
    source, stdin, extra = bytes(blobs[0]), blobs[1], blobs[2]
    channel = place.channel if header["mode"] in ("tests", "session") else place.out["report"]
    arrange_descriptors(stdin, place, channel, place.progress)
    confine(header, place)
    syscalls.prctl(syscalls.PR_SET_DUMPABLE, 1)  # so that its own /proc/self is open to it
    _make_work(header, place.work, source, dict(zip(frame["files"], blobs[3:], strict=True)))
    os.write(_PROGRESS, b"r")
    if header["argv"]:
        for name in header.get("hide", ()):
            _remove(name)
        _become(header["argv"], {**os.environ, **header.get("env", {})})
    program.main(program.Job(header["mode"], source, bytes(extra), header["filename"], CHANNEL, _PROGRESS))


def offer_to_memory_killer(score: bytes) -> None:
    """How readily the kernel ends this process, and not the agent, when the jail's memory is short."""
    syscalls.prctl(syscalls.PR_SET_DUMPABLE, 1)  # else the file belongs to the host's root
    fd = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
    os.write(fd, score)
    os.close(fd)


def arrange_descriptors(stdin: memoryview | None, place: Place, channel: int, progress: int) -> None:
    """Standard streams, the channel and the progress pipe at their numbers, and nothing else open."""
    if stdin:
        source = os.memfd_create("stdin")
        with open(source, "wb", closefd=False) as file:
            file.write(stdin)
        os.lseek(source, 0, os.SEEK_SET)
    else:
        source = os.open("/dev/null", os.O_RDONLY)
    wanted = {0: source, 1: place.out["stdout"], 2: place.out["stderr"], CHANNEL: channel, _PROGRESS: progress}
    moved = {number: fcntl.fcntl(fd, fcntl.F_DUPFD, _SPARE) for number, fd in wanted.items() if fd >= 0}
    os.closerange(CHANNEL, _SPARE)
    for number, fd in moved.items():
        os.dup2(fd, number)
    os.closerange(_SPARE, 1 << 20)


def confine(header: dict[str, Any], place: Place) -> None:
    """Own session, resource limits, no ids, no capabilities, no mounts: everything but the program itself."""
    os.setsid()
    for kind, value in _limits(header, place).items():
        resource.setrlimit(kind, (value, value))
    if place.uid is not None:
        os.setresgid(place.uid, place.uid, place.uid)
        os.setresuid(place.uid, place.uid, place.uid)
    syscalls.drop_capabilities()
    _FILTERS[place.grouped].install()


def _limits(header: dict[str, Any], place: Place) -> dict[int, int]:
    memory = int(header["memory_bytes"])
    reserve = _RESERVE if header.get("reserves") else 0
    return {
        resource.RLIMIT_CPU: math.ceil(header["cpu_s"]) + 1,  # behind the agent's own clock
        # a group counts what is really used; without one, only reserved addresses can be refused
        resource.RLIMIT_AS: place.base_bytes + (4 * memory + (1 << 30) if place.grouped else memory) + reserve,
        resource.RLIMIT_NPROC: header["pids"] + (1 if place.uid else 3),
        resource.RLIMIT_NOFILE: header["open_files"],
        resource.RLIMIT_FSIZE: header["file_bytes"],
    }


def _make_work(header: dict[str, Any], work: str, source: bytes, files: dict[str, memoryview]) -> None:
    if not header["fresh"]:
        os.chdir(f"{work}/work")
        return
    os.umask(0)
    for name in ("work", "tmp", "shm"):
        os.mkdir(f"{work}/{name}", 0o777)  # the test driver, under another id, may leave files for the program
    os.chdir(f"{work}/work")
    os.umask(0o022)
    own = {header["filename"]: source} if header["filename"] else {}  # a session begins without a program
    wanted: dict[str, bytes | memoryview] = {**own, **files}
    for name, data in wanted.items():
        os.makedirs(os.path.dirname(name) or ".", exist_ok=True)
        with open(name, "wb") as file:
            file.write(data)


def _remove(name: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(name)


def _become(argv: list[str], environment: dict[str, str]) -> NoReturn:
    """Start another program image; that it could not be found is said on the progress pipe, which it closes."""
    os.write(_PROGRESS, b".")
    os.set_inheritable(_PROGRESS, False)
    try:
        os.execvpe(argv[0], argv, environment)
    except OSError as error:
        os.write(_PROGRESS, f"x{error.strerror}".encode())
        os._exit(127)
