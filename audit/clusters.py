"""Groups of documents that are alike, on a plane, with the quality of each group (A5).

Light embeddings: TF-IDF of hashed words and word pairs, projected to its main directions; no model is needed.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from audit.survey import Document

MOST = 1_200
"""Documents that are placed on the plane: more dots would cover each other."""
FEATURES = 2_048
PROJECTED = 192
"""Random directions first (Johnson and Lindenstrauss): the decomposition after it is then cheap."""
DIMENSIONS = 24
ROUNDS = 25
PER_CLUSTER = 40
"""Documents per cluster that make one; fewer documents get fewer clusters."""
CLUSTERS = 8
WORDS = 4
_WORD = re.compile(r"[^\W\d_]{2,}")
Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Cluster:
    """A group: the words that set it apart, its size, and how many of its judged documents are good."""

    label: str
    documents: tuple[str, ...]  # ids
    judged: int
    good: int

    @property
    def quality(self) -> float | None:
        """Share of good documents."""
        return self.good / self.judged if self.judged else None


@dataclass(frozen=True)
class Dot:
    """One document on the plane; x and y lie in 0 to 1."""

    x: float
    y: float
    cluster: int
    document: Document


@dataclass(frozen=True)
class ClusterMap:
    """The plane."""

    clusters: tuple[Cluster, ...]
    dots: tuple[Dot, ...]


def cluster(documents: Sequence[Document], seed: int = 0) -> ClusterMap:
    """Group the first MOST documents. The same documents give the same groups; fewer than 2 give none."""
    documents = documents[:MOST]
    if len(documents) < 2:
        return ClusterMap((), ())
    words = [[word.casefold() for word in _WORD.findall(document.text)] for document in documents]
    count = max(2, min(CLUSTERS, len(documents) // PER_CLUSTER))
    # Threads of BLAS wait for each other spinning: beside other work, or on one core, that takes seconds of its time.
    with threadpool_limits(1, user_api="blas"):
        vectors = _embed(words)
        groups = _k_means(vectors, count, np.random.default_rng(seed))
    plane = _unit_square(vectors[:, :2])
    kept = [group for group in range(count) if (groups == group).any()]
    numbers = {group: number for number, group in enumerate(kept)}
    dots = tuple(
        Dot(round(float(x), 4), round(float(y), 4), numbers[int(group)], document)
        for (x, y), group, document in zip(plane, groups, documents, strict=True)
    )
    return ClusterMap(tuple(_describe(number, dots, words) for number in range(len(kept))), dots)


def _embed(documents: Sequence[Sequence[str]]) -> Matrix:
    """Rows of length 1 in the main directions of the TF-IDF of hashed words and pairs."""
    counts = np.zeros((len(documents), FEATURES))
    for row, words in enumerate(documents):
        terms = (*words, *(f"{one} {two}" for one, two in pairwise(words)))
        counts[row] = np.bincount([zlib.crc32(term.encode()) % FEATURES for term in terms], minlength=FEATURES)
    rarity = np.log((1 + len(documents)) / (1 + np.count_nonzero(counts, axis=0)))
    weights = np.log1p(counts, out=counts)  # in place all the way: 20 MB each time
    weights *= rarity
    lengths = np.linalg.norm(weights, axis=1, keepdims=True)
    weights /= np.where(lengths == 0, 1, lengths)
    weights -= weights.mean(axis=0)
    projected = weights @ np.random.default_rng(0).standard_normal((FEATURES, PROJECTED)) / np.sqrt(PROJECTED)
    left, scale, _ = np.linalg.svd(projected, full_matrices=False)
    size = min(DIMENSIONS, scale.shape[0])
    vectors: Matrix = left[:, :size] * scale[:size]
    signs = np.sign(vectors[np.abs(vectors).argmax(axis=0), np.arange(size)])  # a direction has no sign of its own
    return vectors * np.where(signs == 0, 1, signs)


def _k_means(vectors: Matrix, count: int, random: np.random.Generator) -> NDArray[np.int64]:
    """Lloyd's rounds from k-means++ centres (Arthur and Vassilvitskii 2007)."""
    centres = vectors[[int(random.integers(len(vectors)))]]
    while len(centres) < count:
        distance = _distances(vectors, centres).min(axis=1)
        total = distance.sum()
        chances = distance / total if total > 0 else np.full(len(vectors), 1 / len(vectors))
        centres = np.vstack([centres, vectors[random.choice(len(vectors), p=chances)]])
    groups = np.zeros(len(vectors), dtype=np.int64)
    for _ in range(ROUNDS):
        groups = _distances(vectors, centres).argmin(axis=1)
        for group in range(count):
            if (groups == group).any():
                centres[group] = vectors[groups == group].mean(axis=0)
    return groups


def _distances(vectors: Matrix, centres: Matrix) -> Matrix:
    squares: Matrix = (vectors**2).sum(axis=1)[:, None] + (centres**2).sum(axis=1)[None, :] - 2 * vectors @ centres.T
    return np.maximum(squares, 0)


def _unit_square(points: Matrix) -> Matrix:
    if points.shape[1] < 2:
        points = np.hstack([points, np.zeros((len(points), 2 - points.shape[1]))])
    low, high = points.min(axis=0), points.max(axis=0)
    square: Matrix = (points - low) / np.where(high - low == 0, 1, high - low)
    return square


def _describe(number: int, dots: Sequence[Dot], words: Sequence[Sequence[str]]) -> Cluster:
    """Named by the words whose share of documents inside exceeds that outside the most."""
    inside, outside = Counter[str](), Counter[str]()
    members = [dot.cluster == number for dot in dots]
    for is_member, text in zip(members, words, strict=True):
        (inside if is_member else outside).update(set(text))
    size, rest = sum(members), max(1, len(members) - sum(members))
    ranked = sorted(inside, key=lambda word: (outside[word] / rest - inside[word] / size, word))
    documents = [dot.document for dot in dots if dot.cluster == number]
    judged = [document for document in documents if document.good is not None]
    return Cluster(
        label=", ".join(ranked[:WORDS]) or "no words",
        documents=tuple(document.id for document in documents),
        judged=len(judged),
        good=sum(bool(document.good) for document in judged),
    )
