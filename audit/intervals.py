"""Shares with their intervals, and agreement between judges beyond chance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping

from records.shares import Share

__all__ = ["Share", "cohens_kappa", "fleiss_kappa", "krippendorff_alpha"]

Label = Hashable
Items = Mapping[tuple[Label, ...], int]
"""How often each combination of labels of one item came: what agreement is computed from, in little memory."""


def cohens_kappa(pairs: Items) -> float | None:
    """Agreement of two judges beyond chance (Cohen 1960); None where chance alone would agree always, or of nothing."""
    total = sum(pairs.values())
    if not total:
        return None
    observed = sum(count for (one, other), count in pairs.items() if one == other) / total
    first, second = Counter[Label](), Counter[Label]()
    for (one, other), count in pairs.items():
        first[one] += count
        second[other] += count
    expected = sum(first[label] * second[label] for label in first) / total**2
    return None if expected == 1 else (observed - expected) / (1 - expected)


def fleiss_kappa(items: Items) -> float | None:
    """Agreement of as many judges on each item (Fleiss 1971). Items with other numbers of judges raise ValueError."""
    total = sum(items.values())
    if not total:
        return None
    sizes = {len(labels) for labels in items}
    if len(sizes) != 1 or min(sizes) < 2:
        raise ValueError("Fleiss' kappa needs the same number of judges, at least two, on every item")
    size = sizes.pop()
    agreeing = sum(count * _ordered_pairs(labels) for labels, count in items.items())
    observed = agreeing / (total * size * (size - 1))
    expected = sum((n / (total * size)) ** 2 for n in _overall(items).values())
    return None if expected == 1 else (observed - expected) / (1 - expected)


def krippendorff_alpha(items: Items) -> float | None:
    """Agreement for nominal labels where some may be missing (Krippendorff 2011); items with one label are left out."""
    several = {labels: count for labels, count in items.items() if len(labels) > 1}
    overall = _overall(several)
    total = overall.total()
    if not total:
        return None
    apart = sum(
        count * (len(labels) * (len(labels) - 1) - _ordered_pairs(labels)) / (len(labels) - 1)
        for labels, count in several.items()
    )
    expected = (total**2 - sum(n * n for n in overall.values())) / (total - 1)
    return None if not expected else 1 - apart / expected


def _ordered_pairs(labels: tuple[Label, ...]) -> int:
    """Ordered pairs of different judges that gave the same label."""
    return sum(n * (n - 1) for n in Counter(labels).values())


def _overall(items: Items) -> Counter[Label]:
    overall = Counter[Label]()
    for labels, count in items.items():
        for label in labels:
            overall[label] += count
    return overall
