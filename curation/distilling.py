"""Gathers what a judge has labelled while rows go by, and makes a classifier of it at the end."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from curation.classifier import Classifier, Example, TooFewLabels, train
from curation.dataset_rows import DatasetRow
from curation.row_hash import row_hash
from records.tables import write_text
from records.types import JSON
from served_model.prompts import load_prompt

FILE = "classifier.json"
MOST = 20_000  # labelled rows to learn from: those with the least hashes, so that the order of rows changes nothing


class Distilling:
    """Keeps the text of at most MOST rows of which the judge said whether they are good."""

    def __init__(self, recall: float) -> None:
        self._recall = recall
        self._heap: list[tuple[int, int, Example]] = []  # by the negated hash, so that the greatest goes first; number
        self._rows = 0
        self._models: set[str] = set()
        self._rubrics: set[str] = set()
        self.classifier: Classifier | None = None
        self.problem = ""

    def add(self, row: DatasetRow, quality: Mapping[str, Any]) -> None:
        """Take in a row with its quality labels; what the judge did not decide teaches nothing."""
        number, good = self._rows, quality.get("good")
        self._rows += 1
        if good is None:
            return
        self._models.update(quality["models"])
        self._rubrics.add(str(quality["rubric"]))
        order = row_hash(row)
        heapq.heappush(self._heap, (-int.from_bytes(order[:16], "big"), number, Example(row.text, bool(good), order)))
        if len(self._heap) > MOST:
            heapq.heappop(self._heap)

    def finish(self, folder: Path, left: Sequence[int]) -> None:
        """Train, and write the file; where there is too little to learn from, say so and leave none.

        Only rows that are `left` teach: of two that are nearly the same, one would be learnt and the other measured.
        """
        (folder / FILE).unlink(missing_ok=True)  # of an earlier call
        standing = set(left)
        examples = [example for _, number, example in self._heap if number in standing]
        prompts = [load_prompt(*name.split("/")) for name in sorted(self._rubrics)]
        provenance: dict[str, JSON] = {
            "labels": "quality.good",
            "judges": sorted(self._models),
            "rubrics": {prompt.name: prompt.sha256 for prompt in prompts},
            "software": {name: version(name) for name in ("provender", "scikit-learn")},
            "recall_asked": self._recall,
        }
        try:
            self.classifier = train(examples, self._recall, provenance)
        except TooFewLabels as error:
            self.problem = str(error)
            return
        write_text(folder / FILE, self.classifier.model_dump_json() + "\n")

    def to_json(self) -> dict[str, JSON]:
        """For the report."""
        if self.classifier is None:
            return {"problem": self.problem}
        return {
            "file": FILE,
            "rows": self.classifier.provenance["rows"],
            "threshold": round(self.classifier.threshold, 6),
            "held_out": self.classifier.held_out.to_json(),
        }
