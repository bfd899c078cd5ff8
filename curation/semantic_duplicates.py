"""Finds rows that say the same in other words: embed, cluster, and within each cluster keep greedily the best (X3).

Llama 3 (arXiv 2407.21783, 4.3.1): cluster whole dialogues by their embeddings, sort each cluster by quality times
difficulty, keep an example if its greatest cosine to those *seen* so far in the cluster is below a threshold (not
given). Deita (arXiv 2312.15685) compares with those *kept*, at 0.9. They differ on chains: where B is dropped for A,
and C is near B but not near A, the first rule drops C, the second keeps it.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curation.rules import Rule

CLUSTER_SIZE = 1000  # rows per cluster, about: the cost of comparing grows with its square
SEED = 0


@dataclass(frozen=True, slots=True)
class SemanticRule:
    """When two rows say the same, and how many clusters to look within (None: one per thousand rows)."""

    threshold: float = 0.9  # cosine, Deita's value
    rule: Rule = Rule.KEPT
    clusters: int | None = None


DEFAULT = SemanticRule()


def semantic_representatives(
    vectors: NDArray[np.float32], priority: Sequence[float], order: Sequence[bytes], rule: SemanticRule
) -> array[int]:
    """For each row the index of the row that stands for it; its own where it is kept.

    `vectors` are unit rows, `priority` is quality times difficulty (more is better), `order` a hash of the row's
    content, which breaks ties. The result does not depend on the order of the rows.
    """
    standing = array("q", range(len(order)))
    for members in _clusters(vectors, order, rule):
        members.sort(key=lambda index: (-priority[index], order[index], index))
        own = vectors[members]
        for place, other in enumerate(greedy(len(members), _rows_of(own), rule)):
            standing[members[place]] = members[other]
    return standing


def _rows_of(own: NDArray[np.float32]) -> Callable[[int], NDArray[np.float32]]:
    def similarities(place: int) -> NDArray[np.float32]:
        row: NDArray[np.float32] = own[:place] @ own[place]
        return row

    return similarities


def greedy(count: int, similarities: Callable[[int], NDArray[np.float32]], rule: SemanticRule) -> list[int]:
    """Places 0 to count - 1, best first; for each the place that stands for it.

    `similarities(n)` gives the cosines of place n to the places before it. A dropped place names a kept one: the
    nearest that it was dropped for, or under the rule "seen" the one that stands for that.
    """
    standing: list[int] = []
    kept = np.zeros(count, bool)
    for place in range(count):
        near = similarities(place)
        if rule.rule is Rule.KEPT:
            near = np.where(kept[:place], near, -np.inf)
        nearest = int(np.argmax(near)) if place else -1
        if nearest >= 0 and near[nearest] >= rule.threshold:
            standing.append(standing[nearest])
        else:
            standing.append(place)
            kept[place] = True
    return standing


def _clusters(vectors: NDArray[np.float32], order: Sequence[bytes], rule: SemanticRule) -> list[list[int]]:
    """Rows by k-means, fitted in the order of the rows' hashes so that the order of reading changes nothing."""
    ranked = sorted(range(len(order)), key=lambda index: (order[index], index))
    wanted = rule.clusters or -(-len(order) // CLUSTER_SIZE)
    if wanted <= 1 or len(order) <= wanted:
        return [ranked] if ranked else []
    from sklearn.cluster import MiniBatchKMeans  # type: ignore[import-untyped]

    means = MiniBatchKMeans(n_clusters=wanted, random_state=SEED, n_init=1, batch_size=4096)
    labels = means.fit_predict(vectors[ranked])
    members: list[list[int]] = [[] for _ in range(wanted)]
    for index, label in zip(ranked, labels, strict=True):
        members[label].append(index)
    return [own for own in members if own]
