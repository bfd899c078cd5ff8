"""The labels of a dataset on their way through the passes: asked for a chunk at a time, kept in a file till the end.

In memory a row is a few numbers; what models said of it waits on disk until the row is written.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

from curation.classifier import read_classifier
from curation.dataset_rows import DatasetRow
from curation.distilling import Distilling
from curation.label_settings import LabelSettings
from curation.labelling import guard_row, label_row
from curation.mix import value_at
from curation.outputs import LABELS
from curation.phrases import Phrases, phrase_report
from curation.quality import Quality
from curation.row_hash import row_hash
from curation.served import Served
from records.types import JSON, Outcome, Verdict, canonical_json
from verifiers.safety_tally import SafetyTally

SAFETY_LABELS = ("prompt", "response", "refuses", "known_safe")
COUNTED = (("quality", "score"), ("difficulty", "rating"), ("difficulty", "band"), ("topic", "coarse"))


class LabelPass:
    """What is known of the rows by asking; `settings` without a model only balance phrases."""

    def __init__(self, settings: LabelSettings, served: Served | None, folder: Path) -> None:
        self.settings, self._served = settings, served
        self.tally = SafetyTally()
        self.quality = Quality(settings.quality) if settings.quality else None
        self.phrases = Phrases(settings.phrases) if settings.phrases else None
        self.distilling = Distilling(settings.classifier.recall) if settings.classifier and settings.trains else None
        self.classifier = None
        if settings.classifier and settings.classifier.file:
            self.classifier = read_classifier(Path(settings.classifier.file))
        self._folder = folder
        self.counts: dict[str, Counter[str]] = {"_".join(path): Counter() for path in COUNTED}
        folder.mkdir(parents=True, exist_ok=True)
        self._file: IO[bytes] = tempfile.TemporaryFile(dir=folder, prefix=".labels.")  # noqa: SIM115 - see close

    @property
    def asks(self) -> bool:
        """Whether rows get labels."""
        return self._served is not None and self.settings.asks

    def close(self) -> None:
        """The file goes, too."""
        self._file.close()

    def guard(self, rows: Sequence[DatasetRow]) -> list[Verdict | None]:
        """What the guard says of each row; None where it is not asked."""
        if self._served is None or self.settings.safety is None:
            return [None] * len(rows)
        verdicts = self._served.each(rows, lambda row, model: guard_row(row, self.settings, model))
        for verdict in verdicts:
            if verdict is not None:
                self.tally.add(verdict.reason, verdict.evidence)
        return verdicts

    def label(self, rows: Sequence[DatasetRow], verdicts: Sequence[Verdict | None]) -> list[DatasetRow]:
        """The rows with their labels among their values; of rows that the guard stops, with its finding alone."""
        if self._served is None or not self.asks:
            return list(rows)
        going = [one for one, verdict in enumerate(verdicts) if verdict is None or verdict.outcome is Outcome.PASS]
        said = self._served.each([rows[at] for at in going], lambda row, model: label_row(row, self.settings, model))
        found = dict(zip(going, said, strict=True))
        labelled = []
        for at, (row, verdict) in enumerate(zip(rows, verdicts, strict=True)):
            labels = _safety(verdict) | found.get(at, {})
            self._file.write(canonical_json(labels).encode("utf-8", "replace") + b"\n")
            labelled.append(replace(row, values={**row.values, LABELS: labels}))
        return labelled

    def add(self, row: DatasetRow) -> None:
        """Take in a labelled row that is still in."""
        labels = row.values.get(LABELS) or {}
        if self.quality is not None:
            path = self.quality.settings.capability
            self.quality.add(labels.get("quality", {}), str(value_at(row.values, path)) if path else "")
        if self.phrases is not None:
            self.phrases.add(row.taught, row_hash(row))
        if self.distilling is not None:
            self.distilling.add(row, labels.get("quality", {}))

    def finish(self, left: Sequence[int]) -> None:
        """Make a classifier of the labelled rows that no other stands for, where one is wanted."""
        if self.distilling is not None:
            self.distilling.finish(self._folder, left)

    def poor(self, rows: Sequence[DatasetRow]) -> list[float | None]:
        """The classifier's score of each row that it finds not good enough; None for all others."""
        if self.classifier is None:
            return [None] * len(rows)
        scores = self.classifier.scores([row.text for row in rows])
        return [None if self.classifier.keeps(score) else score for score in scores]

    def stored(self) -> Iterator[str]:
        """The labels of all rows that were asked about, in the order of asking, as JSON text."""
        self._file.seek(0)
        for line in self._file:
            yield line.decode("utf-8").rstrip("\n")

    def count(self, labels: str) -> None:
        """Count the labels of a row that is kept."""
        values = json.loads(labels)
        for section, name in COUNTED:
            if name in values.get(section, {}):
                value = values[section][name]
                self.counts[f"{section}_{name}"]["unknown" if value is None else str(value)] += 1

    def to_json(self) -> dict[str, JSON]:
        """For the report: what was found, and how what is kept is shared out."""
        found: dict[str, JSON] = {}
        if self.tally.ends:
            found["safety"] = self.tally.to_json()
        if self.quality is not None:
            found["quality"] = self.quality.to_json()
        if self.phrases is not None:
            found["phrases"] = phrase_report(self.phrases.table)
        if self.distilling is not None:
            found["classifier"] = self.distilling.to_json()
        shares = {name: dict(sorted(count.items())) for name, count in self.counts.items() if count}
        return found | ({"kept": shares} if shares else {})


def _safety(verdict: Verdict | None) -> dict[str, JSON]:
    if verdict is None:
        return {}
    evidence: Mapping[str, Any] = verdict.evidence
    problems = [one["problem"] for one in evidence.get("assessments", ()) if "problem" in one]
    labels = {name: evidence.get(name) for name in SAFETY_LABELS}
    said = {"outcome": str(verdict.outcome), "reason": verdict.reason, **labels}
    return {"safety": said | ({"problems": problems} if problems else {})}
