"""What the sandbox knows about one programming language."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.types import Request, Status


@dataclass(frozen=True, slots=True)
class Proof:
    """One program of the self-test, and the status (and, with tests, the verdict) that a working machine gives it."""

    request: Request
    status: Status
    passed: bool | None = None


@dataclass(frozen=True, slots=True)
class Language:
    """How programs of one language are made and run.

    `compile` and `run` are argument lists for the jail's working directory, where the program lies as `filename`.
    An empty `compile` means that there is nothing to do before the run; an empty `run`, that the agent's own warm
    interpreter runs the source, without starting a process image. What the first argument names must be found in the
    jail's PATH, else the run raises `ToolchainMissing`.
    """

    name: str
    filename: str
    self_test: tuple[Proof, ...]
    run: tuple[str, ...] = ()
    compile: tuple[str, ...] = ()
    sessions: bool = False
    packages: tuple[
        str, ...
    ] = ()  # Debian packages of its toolchain and libraries: the container image is made of them
