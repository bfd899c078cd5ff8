"""The sandbox contract: what is asked, under which limits, and what came back."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Literal, Protocol


class Status(StrEnum):
    """How one execution ended. There is no sandbox error here: that is the exception `SandboxError`."""

    OK = "ok"
    NONZERO = "nonzero"
    SIGNAL = "signal"
    TIMEOUT_CPU = "timeout_cpu"
    TIMEOUT_WALL = "timeout_wall"
    MEMORY = "memory"
    OUTPUT = "output"
    COMPILE_ERROR = "compile_error"
    REJECTED = "rejected"


class SandboxError(Exception):
    """The sandbox itself failed; nothing is known about the program."""


class SandboxUnavailable(SandboxError):
    """No backend can isolate here, or the sandbox keeps failing; the message says what to install or change."""


class ToolchainMissing(SandboxError):
    """The language's compiler or interpreter is not installed; nothing is known about the program."""


class SessionEnded(SandboxError):
    """The session is over: its program left or met a limit, or it expired or was closed. `reset` begins a new one."""


class FileRefused(Exception):
    """A file could not be taken into a session, or out of it: missing, not a regular file, too large, no room."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one execution may use. Time starts when the program starts, never while it is queued."""

    cpu_s: float = 10.0  # whole process tree where a cgroup exists, else per process and summed over /proc
    wall_s: float | None = None  # None: 2 * cpu_s + 2
    memory_bytes: int = 256 << 20
    pids: int = 64  # processes and threads
    disk_bytes: int = 64 << 20
    inodes: int = 4096
    file_bytes: int = 32 << 20
    open_files: int = 256
    output_bytes: int = 1 << 20  # per stream

    @property
    def wall_limit_s(self) -> float:
        """The wall-clock bound in seconds: a generous outer bound, CPU time decides."""
        return self.wall_s if self.wall_s is not None else 2 * self.cpu_s + 2


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Calls:
    """Calls of one function, made from outside: expected values never enter the process under test."""

    entry_point: str
    io: tuple[tuple[tuple[Any, ...], Any], ...]  # ((args, expected), ...), JSON values


@dataclass(frozen=True, slots=True)
class TestSource:
    """Test code in the language's usual form, run against the program without trusting the program."""

    source: str
    __test__ = False  # not a pytest class


@dataclass(frozen=True, slots=True)
class Stdio:
    """The program as a whole: text on standard input, expected text on standard output (trailing space ignored)."""

    stdin: str
    expected_stdout: str


@dataclass(frozen=True, slots=True)
class StdioCases:
    """The program as a whole on many inputs: compiled once, run once for each, under the limits each time.

    Runs of a compiled program share a working directory: what one leaves there, the next one sees.
    """

    cases: tuple[Stdio, ...]


@dataclass(frozen=True, slots=True)
class Request:
    """One program to run. Without `tests` it is run as a script and its status is all that is known."""

    language: str
    source: str
    stdin: bytes = b""
    files: Mapping[str, bytes] = field(default_factory=dict)
    tests: Calls | TestSource | Stdio | StdioCases | None = None
    limits: Limits = DEFAULT_LIMITS


@dataclass(frozen=True, slots=True)
class Case:
    """One test case or assertion: reached or not, passed or not, and what was seen (capped text)."""

    name: str
    passed: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class TestReport:
    """What the harness, not the program, says about the tests.

    `trust` is "outside" where the program could not reach the verdict (values crossed a process boundary),
    "in_process" where the test code had to share the program's process.
    """

    cases: tuple[Case, ...]
    trust: Literal["outside", "in_process"]
    complete: bool  # every assertion was reached
    __test__ = False

    @property
    def passed(self) -> bool:
        """All cases passed, there was at least one, and every assertion was reached."""
        return self.complete and bool(self.cases) and all(case.passed for case in self.cases)


@dataclass(frozen=True, slots=True)
class Execution:
    """What one execution did. `tests` is set when the request had tests and the program could be loaded."""

    status: Status
    exit_code: int | None
    signal: int | None
    stdout: str  # invalid UTF-8 replaced, cut at the limit
    stderr: str
    cpu_s: float
    wall_s: float
    peak_bytes: int | None
    backend: str
    tests: TestReport | None = None
    detail: str = ""


class Session(Protocol):
    """An interpreter that lives across calls, in a jail of its own; paused while no cell runs. One call at a time."""

    async def run(self, cell: str) -> Execution:
        """Run one cell in the session's namespace; the value of a last expression is printed, as a notebook does.

        Limits of time and output hold for each cell, those of memory, processes and disk for the session. A cell that
        raises leaves the session as it is; one that meets a limit, or ends the interpreter, is answered with its
        status and ends the session. Raises SessionEnded, SandboxError.
        """
        ...

    async def put(self, name: str, data: bytes) -> None:
        """Write a file into the working directory. Raises FileRefused, SessionEnded, SandboxError."""
        ...

    async def get(self, name: str) -> bytes:
        """Read a regular file of the working directory. Raises FileRefused, SessionEnded, SandboxError."""
        ...

    async def reset(self) -> None:
        """Begin anew in a fresh jail, with the files that the session was opened with. Raises SandboxError."""
        ...


class Sandbox(Protocol):
    """A pool of isolated slots. Safe to call from many coroutines; callers await a free slot."""

    @property
    def backend(self) -> str:
        """Name of the backend that runs the programs, e.g. "namespaces"."""
        ...

    async def run(self, request: Request) -> Execution:
        """Run one program. Raises SandboxError when nothing is known about it, after retrying on a fresh slot."""
        ...

    def session(
        self,
        language: str = "python",
        limits: Limits = DEFAULT_LIMITS,
        files: Mapping[str, bytes] = MappingProxyType({}),
        profile: str = "plain",
    ) -> AbstractAsyncContextManager[Session]:
        """A stateful session. Entering waits for room, and raises SandboxError where none can be opened."""
        ...

    async def aclose(self) -> None:
        """End every slot; nothing is left behind."""
        ...
