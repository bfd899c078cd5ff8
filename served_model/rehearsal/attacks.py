"""Hostile programs from the files `attacks_*.toml`, filled in for a task."""

from __future__ import annotations

import string
import tomllib
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

from served_model.rehearsal.bank import Task

AIMS = ("machine", "verdict")


@dataclass(frozen=True, slots=True)
class Attack:
    """One hostile program: the fault it stands for, its name among those, and its template."""

    kind: str
    variant: str
    source: str


@lru_cache(maxsize=1)
def load_attacks() -> tuple[Attack, ...]:
    """All hostile programs, in the order of the files."""
    folder = resources.files("served_model.rehearsal")
    texts = [(folder / f"attacks_{aim}.toml").read_text(encoding="utf-8") for aim in AIMS]
    return tuple(Attack(**entry) for text in texts for entry in tomllib.loads(text)["program"])


def fill_attack(attack: Attack, task: Task) -> str:
    """The hostile program with the task's function in it."""
    return string.Template(attack.source).substitute(
        name=task.function, args=task.family.args, returns=task.family.returns, first=task.parameters[0]
    )
