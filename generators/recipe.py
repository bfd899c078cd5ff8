"""What a recipe is: a pair of functions over small values, and the settings a user may vary."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict

from records.limits import Limits
from records.types import Candidate, Record, Seed
from sandbox.types import Sandbox
from served_model.types import Model


class Settings(BaseModel):
    """Base of every recipe's settings: unknown keys are refused, values are frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SeedRefused(Exception):
    """A seed yields no candidate; `reason` is a snake_case code. Becomes a Drop at stage "propose"."""

    def __init__(self, reason: str, **evidence: Any) -> None:
        super().__init__(reason)
        self.reason = reason
        self.evidence = evidence


@dataclass(frozen=True)
class Resources:
    """What a recipe may use: the model (through the journal), its settings, the run's seed and round, the sandbox.

    The sandbox is for real results that become part of an example (a tool's output, a cell's), not for marking it.
    """

    model: Model
    settings: Any  # the recipe's own Settings subclass
    run_seed: int
    round: int = 0
    sandbox: Sandbox | None = None  # there in every run; None only where a test builds a recipe without one


@dataclass(frozen=True)
class Recipe:
    """One way to make examples. `revise` is asked after a FAIL and gets all attempts of the chain, oldest first.

    `propose` raises SeedRefused for a seed that gives nothing; ModelError passes through. `revise` returns None when
    it has nothing to offer. Neither calls a verifier: a recipe never marks its own work.
    """

    name: str  # "code/solve_with_tests"
    seeds: str  # corpus format it reads: "source_code", "questions"
    settings: type[Settings]
    propose: Callable[[Seed, Resources], Awaitable[list[Candidate]]]
    revise: Callable[[Sequence[Record], Resources], Awaitable[Candidate | None]] | None = None
    sandbox: bool = False  # it or its checks run programs, so a run is refused where nothing can isolate them
    limits: Callable[[Any], Limits] | None = None  # from its settings: how its records must be balanced in the dataset
    languages: Callable[[Any], tuple[str, ...]] | None = None  # from its settings: the languages of its programs
    corpus: str = ""  # the pattern it reads by default, where that is not its format's own, e.g. "run:math/solve"
