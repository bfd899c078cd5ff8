"""Which skills a run's solver is weak at: pass rate and sampling weight of each, weakest first (M3)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from audit.intervals import Share
from audit.report import ReportTable
from records.skill_rates import SkillRate, skill_weights

COLUMNS = ("is_final", "outcome", "recipe", "metadata")


@dataclass
class Skills:
    """Finished chains by recipe and skill: how many passed, and all that were judged."""

    counts: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)

    def add(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Take in rows with COLUMNS. What is unjudged says nothing about a skill."""
        for row in rows:
            if row["is_final"] and row["outcome"] != "unjudged" and '"skill"' in row["metadata"]:
                place = (row["recipe"], str(json.loads(row["metadata"])["skill"])[:60])
                passed, total = self.counts.get(place, (0, 0))
                self.counts[place] = (passed + (row["outcome"] == "pass"), total + 1)

    def tables(self) -> tuple[ReportTable, ...]:
        """For the report: one table per recipe, none where no record names a skill."""
        recipes = sorted({recipe for recipe, _ in self.counts})
        return tuple(self._table(recipe) for recipe in recipes)

    def _table(self, recipe: str) -> ReportTable:
        rates = {skill: SkillRate(*counts) for (of, skill), counts in self.counts.items() if of == recipe}
        weights = skill_weights(rates)
        order = sorted(rates, key=lambda skill: (-weights[skill], skill))
        rows = [
            (skill, str(Share(rates[skill].passed, rates[skill].total)), f"{weights[skill]:.2f}") for skill in order
        ]
        return ReportTable(
            f"Skills: {recipe}", ("skill", "passed", "sampling weight"), rows, recipe=recipe, trait="skill"
        )
