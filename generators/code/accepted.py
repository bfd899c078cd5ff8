"""What recipes that build on `code/solve_with_tests` find in a seed of format `attempts`."""

from __future__ import annotations

from generators.attempts import chains_of
from generators.recipe import SeedRefused
from records.types import Outcome, Record, Seed

SOURCE = "run:code/solve_with_tests"
PARTS = ("problem", "signature", "solution", "tests")


def accepted_chains(seed: Seed, language: str = "") -> list[list[Record]]:
    """The chains of the seed that ended in an accepted solution (in the language). Raises SeedRefused without one."""
    chains = [chain for chain in chains_of(seed) if chain[-1].outcome is Outcome.PASS]
    if not chains:
        raise SeedRefused("nothing_accepted")
    fitting = [chain for chain in chains if _has_parts(chain[-1]) and language in ("", language_of(chain[-1]))]
    if not fitting:
        raise SeedRefused("no_such_program")
    return fitting


def language_of(record: Record) -> str:
    """The language of a record's program."""
    return str(record.candidate.metadata.get("language", ""))


def entry_point_of(record: Record) -> str:
    """The function that a record's tests call."""
    return str(record.candidate.metadata.get("entry_point", ""))


def original_seed(record: Record) -> Seed:
    """The real material that a record comes from."""
    return record.candidate.seed


def _has_parts(record: Record) -> bool:
    return all(record.candidate.parts.get(part, "").strip() for part in PARTS) and bool(entry_point_of(record))
