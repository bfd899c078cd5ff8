"""A light classifier distilled from a judge's labels: a large model reads thousands of rows, a small one millions (Q5).

As FineWeb-Edu (arXiv 2406.17557) and Llama 3 do with quality: hashed words and word pairs, and a logistic regression.
Of the labelled rows a fifth is held out: precision and recall are stated on rows that neither the weights nor the
threshold have seen. The threshold is the highest that finds the wanted share of good rows in another fifth.

The file is JSON with numbers, nothing that is executed when it is read, and it is checked before it is used.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from curation.errors import CurationError
from records.types import JSON

FEATURES = 1 << 16
LONGEST = 20_000  # characters read of a row
LEAST = 20  # rows of each kind to learn from
PARTS = 5  # of which one is held out and one chooses the threshold
WORD = r"(?u)\b\w+\b|[^\w\s]"
MAX_FILE = 64 << 20  # bytes
Finite = Annotated[float, Field(allow_inf_nan=False)]
Texts = Sequence[str]


class HeldOut(BaseModel):
    """What the classifier was worth on rows that it had not seen: counts of good and poor rows, kept and dropped."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    good_kept: int = Field(ge=0)
    good_dropped: int = Field(ge=0)
    poor_kept: int = Field(ge=0)
    poor_dropped: int = Field(ge=0)

    @property
    def precision(self) -> float | None:
        """Share of good rows among those that are kept."""
        kept = self.good_kept + self.poor_kept
        return self.good_kept / kept if kept else None

    @property
    def recall(self) -> float | None:
        """Share of the good rows that are kept."""
        good = self.good_kept + self.good_dropped
        return self.good_kept / good if good else None

    @property
    def f1(self) -> float | None:
        """Of precision and recall."""
        total = 2 * self.good_kept + self.good_dropped + self.poor_kept
        return 2 * self.good_kept / total if total else None

    def to_json(self) -> dict[str, JSON]:
        """With the rates, for a report."""
        rates = {"precision": self.precision, "recall": self.recall, "f1": self.f1}
        return self.model_dump() | {name: None if rate is None else round(rate, 4) for name, rate in rates.items()}


class Classifier(BaseModel):
    """The weights that are not 0, and where they come from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal["provender-classifier-1"] = "provender-classifier-1"
    features: Literal[65536] = 65536  # FEATURES
    indices: list[Annotated[int, Field(ge=0, lt=FEATURES)]] = Field(max_length=FEATURES)
    weights: list[Finite] = Field(max_length=FEATURES)
    intercept: Finite
    threshold: Finite
    held_out: HeldOut
    provenance: dict[str, Any]

    @model_validator(mode="after")
    def _sound(self) -> Classifier:
        if len(self.indices) != len(self.weights) or len(set(self.indices)) != len(self.indices):
            raise ValueError("indices and weights do not belong together")
        return self

    def scores(self, texts: Texts) -> list[float]:
        """How likely each text is good, 0 to 1."""
        if not texts:
            return []
        dense = np.zeros(FEATURES)
        dense[self.indices] = self.weights
        return [_logistic(value + self.intercept) for value in np.asarray(_vectors(texts) @ dense).ravel()]

    def keeps(self, score: float) -> bool:
        """Whether a text of that score is good enough."""
        return score >= self.threshold


@dataclass(frozen=True, slots=True)
class Example:
    """A labelled row: what a model would learn from it, whether the judge calls it good, and a hash of its content."""

    text: str
    good: bool
    order: bytes


class TooFewLabels(Exception):
    """There is nothing to learn from; the text says why."""


def train(examples: Sequence[Example], recall: float, provenance: Mapping[str, JSON]) -> Classifier:
    """Learn from the examples; the order in which they come changes nothing. Raises TooFewLabels.

    An example's part is chosen by the hash of its text, so that equal texts are never on both sides.
    """
    ranked = sorted(examples, key=lambda one: (one.order, one.text))
    parts: list[list[Example]] = [[] for _ in range(PARTS)]
    for one in ranked:
        parts[_part(one.text)].append(one)
    held_out, tuning, learning = parts[0], parts[1], [one for part in parts[2:] for one in part]
    for name, own in (("learn from", learning), ("choose a threshold by", tuning), ("measure with", held_out)):
        least = LEAST if own is learning else LEAST // 4
        good = sum(one.good for one in own)
        if min(good, len(own) - good) < least:
            raise TooFewLabels(f"{good} good and {len(own) - good} other rows to {name}; {least} of each are needed")
    weights, intercept = _fit(learning)
    used = np.flatnonzero(weights)
    found = Classifier(
        indices=used.tolist(),
        weights=weights[used].tolist(),
        intercept=intercept,
        threshold=0.0,
        held_out=HeldOut(good_kept=0, good_dropped=0, poor_kept=0, poor_dropped=0),
        provenance=dict(provenance) | {"rows": len(ranked), "rows_sha256": _digest(ranked)},
    )
    found = found.model_copy(update={"threshold": _threshold(found, tuning, recall)})
    return found.model_copy(update={"held_out": measure(found, held_out)})


def measure(classifier: Classifier, examples: Sequence[Example]) -> HeldOut:
    """What the classifier makes of labelled rows."""
    scores = classifier.scores([one.text for one in examples])
    kept = [classifier.keeps(score) for score in scores]
    counts = {True: [0, 0], False: [0, 0]}  # by the label: dropped, kept
    for one, keeps in zip(examples, kept, strict=True):
        counts[one.good][keeps] += 1
    (poor_dropped, poor_kept), (good_dropped, good_kept) = counts[False], counts[True]
    return HeldOut(good_kept=good_kept, good_dropped=good_dropped, poor_kept=poor_kept, poor_dropped=poor_dropped)


def read_classifier(path: Path) -> Classifier:
    """A stored classifier. Raises CurationError for a file that is not one."""
    try:
        if path.stat().st_size > MAX_FILE:
            raise CurationError(path, None, "is too large for a classifier")
        return Classifier.model_validate_json(path.read_bytes())
    except OSError as error:
        raise CurationError(path, None, f"cannot be read: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise CurationError(path, None, f"is no classifier: {place} {first['msg']}") from error


def _fit(examples: Sequence[Example]) -> tuple[NDArray[np.float64], float]:
    """Weights rounded to six digits, so that the file says exactly what is used."""
    from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]

    model = LogisticRegression(C=10.0, class_weight="balanced", max_iter=500)  # lbfgs draws nothing at random
    model.fit(_vectors([one.text for one in examples]), [one.good for one in examples])
    weights: NDArray[np.float64] = np.round(model.coef_[0], 6)
    return weights, round(float(model.intercept_[0]), 6)


def _vectors(texts: Texts) -> Any:
    """Words, signs and pairs of them, hashed; each row has length 1."""
    from sklearn.feature_extraction.text import HashingVectorizer  # type: ignore[import-untyped]

    hashing = HashingVectorizer(n_features=FEATURES, ngram_range=(1, 2), token_pattern=WORD, alternate_sign=False)
    return hashing.transform([_readable(text[:LONGEST]) for text in texts])


def _readable(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")


def _threshold(classifier: Classifier, examples: Sequence[Example], recall: float) -> float:
    """The highest score that at least the wanted share of the good rows reach."""
    scores = sorted(classifier.scores([one.text for one in examples if one.good]), reverse=True)
    return scores[max(1, math.ceil(round(recall * len(scores), 9))) - 1]


def _logistic(value: float) -> float:
    return (1 + math.tanh(value / 2)) / 2  # without overflow


def _part(text: str) -> int:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[0] % PARTS


def _digest(examples: Sequence[Example]) -> str:
    digest = hashlib.sha256()
    for one in examples:
        digest.update(one.order + bytes([one.good]))
    return digest.hexdigest()
