"""How much better the chosen reply of a pair is: a margin on the scale of the check that told them apart, and a level.

Llama 3 (arXiv 2407.21783, 4.2.1) has four levels and trains on the upper two; it gives no scale. Ours is 0 to 1: the
difference in the share of tests passed, of votes, of a search's or a reward model's value; 1 where a check only knows
right and wrong. What a judge says is no proof: such pairs are `better` at most.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from exports.base import Row


class Level(StrEnum):
    """The strength of a preference, as Llama 3 names it."""

    SIGNIFICANT = "significantly_better"
    BETTER = "better"
    SLIGHT = "slightly_better"
    SIMILAR = "similar"


FLOORS: tuple[tuple[float, Level], ...] = ((2 / 3, Level.SIGNIFICANT), (1 / 3, Level.BETTER), (0.1, Level.SLIGHT))
"""Least margins: thirds of the scale, and a tenth below which two replies are taken for equally good. Our choice."""

ORDER = (Level.SIMILAR, Level.SLIGHT, Level.BETTER, Level.SIGNIFICANT)
BY_JUDGE = frozenset({"judged", "knowledge_probe", "tool_answer", "tool_contrast"})
"""Checks whose word is a model's."""


SOUND_STEPS = "sound_steps"
"""The criterion of the step judge: its verdict is the number of the first wrong step, 0 where there is none."""

Margin = Callable[[Mapping[str, Any], Mapping[str, Any]], float]
"""From the evidence of the better side and of the worse."""


@dataclass(frozen=True, slots=True)
class Strength:
    """A margin from 0 to 1 and what it means."""

    margin: float
    level: Level

    @classmethod
    def of(cls, verifier: str, margin: float) -> Strength:
        """The level of a margin under a check; a rounded margin, so that no level hangs on a float's last digit."""
        margin = round(min(max(margin, 0.0), 1.0), 6)
        level = next((level for floor, level in FLOORS if margin >= round(floor, 6)), Level.SIMILAR)
        if verifier in BY_JUDGE and level is Level.SIGNIFICANT:
            level = Level.BETTER
        return cls(margin, level)


def at_least(level: str, least: Level) -> bool:
    """Whether a stored level is `least` or stronger."""
    return ORDER.index(Level(level)) >= ORDER.index(least)


def measure(verifier: str, chosen: Row, rejected: Row) -> Strength:
    """The strength of a pair of records that `verifier` told apart."""
    good, bad = _evidence(chosen, verifier), _evidence(rejected, verifier)
    return Strength.of(verifier, MARGINS.get(verifier, _categorical)(good, bad))


def _evidence(row: Row, verifier: str) -> Mapping[str, Any]:
    """The evidence by which the check decided: of several verdicts of one kind the first that was not passed."""
    found = [one for one in row["verdicts"] if one["check"] == verifier]
    found.sort(key=lambda one: one["outcome"] == "pass")
    evidence: Mapping[str, Any] = json.loads(found[0]["evidence"]) if found else {}
    return evidence


def _categorical(_good: Mapping[str, Any], _bad: Mapping[str, Any]) -> float:
    return 1.0


def _by(name: str) -> Margin:
    """The difference of a number that both sides have; 1 where one of them has none."""

    def margin(good: Mapping[str, Any], bad: Mapping[str, Any]) -> float:
        if good.get(name) is None or bad.get(name) is None:
            return 1.0
        return float(good[name]) - float(bad[name])

    return margin


def _votes(good: Mapping[str, Any], bad: Mapping[str, Any]) -> float:
    """The winner's share of the samples less that of the rejected answer, or of the runner-up where it is not named."""
    total = bad.get("total") or 0
    if not total:
        return 1.0
    counts = {name: count for name, count in bad.get("tally", ())}
    others = sorted((count for name, count in bad.get("tally", ())[1:]), reverse=True)
    own = counts.get(bad.get("own_answer"), others[0] if others else 0)
    return float(good.get("votes", 0) - own) / float(total)


def _ballots(good: Mapping[str, Any], bad: Mapping[str, Any]) -> float:
    """The share of readable votes for sound steps, on the one side less that on the other."""
    better, worse = _sound(good), _sound(bad)
    return 1.0 if better is None or worse is None else better - worse


def _sound(evidence: Mapping[str, Any]) -> float | None:
    votes = evidence.get("criteria", {}).get(SOUND_STEPS, {}).get("votes", {})
    total = sum(votes.values()) - votes.get("unreadable", 0)
    return float(votes.get("0", 0) / total) if total > 0 else None


MARGINS: Mapping[str, Margin] = {
    "code_tests": _by("pass_rate"),
    "agreement": _by("test_pass_rate"),
    "reward_score": _by("score"),
    "majority_vote": _votes,
    "judged": _ballots,
}
