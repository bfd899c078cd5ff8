"""Limits on what an audit found: each breach is a named finding, and one finding fails the audit (A6, A7)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from audit.clusters import ClusterMap, cluster
from audit.ngrams import Phrase, count_phrases
from audit.survey import LENGTH_BOUNDS, Slice, Survey
from records.types import JSON

CLUSTER_LEAST = 20
"""Judged documents from which a cluster's quality means something."""


class Limits(BaseModel):
    """What is still well. Shares are of the documents of a slice, from 0 to 1."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    artefacts: float = Field(0.0, ge=0, le=1, description="Most documents with line-number runs or damaged encoding.")
    boilerplate: float = Field(0.01, ge=0, le=1, description="Most documents that are boilerplate.")
    repetition: float = Field(0.02, ge=0, le=1, description="Most documents that repeat themselves.")
    phrase: float = Field(0.1, ge=0, le=1, description="Most documents that hold one and the same 8 words.")
    cluster_quality: float = Field(
        0.5, ge=0, le=1, description="Least quality of a cluster of alike documents, as a part of its slice's quality."
    )
    length_drift: float = Field(
        0.25, ge=0, description="Most drift of lengths since the last audit (population stability index)."
    )
    quality_drift: float = Field(0.1, ge=0, le=1, description="Most change of the share of good documents.")
    artefact_drift: float = Field(0.02, ge=0, le=1, description="Most growth of the share of an artefact.")


@dataclass(frozen=True)
class Finding:
    """A breach: what, where, how much against which limit, and documents to look at."""

    name: str
    slice: str
    value: float
    limit: float
    detail: str = ""
    examples: tuple[str, ...] = ()

    def line(self) -> str:
        """For a log, a state message, a terminal."""
        detail = f": {self.detail}" if self.detail else ""
        return f"{self.name} in {self.slice}: {self.value:.3g}, limit {self.limit:.3g}{detail}"

    def to_json(self) -> dict[str, JSON]:
        """For `audit.json` and the log of findings."""
        return asdict(self)


@dataclass(frozen=True)
class Audit:
    """A finished audit: the survey, what was read in its samples, and what is wrong."""

    survey: Survey
    phrases: Mapping[str, Sequence[Phrase]]  # by slice
    maps: Mapping[str, ClusterMap]
    findings: tuple[Finding, ...]
    previous: Mapping[str, Any] = field(default_factory=dict)  # slices of the audit before, as JSON

    def to_json(self) -> dict[str, JSON]:
        """What `audit.json` holds."""
        return {"slices": self.survey.to_json(), "findings": [finding.to_json() for finding in self.findings]}


def finish(survey: Survey, limits: Limits, previous: Mapping[str, Any] | None = None) -> Audit:
    """Read the samples and apply the limits. `previous` are the slices of an earlier `audit.json`."""
    survey.finish()
    phrases, maps = {}, {}
    for name, part in survey.named():
        sample = part.sample
        phrases[name] = count_phrases([(document.id, document.text) for document in sample])
        maps[name] = cluster(sample)
    found: list[Finding] = []
    for name, part in survey.named():
        found += _artefacts(name, part, limits)
        found += _phrases(name, part, phrases[name], limits)
        found += _clusters(name, part, maps[name], limits)
        found += _drift(name, part, (previous or {}).get(name), limits)
    found += [
        Finding("slice_missing", name, 0.0, 1.0, "it stood in the last audit")
        for name in sorted(set(previous or {}) - set(survey.slices))
    ]
    return Audit(survey, phrases, maps, tuple(found), previous or {})


def _artefacts(name: str, part: Slice, limits: Limits) -> Iterator[Finding]:
    for artefact, limit in (
        ("line_number_run", limits.artefacts),
        ("damaged_encoding", limits.artefacts),
        ("boilerplate", limits.boilerplate),
        ("repetition", limits.repetition),
    ):
        share = part.share(artefact)
        if share > limit:
            examples = part.examples[artefact]
            detail = f"{part.artefacts[artefact]:,} documents, such as {examples[0][1]!r}"
            yield Finding(artefact, name, share, limit, detail, tuple(one for one, _ in examples))


def _phrases(name: str, part: Slice, phrases: Sequence[Phrase], limits: Limits) -> Iterator[Finding]:
    size = len(part.sample)
    often = [one for one in phrases if not one.opening and one.documents > limits.phrase * size]
    if often:
        more = f" and {len(often) - 1} more" if len(often) > 1 else ""
        detail = f"{often[0].text!r}{more}"
        yield Finding("repeated_phrase", name, often[0].documents / size, limits.phrase, detail, often[0].examples)


def _clusters(name: str, part: Slice, plane: ClusterMap, limits: Limits) -> Iterator[Finding]:
    if part.quality is None:
        return
    limit = limits.cluster_quality * part.quality
    for one in plane.clusters:
        if one.judged >= CLUSTER_LEAST and one.quality is not None and one.quality < limit:
            detail = f"{len(one.documents)} alike documents ({one.label})"
            yield Finding("low_quality_cluster", name, one.quality, limit, detail, one.documents[:5])


def _drift(name: str, part: Slice, previous: Mapping[str, Any] | None, limits: Limits) -> Iterator[Finding]:
    if not previous:
        return
    shift = stability_index(length_shares(previous["lengths"]), length_shares(part.lengths))
    if shift > limits.length_drift:
        means = previous["characters"] / max(1, previous["documents"]), part.characters / max(1, part.documents)
        detail = f"mean length was {means[0]:,.0f} characters, is {means[1]:,.0f}"
        yield Finding("length_drift", name, shift, limits.length_drift, detail)
    before = previous["quality"]
    if before is not None and part.quality is not None and abs(part.quality - before) > limits.quality_drift:
        detail = f"quality was {before:.1%}, is {part.quality:.1%}"
        yield Finding("quality_drift", name, abs(part.quality - before), limits.quality_drift, detail)
    for artefact in sorted(part.artefacts):
        growth = part.share(artefact) - previous["artefacts"].get(artefact, 0) / max(1, previous["searched"])
        if growth > limits.artefact_drift:
            yield Finding("artefact_drift", name, growth, limits.artefact_drift, f"more {artefact}")


def length_shares(lengths: Mapping[Any, int]) -> list[float]:
    """Shares of the length classes, from counts by class number."""
    counts = [lengths.get(index, lengths.get(str(index), 0)) for index in range(len(LENGTH_BOUNDS) + 1)]
    total = max(1, sum(counts))
    return [count / total for count in counts]


def stability_index(before: Sequence[float], after: Sequence[float]) -> float:
    """Population stability index of two distributions over the same classes; above 0.25 counts as a shift.

    A class that is empty on one side counts as one part in a thousand.
    """
    floor = 1e-3
    pairs = [(max(one, floor), max(two, floor)) for one, two in zip(before, after, strict=True)]
    return sum((two - one) * math.log(two / one) for one, two in pairs)
