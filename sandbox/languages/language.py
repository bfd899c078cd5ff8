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
    An empty `run` means that the agent's own warm interpreter runs the source, without starting a process image.
    `needs` are the executables whose absence makes the language unavailable (`ToolchainMissing`).
    """

    name: str
    filename: str
    self_test: tuple[Proof, ...]
    run: tuple[str, ...] = ()
    compile: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
