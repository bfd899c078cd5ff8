"""Looks over a dataset, slice by slice: lengths and quality of every document, and a fair sample of texts to read.

A slice is a recipe, a source, a file: whatever the dataset is made of. Which documents are sampled depends on their ids
only, so the same dataset gives the same audit, however it is cut into files.
"""

from __future__ import annotations

import heapq
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from records.types import JSON, stable_hash
from verifiers.repetition import find_repetition
from verifiers.text_artefacts import find_artefact

SAMPLE = 2_000
"""Documents of a slice whose texts are kept: a share measured on them is right to about one part in a hundred."""

LENGTH_BOUNDS = (125, 250, 500, 1_000, 2_000, 4_000, 8_000, 16_000)
"""Upper bounds of the length classes, in characters; one more class lies above."""
EXAMPLES = 5
"""Documents that a finding names."""


@dataclass(frozen=True, slots=True)
class Document:
    """One document: what a model would learn to write, beside the material it was made from."""

    id: str
    slice: str
    text: str
    original: str = ""
    good: bool | None = None  # accepted or not, where the dataset says


@dataclass
class Slice:
    """What is known of one slice."""

    documents: int = 0
    characters: int = 0
    judged: int = 0
    good: int = 0
    lengths: Counter[int] = field(default_factory=Counter)  # by length class
    searched: int = 0  # documents that were searched for artefacts
    artefacts: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[tuple[str, str]]] = field(default_factory=dict)  # artefact -> id, detail
    _heap: list[tuple[str, int, Document]] = field(default_factory=list)

    def of_length(self) -> dict[int, str]:
        """Per length class a document of the sample, where the sample has one."""
        return {length_class(document.text): document.id for document in reversed(self.sample)}

    @property
    def sample(self) -> list[Document]:
        """The kept documents, in an order that depends on their ids only."""
        return [entry[2] for entry in sorted(self._heap, key=lambda entry: _inverse(entry[0]))]

    @property
    def quality(self) -> float | None:
        """Share of good documents among those that were judged."""
        return self.good / self.judged if self.judged else None

    def share(self, artefact: str) -> float:
        """Share of documents with the artefact."""
        return self.artefacts[artefact] / self.searched if self.searched else 0.0

    def to_json(self) -> dict[str, JSON]:
        """What the next audit compares itself with."""
        return {
            "documents": self.documents,
            "characters": self.characters,
            "quality": self.quality,
            "lengths": {str(index): count for index, count in sorted(self.lengths.items())},
            "searched": self.searched,
            "artefacts": dict(sorted(self.artefacts.items())),
        }


class Survey:
    """All slices of a dataset. With `every` each document is searched for artefacts, else those of the samples."""

    def __init__(self, every: bool = True, sample: int = SAMPLE) -> None:
        self.slices: dict[str, Slice] = {}
        self._every, self._sample = every, sample

    def add(self, documents: Iterable[Document]) -> None:
        """Take documents in; a stream of any length."""
        for document in documents:
            self._add(document, self.slices.setdefault(document.slice, Slice()))

    def _add(self, document: Document, part: Slice) -> None:
        part.documents += 1
        part.characters += len(document.text)
        part.lengths[length_class(document.text)] += 1
        if document.good is not None:
            part.judged += 1
            part.good += document.good
        if self._every:
            _search(document, part)
        entry = (_inverse(stable_hash("audit", document.id)), part.documents, document)
        if len(part._heap) < self._sample:
            heapq.heappush(part._heap, entry)
        elif entry > part._heap[0]:
            heapq.heapreplace(part._heap, entry)

    def finish(self) -> None:
        """Search the samples, where not every document has been searched."""
        if not self._every:
            for part in self.slices.values():
                for document in part.sample:
                    _search(document, part)

    def named(self) -> Iterator[tuple[str, Slice]]:
        """Slices by name."""
        yield from sorted(self.slices.items())

    def to_json(self) -> Mapping[str, JSON]:
        """All slices, for the next audit."""
        return {name: part.to_json() for name, part in self.named()}


def length_class(text: str) -> int:
    """Index of the text's length class."""
    return bisect_right(LENGTH_BOUNDS, len(text) - 1)


def _inverse(digest: str) -> str:
    """Turns the order of hexadecimal digests round: a heap drops its smallest entry, and the largest digest must go."""
    return digest.translate(_INVERSE)


_INVERSE = str.maketrans("0123456789abcdef", "fedcba9876543210")


def _search(document: Document, part: Slice) -> None:
    part.searched += 1
    artefact, repetition = find_artefact(document.text), find_repetition(document.text)
    found = []
    if artefact is not None:
        found.append((artefact.reason, artefact.detail))
    if repetition is not None:
        found.append(("repetition", f"{repetition.reason} {repetition.share:.0%}"))
    for name, detail in found:
        part.artefacts[name] += 1
        examples = part.examples.setdefault(name, [])
        if len(examples) < EXAMPLES:
            examples.append((document.id, detail))
