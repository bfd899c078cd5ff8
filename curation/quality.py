"""Which rows are good: the judge's best, the top share of the reward model's scores, their union or both (Q1-Q3).

Scores are ranked within a capability; equal scores are good together. A row of which the rule needs something that is
not known is neither good nor bad but unknown.
"""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from curation.label_settings import QualitySettings
from records.types import JSON

LOW, UNKNOWN = "low_quality", "quality_unknown"
NOTHING_KNOWN = -1


def top_threshold(scores: Sequence[float], share: float) -> float:
    """The least score that is among the top share, at least one; those equal to it are as well. inf for no score."""
    ranked = sorted(scores, reverse=True)
    return ranked[max(1, math.ceil(round(len(ranked) * share, 9))) - 1] if ranked else math.inf


def combine(by: str, judge: bool | None, reward: bool | None) -> bool | None:
    """Whether a row is good by the rule; None where that depends on what is not known."""
    if by == "judge":
        return judge
    if by == "reward":
        return reward
    deciding = by == "union"  # one that is good decides a union, one that is not an intersection
    if deciding in (judge, reward):
        return deciding
    return None if None in (judge, reward) else not deciding


@dataclass
class Quality:
    """What is known of each row, in the order in which they came: 9 bytes and a capability's number a row."""

    settings: QualitySettings
    _good: array[int] = field(default_factory=lambda: array("b"))  # by the judge: 1, 0, or NOTHING_KNOWN
    _scores: array[float] = field(default_factory=lambda: array("d"))  # nan: none
    _groups: array[int] = field(default_factory=lambda: array("L"))
    _names: dict[str, int] = field(default_factory=dict)
    thresholds: dict[str, float] = field(default_factory=dict)
    table: Counter[tuple[bool | None, bool | None]] = field(default_factory=Counter)  # judge, reward

    def add(self, labels: Mapping[str, Any], capability: str) -> None:
        """Take in the quality labels of the next row."""
        good, score = labels.get("good"), labels.get("reward")
        self._good.append(NOTHING_KNOWN if good is None else int(good))
        self._scores.append(math.nan if score is None else score)
        self._groups.append(self._names.setdefault(capability, len(self._names)))

    def judge(self, rows: Sequence[int]) -> dict[int, bool | None]:
        """Which of these rows are good. Thresholds are those of the scores of these rows."""
        by_group: dict[int, list[float]] = {number: [] for number in self._names.values()}
        for row in rows:
            if not math.isnan(self._scores[row]):
                by_group[self._groups[row]].append(self._scores[row])
        limits = {number: top_threshold(scores, self.settings.top) for number, scores in by_group.items()}
        self.thresholds = {name: limits[number] for name, number in self._names.items() if by_group[number]}
        return {row: self._is_good(row, limits[self._groups[row]]) for row in rows}

    def _is_good(self, row: int, limit: float) -> bool | None:
        judge = None if self._good[row] == NOTHING_KNOWN else bool(self._good[row])
        reward = None if math.isnan(self._scores[row]) else self._scores[row] >= limit
        self.table[judge, reward] += 1
        return combine(self.settings.by, judge, reward)

    @property
    def disagreement(self) -> tuple[int, int]:
        """Rows of which judge and reward model say different things, of those of which both say something."""
        both = {pair: count for pair, count in self.table.items() if None not in pair}
        return sum(count for (judge, reward), count in both.items() if judge is not reward), sum(both.values())

    def to_json(self) -> dict[str, JSON]:
        """For the report: the table of judge against reward, what divides them, the thresholds."""
        words = {True: "good", False: "not", None: "unknown"}
        pairs = sorted((words[judge], words[reward], count) for (judge, reward), count in self.table.items())
        return {
            "by": self.settings.by,
            "judge_and_reward": [{"judge": judge, "reward": reward, "rows": count} for judge, reward, count in pairs],
            "disagreement": list(self.disagreement),
            "thresholds": dict(sorted(self.thresholds.items())),
        }
