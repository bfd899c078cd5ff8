"""Mixes the groups of a dataset to given shares: weights, caps and epochs, exact to the row (W1-W4).

A mix file, for rows whose column `recipe` names their group (a key of a JSON column is "metadata.topic"):

    by = "recipe"
    total = 10_000                 # rows to write; left out: as many as weights, caps and epochs permit
    max_epochs = 2                 # a row stands at most so often in the result
    seed = 7
    [weights]
    "math/solve" = 0.6
    "code/solve_with_tests" = 0.4
    [caps]
    "math/solve" = 3_000

Shares become rows by the largest remainder. What a group cannot give (too few rows, its cap) goes to the others by
their weights. Which rows are taken depends on their contents and the seed, not on their order. Llama 3 repeats its
good sources and thins out the rest (arXiv 2407.21783, 4.2.2); it gives no bound on repeats, the default here is none.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from curation.errors import CurationError
from records.types import JSON


class Mix(BaseModel):
    """What a mix file says. Weights need not add up to 1. Groups without a weight stay out."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    by: str = Field(min_length=1, title="Group column", description="Column that names a row's group.")
    weights: dict[str, float] = Field(
        min_length=1, description='Weight of each group, such as {"math/solve": 0.6}; groups without one stay out.'
    )
    total: int | None = Field(
        None, ge=1, description="Rows to write; none: as many as weights, caps and epochs permit."
    )
    max_epochs: float = Field(1, gt=0, title="Most epochs", description="How often a row may stand in the result.")
    caps: dict[str, int] = Field(default_factory=dict, description="Most rows of a group.")
    seed: int = Field(0, ge=0, description="Chooses which rows are taken.")

    @model_validator(mode="after")
    def _sound(self) -> Mix:
        for name, weight in self.weights.items():
            if not 0 < weight < float("inf"):
                raise ValueError(f"weights.{name}: must be a positive number; leave a group out instead")
        for name, cap in self.caps.items():
            if name not in self.weights or cap < 0:
                raise ValueError(f"caps.{name}: must be at least 0 and the group must have a weight")
        return self


@dataclass(frozen=True, slots=True)
class GroupShare:
    """One line of the table of targets and achievements (W3)."""

    group: str
    available: int
    weight: float  # share of all weights
    rows: int
    epochs: float  # rows divided by those available
    share: float  # of all rows

    def to_json(self) -> dict[str, JSON]:
        """For the report."""
        return {name: getattr(self, name) for name in self.__slots__}


def read_mix(path: Path) -> Mix:
    """Read a mix file. Raises CurationError with the field and what is wrong with it."""
    try:
        return Mix.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise CurationError(path, None, f"cannot be read as TOML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        said = ": ".join([*[".".join(map(str, first["loc"]))][: len(first["loc"])], first["msg"]])
        raise CurationError(path, None, said.removeprefix("Value error, ")) from error


def allocate(mix: Mix, available: Mapping[str, int]) -> dict[str, int]:
    """Rows of each group: exact shares of the total, as far as the groups can give them.

    The sum is the total where the groups together can give it, else all that they can. Without a total the first group
    that is exhausted sets the measure, so that all shares are exact to the row.
    """
    most = {name: _most(mix, name, available.get(name, 0)) for name in mix.weights}
    total = mix.total if mix.total is not None else _largest_total(mix, most)
    rows: dict[str, int] = dict.fromkeys(mix.weights, 0)
    open_groups, left = sorted(mix.weights), min(total, sum(most.values()))
    while open_groups and left:
        shares = _largest_remainder({name: mix.weights[name] for name in open_groups}, left)
        short = [name for name in open_groups if shares[name] >= most[name]]
        if not short:
            rows.update(shares)
            break
        for name in short:  # a group that is short gives all it has; the others share what is left
            rows[name] = most[name]
            left -= most[name]
        open_groups = [name for name in open_groups if name not in short]
    return rows


def _most(mix: Mix, name: str, available: int) -> int:
    by_epochs = int(Fraction(str(mix.max_epochs)) * available)
    return min(by_epochs, mix.caps.get(name, by_epochs))


def _largest_total(mix: Mix, most: Mapping[str, int]) -> int:
    """The largest total that no group falls short of."""
    weights = {name: Fraction(str(weight)) for name, weight in mix.weights.items()}
    everything = sum(weights.values())
    return int(min(most[name] * everything / weight for name, weight in weights.items()))


def _largest_remainder(weights: Mapping[str, float], total: int) -> dict[str, int]:
    """Whole numbers that add up to `total`, each within 1 of its share; ties by name."""
    exact = {name: Fraction(str(weight)) for name, weight in weights.items()}
    everything = sum(exact.values())
    quotas = {name: total * weight / everything for name, weight in exact.items()}
    rows = {name: int(quota) for name, quota in quotas.items()}
    for name in sorted(quotas, key=lambda name: (rows[name] - quotas[name], name))[: total - sum(rows.values())]:
        rows[name] += 1
    return rows


def choose(rows: int, keys: Mapping[int, bytes], seed: int) -> dict[int, int]:
    """How often each row of a group stands in the result: `rows` in all, spread evenly over the epochs.

    `keys` are hashes of the rows' contents by row number. Equal seeds choose equally, whatever the order of the rows.
    """
    if not keys or not rows:
        return {}
    whole, rest = divmod(rows, len(keys))
    salt = str(seed).encode()
    ranked = sorted(keys, key=lambda index: (hashlib.blake2b(keys[index], key=salt, digest_size=16).digest(), index))
    extra = set(ranked[:rest])
    return {index: whole + (index in extra) for index in keys if whole or index in extra}


def table(mix: Mix, available: Mapping[str, int], rows: Mapping[str, int]) -> list[GroupShare]:
    """Targets against achievements, one line per group."""
    weights, written = sum(mix.weights.values()), sum(rows.values())
    return [
        GroupShare(
            group=name,
            available=available.get(name, 0),
            weight=round(mix.weights[name] / weights, 6),
            rows=rows[name],
            epochs=round(rows[name] / available[name], 6) if available.get(name) else 0.0,
            share=round(rows[name] / written, 6) if written else 0.0,
        )
        for name in sorted(mix.weights)
    ]


def group_of(values: Mapping[str, Any], by: str) -> str | None:
    """The group of a row; None where it has none."""
    value = value_at(values, by)
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return str(value)


def value_at(values: Mapping[str, Any], path: str) -> Any:
    """What a path leads to, into objects, also those stored as JSON text; None where it leads nowhere."""
    value: Any = values
    for name in path.split("."):
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except (ValueError, RecursionError):
                return None
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value
