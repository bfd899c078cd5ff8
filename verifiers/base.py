"""What every verifier shares: its resources, its entry in the table, and how a check is stored."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from records.types import Candidate, Check, Verdict
from sandbox.types import Sandbox
from served_model.types import Model
from verifiers.workers import ProcessPool


@dataclass(frozen=True)
class Resources:
    """What verifiers may use. Built once per shard; closed by whoever built it."""

    sandbox: Sandbox
    workers: ProcessPool  # killable processes for CPU work with a deadline
    model: Model | None = None  # for judges


@dataclass(frozen=True)
class Verifier:
    """One kind of proof: the check it answers and the function that answers it."""

    check: type[Check]
    verify: Callable[[Any, Candidate, Resources], Awaitable[Verdict]]
    asks_model: bool = False  # it needs a served model; all others say the same whenever they are asked
