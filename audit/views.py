"""What the audit views of a page show: one screen per slice with what is wrong first, and the plane of clusters."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass

from audit.clusters import Cluster, ClusterMap
from audit.findings import Audit, Finding, length_shares
from audit.ngrams import Phrase
from audit.survey import LENGTH_BOUNDS, Document, Slice

PAIRS = 4
"""Documents of a slice shown beside their original."""
EXAMPLES_PER_CLUSTER = 3
SIDE = 1_600
"""Characters of one side of a pair."""
GRADES = 5
"""Colours of quality, from bad to good."""
_PIECE = re.compile(r"\s+|\w+|[^\w\s]")


@dataclass(frozen=True)
class PlaneDot:
    """A document on the plane, x and y in 0 to 1; its classes in the style sheet; what is said of it."""

    x: float
    y: float
    css: str
    id: str
    title: str


@dataclass(frozen=True)
class Edit:
    """A piece of text and what became of it: same, gone (only in the original), or new."""

    kind: str
    text: str


@dataclass(frozen=True)
class Pair:
    """A document beside its original, its edits marked."""

    document: Document
    original: tuple[Edit, ...]
    text: tuple[Edit, ...]


@dataclass(frozen=True)
class LengthBar:
    """One length class now and in the audit before, in per cent of all documents, and a document of it."""

    label: str
    count: int
    now: float
    before: float | None
    example: str  # id, empty where there is none


@dataclass(frozen=True)
class ClusterLine:
    """A cluster in the table beside the plane."""

    cluster: Cluster
    grade: str
    examples: tuple[str, ...]


@dataclass(frozen=True)
class SliceView:
    """All views of one slice."""

    name: str
    part: Slice
    findings: tuple[Finding, ...]
    artefacts: tuple[tuple[str, int, float, tuple[tuple[str, str], ...]], ...]
    phrases: tuple[Phrase, ...]
    openings: tuple[Phrase, ...]
    lengths: tuple[LengthBar, ...]
    dots: tuple[PlaneDot, ...]
    clusters: tuple[ClusterLine, ...]
    pairs: tuple[Pair, ...]


def slice_views(audit: Audit) -> list[SliceView]:
    """The slices, those with findings first."""
    views = [_view(name, part, audit) for name, part in audit.survey.named()]
    return sorted(views, key=lambda view: -len(view.findings))


def shown_documents(views: Sequence[SliceView]) -> list[str]:
    """Ids of all documents that the views name, each once, those of findings first."""
    ids: dict[str, None] = {}
    for view in views:
        ids.update(dict.fromkeys(one for finding in view.findings for one in finding.examples))
    for view in views:
        ids.update(dict.fromkeys(one for _, _, _, examples in view.artefacts for one, _ in examples))
        ids.update(dict.fromkeys(one for phrase in (*view.phrases, *view.openings) for one in phrase.examples))
        ids.update(dict.fromkeys(one for line in view.clusters for one in line.examples))
        ids.update(dict.fromkeys(bar.example for bar in view.lengths if bar.example))
    return list(ids)


def _view(name: str, part: Slice, audit: Audit) -> SliceView:
    plane, phrases = audit.maps[name], audit.phrases[name]
    artefacts = [
        (artefact, count, part.share(artefact), tuple(part.examples[artefact]))
        for artefact, count in part.artefacts.most_common()
    ]
    lines = [ClusterLine(one, _grade(one.quality), one.documents[:EXAMPLES_PER_CLUSTER]) for one in plane.clusters]
    return SliceView(
        name=name,
        part=part,
        findings=tuple(finding for finding in audit.findings if finding.slice == name),
        artefacts=tuple(artefacts),
        phrases=tuple(phrase for phrase in phrases if not phrase.opening),
        openings=tuple(phrase for phrase in phrases if phrase.opening),
        lengths=tuple(_lengths(part, audit.previous.get(name))),
        dots=tuple(_dots(plane)),
        clusters=tuple(sorted(lines, key=lambda line: (_known(line.cluster.quality), line.cluster.label))),
        pairs=tuple(_pair(document) for document in part.sample[:PAIRS] if document.original),
    )


def _known(quality: float | None) -> float:
    return 2.0 if quality is None else quality


def _grade(quality: float | None) -> str:
    return "q-none" if quality is None else f"q{min(GRADES - 1, int(quality * GRADES))}"


def _dots(plane: ClusterMap) -> Iterator[PlaneDot]:
    grades = [_grade(one.quality) for one in plane.clusters]
    for dot in plane.dots:
        state = {True: "good", False: "refused", None: "unknown"}[dot.document.good]
        said = f"{dot.document.id}: {plane.clusters[dot.cluster].label}"
        yield PlaneDot(dot.x, dot.y, f"{grades[dot.cluster]} {state}", dot.document.id, said)


def _lengths(part: Slice, previous: object) -> Iterator[LengthBar]:
    now = length_shares(part.lengths)
    before = length_shares(previous["lengths"]) if isinstance(previous, dict) else None
    met = [index for index, pair in enumerate(zip(now, before or now, strict=True)) if any(pair)]
    examples = part.of_length()
    for index in range(min(met), max(met) + 1):
        label = f"≤ {LENGTH_BOUNDS[index]:,}" if index < len(LENGTH_BOUNDS) else f"> {LENGTH_BOUNDS[-1]:,}"
        earlier = None if before is None else round(100 * before[index], 2)
        yield LengthBar(label, part.lengths[index], round(100 * now[index], 2), earlier, examples.get(index, ""))


def _pair(document: Document) -> Pair:
    one, other = (_PIECE.findall(text[:SIDE]) for text in (document.original, document.text))
    original: list[Edit] = []
    text: list[Edit] = []
    for tag, a, b, c, d in difflib.SequenceMatcher(None, one, other, autojunk=False).get_opcodes():
        same = tag == "equal" and b - a > 1  # a lone word in common is chance
        original += [Edit("same" if same else "gone", "".join(one[a:b]))] if b > a else []
        text += [Edit("same" if same else "new", "".join(other[c:d]))] if d > c else []
    return Pair(document, tuple(_joined(original)), tuple(_joined(text)))


def _joined(edits: Sequence[Edit]) -> Iterator[Edit]:
    """Neighbours of one kind as one piece."""
    waiting: list[Edit] = []
    for edit in edits:
        if waiting and waiting[0].kind != edit.kind:
            yield Edit(waiting[0].kind, "".join(one.text for one in waiting))
            waiting = []
        waiting.append(edit)
    if waiting:
        yield Edit(waiting[0].kind, "".join(one.text for one in waiting))


def in_page(ids: Set[str], documents: Sequence[Document]) -> list[Document]:
    """The documents among `documents` that a page is to hold, in their order."""
    return [document for document in documents if document.id in ids]
