"""What the trials of tests measured in a run, by recipe and language: mutation score, coverage, self-correction."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from audit.report import ReportTable
from audit.tables import percent

COLUMNS = ("is_final", "outcome", "recipe", "metadata", "verdicts")
STRENGTH, AGREEMENT = "tests_strength", "agreement"
HEADERS = (
    "recipe", "language", "problems", "accepted", "self-corrected", "mutation score", "lowest", "branch coverage",
    "pass rate of solutions",
)  # fmt: skip
NOTE = (
    "Means over accepted problems. A mutation score is the share of changed copies of a solution that its tests "
    "notice; translations have none. Self-corrected: of those accepted, after a revision."
)


@dataclass
class _Counts:
    problems: int = 0
    accepted: int = 0
    corrected: int = 0
    scores: list[float] = field(default_factory=list)
    coverages: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)


@dataclass
class Proofs:
    """Finished chains whose tests were to be tried, by recipe and language."""

    counts: dict[tuple[str, str], _Counts] = field(default_factory=dict)

    def add(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Take in rows with COLUMNS; a chain counts where its metadata tells whether it was corrected."""
        for row in rows:
            if row["is_final"] and '"self_corrected"' in row["metadata"] and '"entry_point"' in row["metadata"]:
                self._add(row, json.loads(row["metadata"]))

    def _add(self, row: Mapping[str, Any], metadata: Mapping[str, Any]) -> None:
        counts = self.counts.setdefault((row["recipe"], str(metadata.get("language", ""))[:40]), _Counts())
        counts.problems += 1
        if row["outcome"] != "pass":
            return
        counts.accepted += 1
        counts.corrected += metadata["self_corrected"] is True
        evidence = {verdict["check"]: json.loads(verdict["evidence"]) for verdict in row["verdicts"]}
        if STRENGTH in evidence:
            counts.scores.append(float(evidence[STRENGTH]["mutation_score"]))
            counts.coverages.append(float(evidence[STRENGTH]["branch_coverage"]))
        if AGREEMENT in evidence:
            counts.rates.append(float(evidence[AGREEMENT]["pass_rate"]))

    def tables(self) -> tuple[ReportTable, ...]:
        """For the report; none where no tests were tried."""
        if not self.counts:
            return ()
        rows = [
            (
                recipe,
                language,
                counts.problems,
                counts.accepted,
                percent(counts.corrected, counts.accepted),
                _mean(counts.scores),
                f"{min(counts.scores):.2f}" if counts.scores else "",
                _mean(counts.coverages),
                _mean(counts.rates),
            )
            for (recipe, language), counts in sorted(self.counts.items())
        ]
        return (ReportTable("Code: tests on trial", HEADERS, rows, NOTE),)


def _mean(values: list[float]) -> str:
    return f"{sum(values) / len(values):.2f}" if values else ""
