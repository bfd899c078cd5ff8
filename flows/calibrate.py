"""`provender judge calibrate`: a judge against human labels, and the threshold at which it agrees with them best.

A row has a human's `label` (true: it passes) and either `fields`, which fill the rubric and are judged here, or a
`score`, given by whatever means. The judge's score of a row is the share of its votes that pass. Rows whose judgement
cannot be read are counted and left out: they are no zeros.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError, model_validator

from audit.intervals import Share, cohens_kappa
from flows.errors import ConfigError
from served_model.types import Model
from verifiers.judging import Ballot, Criterion, Panel, Rubric, ask_panel, gather
from verifiers.rubrics import RUBRICS


class LabelledRow(BaseModel):
    """One item with a human's verdict."""

    label: bool
    score: float | None = None
    fields: dict[str, str] | None = None

    @model_validator(mode="after")
    def _can_be_scored(self) -> LabelledRow:
        if (self.score is None) == (self.fields is None):
            raise ValueError("give either a score or fields")
        return self


@dataclass(frozen=True)
class Threshold:
    """What a cut at `value` (pass from there on) gives: counts against the labels."""

    value: float
    true_pass: int
    false_pass: int
    true_fail: int
    false_fail: int

    @property
    def accuracy(self) -> Share:
        """Agreement with the labels."""
        right = self.true_pass + self.true_fail
        return Share(right, right + self.false_pass + self.false_fail)

    @property
    def precision(self) -> Share:
        """Of what passes, what should."""
        return Share(self.true_pass, self.true_pass + self.false_pass)

    @property
    def recall(self) -> Share:
        """Of what should pass, what does."""
        return Share(self.true_pass, self.true_pass + self.false_fail)

    @property
    def specificity(self) -> Share:
        """Of what should fail, what does."""
        return Share(self.true_fail, self.true_fail + self.false_pass)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return 2 * self.true_pass / max(1, 2 * self.true_pass + self.false_pass + self.false_fail)

    @property
    def youden(self) -> float:
        """Recall plus specificity less one (Youden 1950): what a share of either label does not change."""
        return (self.recall.value or 0.0) + (self.specificity.value or 0.0) - 1

    @property
    def kappa(self) -> float | None:
        """Agreement with the labels beyond chance."""
        return cohens_kappa({
            (True, True): self.true_pass, (True, False): self.false_pass,
            (False, False): self.true_fail, (False, True): self.false_fail,
        })  # fmt: skip


CHOICES: Mapping[str, Callable[[Threshold], float]] = {
    "youden": lambda one: one.youden,
    "f1": lambda one: one.f1,
    "accuracy": lambda one: one.accuracy.value or 0.0,
}


@dataclass(frozen=True)
class Calibration:
    """A judge measured by human labels."""

    rows: int
    unreadable: int
    auc: float | None  # chance that a row that should pass has the higher score
    thresholds: tuple[Threshold, ...]
    chosen: Threshold


def read_rows(path: Path) -> list[LabelledRow]:
    """The labelled items. Raises ConfigError naming the line."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"--labels {path}: cannot be read: {error}") from error
    rows = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                rows.append(LabelledRow.model_validate(json.loads(line)))
            except (ValueError, ValidationError) as error:
                form = '{"label": true, "fields": {...}} or {"label": true, "score": 0.7}'
                raise ConfigError(f"{path}:{number}: {_first_line(error)}; each line is {form}") from error
    return rows


def _first_line(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return str(error.errors(include_url=False)[0]["msg"])
    return str(error).splitlines()[0]


def find_rubric(prompt: str) -> Rubric:
    """A rubric of ours by its prompt. Raises ConfigError."""
    if prompt not in RUBRICS:
        raise ConfigError(f"--rubric {prompt}: unknown; known: {', '.join(RUBRICS)}")
    return RUBRICS[prompt]


async def score_rows(rows: Sequence[LabelledRow], rubric: Rubric, panel: Panel, model: Model) -> list[float | None]:
    """Each row's score; None where no vote could be read. Raises ConfigError for fields that the rubric has not."""
    for number, row in enumerate(rows, 1):
        if row.fields is not None and row.fields.keys() != rubric.load().fields - {"reply_form"}:
            wanted = ", ".join(sorted(rubric.load().fields - {"reply_form"}))
            raise ConfigError(f"row {number}: fields must be {wanted}")
    return await gather([_score(row, rubric, panel, model) for row in rows])


async def _score(row: LabelledRow, rubric: Rubric, panel: Panel, model: Model) -> float | None:
    if row.fields is None:
        return row.score
    ballots = await ask_panel(rubric, row.fields, panel, model)
    votes = [_passes(rubric.criteria, ballot) for ballot in ballots if ballot.verdicts]
    return sum(votes) / len(votes) if votes else None


def _passes(criteria: Sequence[Criterion], ballot: Ballot) -> bool:
    return all(ballot.verdicts[one.name] in one.passing for one in criteria)


def calibrate(labels: Sequence[bool], scores: Sequence[float | None], by: str) -> Calibration:
    """Every threshold that tells two rows apart, and the one that is best; of equals the highest, which passes less.

    Raises ConfigError where the labels are all alike, or nothing has a score: then no threshold means anything.
    """
    pairs = [(label, score) for label, score in zip(labels, scores, strict=True) if score is not None]
    if len({label for label, _ in pairs}) < 2:
        raise ConfigError("the readable rows must hold both labels, or no threshold means anything")
    thresholds = tuple(_cut(pairs, value) for value in sorted({score for _, score in pairs}))
    best = max(thresholds, key=lambda one: (round(CHOICES[by](one), 12), one.value))
    return Calibration(len(labels), len(labels) - len(pairs), _auc(pairs), thresholds, best)


def _cut(pairs: Sequence[tuple[bool, float]], value: float) -> Threshold:
    found = [(label, score >= value) for label, score in pairs]
    return Threshold(
        value,
        true_pass=found.count((True, True)),
        false_pass=found.count((False, True)),
        true_fail=found.count((False, False)),
        false_fail=found.count((True, False)),
    )


def _auc(pairs: Sequence[tuple[bool, float]]) -> float:
    """By ranks (Mann and Whitney 1947), ties at half."""
    ranks: dict[float, float] = {}
    ordered = sorted(score for _, score in pairs)
    for first, last, score in _runs(ordered):
        ranks[score] = (first + last) / 2 + 1
    passing = [score for label, score in pairs if label]
    failing = len(pairs) - len(passing)
    return (sum(ranks[score] for score in passing) - len(passing) * (len(passing) + 1) / 2) / (len(passing) * failing)


def _runs(ordered: Sequence[float]) -> Iterator[tuple[int, int, float]]:
    start = 0
    for index, score in enumerate(ordered):
        if index + 1 == len(ordered) or ordered[index + 1] != score:
            yield start, index, score
            start = index + 1


def as_json(one: Calibration, by: str) -> dict[str, Any]:
    """For scripts."""
    return {
        "rows": one.rows,
        "unreadable": one.unreadable,
        "auc": one.auc,
        "by": by,
        "threshold": one.chosen.value,
        "thresholds": [
            {
                "threshold": cut.value,
                "accuracy": cut.accuracy.value,
                "interval": list(cut.accuracy.interval),
                "precision": cut.precision.value,
                "recall": cut.recall.value,
                "f1": cut.f1,
                "kappa": cut.kappa,
            }
            for cut in one.thresholds
        ],
    }
