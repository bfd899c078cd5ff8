"""How often attempts at each skill succeed, and sampling weights that follow the weak skills (M3)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

FOCUS = 1.0  # power of the failure rate; 0 gives every skill the same weight, 2 leaves little to the strong ones
FLOOR = 0.1  # least weight, relative to the mean, so that a skill that is mastered does not vanish from the data


@dataclass(frozen=True, slots=True)
class SkillRate:
    """Attempts at one skill and how many of them passed."""

    passed: int
    total: int

    @property
    def rate(self) -> float:
        """The pass rate as seen."""
        return self.passed / self.total if self.total else 0.0

    @property
    def expected(self) -> float:
        """The pass rate to be expected (rule of succession): two attempts that passed are no proof of mastery."""
        return (self.passed + 1) / (self.total + 2)


def skill_rates(attempts: Iterable[tuple[str, bool]]) -> dict[str, SkillRate]:
    """Rates by skill, from pairs of skill and whether the attempt passed; sorted by name."""
    counts: dict[str, tuple[int, int]] = {}
    for skill, passed in attempts:
        hits, total = counts.get(skill, (0, 0))
        counts[skill] = (hits + passed, total + 1)
    return {skill: SkillRate(*counts[skill]) for skill in sorted(counts)}


def skill_weights(rates: Mapping[str, SkillRate], focus: float = FOCUS, floor: float = FLOOR) -> dict[str, float]:
    """A sampling weight per skill: the expected failure rate to the power of `focus`, its mean over skills brought to 1
    and then raised to `floor` where it is less."""
    if not rates:
        return {}
    raw = {skill: (1 - rate.expected) ** focus for skill, rate in rates.items()}
    mean = sum(raw.values()) / len(raw)
    return {skill: max(floor, value / mean) for skill, value in raw.items()}
