"""What the sandbox knows about one programming language."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.types import Request, Status, TestReport

PRIVATE = ".pv"  # folder beside the program that is ours; no file of a request may lie there
Report = Callable[[bytes, bytes, bool], TestReport]  # of the harness's channel, standard output, and a normal end


@dataclass(frozen=True, slots=True)
class Proof:
    """One program of the self-test, and the status (and, with tests, the verdict) that a working machine gives it."""

    request: Request
    status: Status
    passed: bool | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """How one request is made and run: files, the commands before the run, the run, and who reads the tests' result.

    `stdin` of None means the request's own. What `hide` names is gone before the run, so that a program cannot read
    the tests that it was linked with. A failing command of `compile` is the program's compile error.
    """

    source: str
    filename: str
    run: tuple[str, ...]
    compile: tuple[tuple[str, ...], ...] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)
    stdin: bytes | None = None
    compile_stdin: bytes = b""
    hide: tuple[str, ...] = ()
    report: Report | None = None


Planner = Callable[[Request, str], Plan]  # the second argument is the seal: a word that only the harness may know


@dataclass(frozen=True, slots=True)
class Language:
    """How programs of one language are made and run.

    `compile` and `run` are argument lists for the jail's working directory, where the program lies as `filename`.
    An empty `compile` means that there is nothing to do before the run; an empty `run`, that the agent's own warm
    interpreter runs the source, without starting a process image. What the first argument names must be found in the
    jail's PATH, else the run raises `ToolchainMissing`. The planners take over where argument lists do not do:
    `plain` for programs by themselves, `tests` for test sources, `calls` for calls from outside.
    """

    name: str
    filename: str
    self_test: tuple[Proof, ...]
    run: tuple[str, ...] = ()
    compile: tuple[str, ...] = ()
    plain: Planner | None = None
    tests: Planner | None = None
    calls: Planner | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()  # patterns of messages that mean: a library is not installed
    reserves: bool = False  # the runtime reserves far more addresses than it uses
    sessions: bool = False
    packages: tuple[str, ...] = ()  # Debian packages of its toolchain and libraries, for an image and for this machine

    @property
    def embedded(self) -> bool:
        """Whether the agent's own interpreter runs it, and its test driver tests it."""
        return not self.run and self.plain is None


def harness(name: str) -> str:
    """A file of the folder `harness` beside this one."""
    return (Path(__file__).parent / "harness" / name).read_text(encoding="utf-8")


def encoded(text: str) -> bytes:
    """As it is written to a file of the jail; lone surrogates become what the compiler will refuse."""
    return text.encode("utf-8", "surrogatepass")
