"""What a run found that its model knows, and whether it refuses what it knows (F9, F10)."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from audit.intervals import Share
from audit.report import ReportTable

PROBE = "knowledge_probe"
COLUMNS = ("chain_id", "is_final", "outcome", "metadata", "verdicts")

EXAMPLES = 3
WORDINGS = "known to different degrees"
REFUSED = "known questions that ended as refusals"
SILENT = "answers to known questions that refuse"


@dataclass
class Knowledge:
    """Counts over the finished chains that hold a probe. `silent` answers to known questions are over-refusals."""

    decisions: Counter[str] = field(default_factory=Counter)
    knownness: Counter[str] = field(default_factory=Counter)
    inconsistent: int = 0  # questions whose wordings are known to different degrees
    known_answers: int = 0  # judged answers to known questions
    known_silent: int = 0
    refused_known: int = 0  # known questions that ended as accepted refusals: must be 0
    chains: dict[str, list[str]] = field(default_factory=dict)  # by row of the table, the first EXAMPLES

    def add(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Take in rows of the RECORDS schema."""
        for row in rows:
            for verdict in row["verdicts"] if row["is_final"] else ():
                if verdict["check"] == PROBE and '"decision"' in verdict["evidence"]:
                    self._add(row, verdict["reason"], json.loads(verdict["evidence"]))

    def _add(self, row: Mapping[str, Any], reason: str, evidence: Mapping[str, Any]) -> None:
        decision = evidence["decision"]
        named = reason if reason == "disagrees_with_document" else decision
        knownness = evidence["knownness"] or "not_judged"
        self.decisions[named] += 1
        self.knownness[knownness] += 1
        self.inconsistent += evidence["inconsistent_wordings"]
        silent = decision == "known" and evidence["silent"]
        self._name(row["chain_id"], named, knownness, evidence["inconsistent_wordings"] and WORDINGS, silent and SILENT)
        if decision == "known":
            self.known_answers += evidence["right"] + evidence["wrong"] + evidence["silent"]
            self.known_silent += evidence["silent"]
            refusal = row["outcome"] == "pass" and json.loads(row["metadata"]).get("kind") == "refusal"
            self.refused_known += refusal
            self._name(row["chain_id"], refusal and REFUSED)

    def _name(self, chain: str, *lines: str | bool | int) -> None:
        """The chain as an example of the lines that count it."""
        for line in lines:
            examples = self.chains.setdefault(line, []) if isinstance(line, str) and line else []
            if len(examples) < EXAMPLES:
                examples.append(chain)

    def tables(self) -> tuple[ReportTable, ...]:
        """For the report; none where nothing was probed."""
        if not self.decisions:
            return ()
        rows = [
            *(("decision", name, count) for name, count in sorted(self.decisions.items())),
            *(("knownness", name, count) for name, count in sorted(self.knownness.items())),
            ("wordings", WORDINGS, self.inconsistent),
            ("over-refusal", REFUSED, self.refused_known),
            (
                "over-refusal",
                SILENT,
                str(Share(self.known_silent, self.known_answers)),
            ),
        ]
        examples = [self.chains.get(which, []) for _, which, _ in rows]
        return (ReportTable("What the model knows", ("what", "which", "questions"), rows, examples=examples),)
