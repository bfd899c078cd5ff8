"""Rounds (O8): what a run has made seeds the next one, with another model or harder settings.

Every round is a run of its own below one folder, so it resumes and is exported and reported like any other. A recipe
whose corpus is `previous:RECIPE` reads what that recipe made in the round before.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast, get_args

from corpus.previous import Which
from corpus.reader import hash_files
from flows.config import RunConfig
from flows.errors import ConfigError
from flows.run_folder import RunFolder
from records.types import stable_seed

PREVIOUS = "previous:"
PATTERN = re.compile(r"previous:(?P<recipe>[a-z_]+/[a-z_]+)(:(?P<which>[a-z]+))?")


@dataclass(frozen=True, slots=True)
class Previous:
    """The corpus of a recipe that reads the round before."""

    run: Path
    recipe: str
    which: Which = "all"

    def shards(self) -> list[Path]:
        """The shards of that recipe which that round's dataset is made from. Raises ConfigError."""
        folder = RunFolder(self.run)
        about = folder.read_run()
        if about.get("state") != "complete":
            raise ConfigError(f"{self.run}: the round before is {about.get('state')}, not complete")
        used = {slug: about["shards"][slug] for slug, one in about["recipes"].items() if one["use"] == self.recipe}
        return folder.used_shards(used)

    def fingerprint(self) -> str:
        """Hash of what is read."""
        return hash_files(self.shards())


def previous_of(config: RunConfig, pattern: str) -> Previous | None:
    """What a corpus pattern means of the round before; None where it means something else. Raises ConfigError."""
    if not pattern.startswith(PREVIOUS):
        return None
    match = PATTERN.fullmatch(pattern)
    if match is None or (match["which"] or "all") not in get_args(Which):
        raise ConfigError(f"corpus {pattern}: write previous:RECIPE, with :solved or :unsolved behind it for a part")
    if config.previous is None:
        raise ConfigError(f"corpus {pattern}: there is no round before; it belongs into an entry of [[rounds]]")
    return Previous(Path(config.previous), match["recipe"], cast(Which, match["which"] or "all"))


def round_folder(root: Path, number: int) -> Path:
    """Where a round's run lies; the first one is number 0."""
    return root / f"round-{number:02d}"


def round_configs(config: RunConfig, root: Path) -> list[RunConfig]:
    """The config of every round. What an entry of `rounds` does not name is as in the round before it."""
    last = len(config.rounds)
    base = config.model_copy(update={"rounds": []})
    made = [base]
    for number, change in enumerate(config.rounds, start=1):
        changes: dict[str, Any] = {"round": number, "previous": str(round_folder(root, number - 1))}
        changes["models"] = {**made[-1].models, **change.models}
        changes["recipes"] = change.recipes or made[-1].recipes
        changes["seed"] = stable_seed(str(config.seed), "round", str(number)) if change.seed is None else change.seed
        made.append(made[-1].model_copy(update=changes))
    silent = config.exports.model_copy(update={"push": None})
    return [one if one.round == last else one.model_copy(update={"exports": silent}) for one in made]
