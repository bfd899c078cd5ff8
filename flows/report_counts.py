"""What the verdicts of a run say about judges, guards, the model's knowledge and skills, and trials of tests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from audit.chains import Row, scan
from audit.intervals import Share
from audit.judge_tables import judge_tables
from audit.judges import COLUMNS as JUDGE_COLUMNS
from audit.judges import Judges
from audit.knowledge import COLUMNS as KNOWLEDGE_COLUMNS
from audit.knowledge import Knowledge
from audit.proofs import COLUMNS as PROOF_COLUMNS
from audit.proofs import Proofs
from audit.report import ReportTable
from audit.safety import COLUMNS as SAFETY_COLUMNS
from audit.safety import Safeties
from audit.skills import COLUMNS as SKILL_COLUMNS
from audit.skills import Skills

COLUMNS = tuple(sorted({*JUDGE_COLUMNS, *KNOWLEDGE_COLUMNS, *PROOF_COLUMNS, *SAFETY_COLUMNS, *SKILL_COLUMNS}))


@dataclass
class ReportCounts:
    """Takes the shards that a dataset is made from, in their order: a table's examples are the first ones."""

    judges: Judges = field(default_factory=Judges)
    knowledge: Knowledge = field(default_factory=Knowledge)
    skills: Skills = field(default_factory=Skills)
    safeties: Safeties = field(default_factory=Safeties)
    proofs: Proofs = field(default_factory=Proofs)

    @classmethod
    def of(cls, files: Iterable[Path]) -> ReportCounts:
        """Those of finished shards."""
        counts = cls()
        for file in files:
            counts.add(list(scan([file], COLUMNS)))
        return counts

    def add(self, rows: Sequence[Row]) -> None:
        """Take in rows with COLUMNS."""
        for one in (self.judges, self.knowledge, self.skills, self.safeties, self.proofs):
            one.add(rows)

    def judging_tables(self) -> tuple[ReportTable, ...]:
        """What the report says about judges, about what the model knows, its skills, and what guards found."""
        knowledge, skills, safeties = self.knowledge.tables(), self.skills.tables(), self.safeties.tables()
        return (*judge_tables(self.judges), *knowledge, *skills, *safeties)

    def accuracies(self) -> dict[str, Any]:
        """For run.json: each judge's known answers by rubric and role."""
        found: dict[str, Any] = {}
        for (prompt, role), one in sorted(self.judges.instruments.items()):
            shares = {"accuracy": one.accuracy, "false_pass": one.false_pass, "false_fail": one.false_fail}
            found.setdefault(prompt, {})[role] = {
                "model": one.model,
                "probes": one.findings.total(),
                "unreadable": one.findings["unreadable"],
                **{name: _share(share) for name, share in shares.items()},
                "length_bias": one.length_bias,
                "first_named": dict(sorted(one.places.items())),
            }
        return found


def _share(share: Share) -> Mapping[str, Any]:
    low, high = share.interval
    return {"part": share.part, "total": share.total, "interval": [round(low, 6), round(high, 6)]}
