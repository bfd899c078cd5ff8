"""Finds near duplicates by MinHash and locality-sensitive hashing: texts that share any band are one cluster (X2, X7).

Method and numbers of FineWeb (Penedo et al. 2024): word 5-grams, 112 hashes as 14 bands of 8, so that two texts of
Jaccard similarity s meet with probability 1-(1-s^8)^14. A shared band decides, without a second comparison: that is
what the published rates are about. Clusters are connected components, so neither order nor sharding matters.

Signatures come from rensa's CMinHash. Its RMinHash is faster but met too often: measured 3 to 4 standard errors above
the formula at s = 0.80. datasketch would bring numpy and scipy. Band keys, not texts or signatures, stay in memory.
"""

from __future__ import annotations

import hashlib
import struct
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
from rensa import CMinHash  # type: ignore[import-untyped]  # it ships without types

from curation.dataset_rows import words

KEY = 8  # bytes of a band key


@dataclass(frozen=True, slots=True)
class Banding:
    """How alike texts must be to meet. Longer shingles and more rows per band ask for more, more bands for less."""

    shingle: int = 5  # words
    bands: int = 14
    rows: int = 8  # hashes per band
    seed: int = 42


DEFAULT = Banding()


class NearDuplicates:
    """Takes texts in any order, keeps 8 bytes per band and two more keys per text, and tells who stands for whom."""

    def __init__(self, banding: Banding = DEFAULT) -> None:
        self._banding = banding
        self._order = array("Q")
        self._content = array("Q")
        self._bands = [array("Q") for _ in range(banding.bands)]

    def add(self, texts: Sequence[str], content: Sequence[bytes], order: Sequence[bytes]) -> None:
        """Add texts, each with a hash of its content (equal means an exact duplicate) and one that ranks it.

        Of a cluster, the text whose `order` is least stands for the rest. Both hashes count by their first 8 bytes.
        """
        for text_bands, own in zip(band_keys(texts, self._banding), content, strict=True):
            # A text without words is like no other: its content stands for its bands.
            for band, key in zip(self._bands, text_bands or [own] * self._banding.bands, strict=True):
                band.append(_number(key))
        self._content.extend(map(_number, content))
        self._order.extend(map(_number, order))

    def exact(self) -> array[int]:
        """For each text, in the order of adding, the index of the text that stands for its exact duplicates."""
        return _representatives([self._content], self._order)

    def near(self) -> array[int]:
        """For each text the index of the text that stands for its cluster; exact duplicates are in one cluster."""
        return _representatives([self._content, *self._bands], self._order)


def band_keys(texts: Sequence[str], banding: Banding = DEFAULT) -> list[list[bytes]]:
    """The band keys of each text, 8 bytes each; none for a text without words. Equal on every machine."""
    shingled = [shingles(text, banding.shingle) for text in texts]
    digests = CMinHash.digests_from_token_sets(shingled, banding.bands * banding.rows, banding.seed)
    return [_bands(digest, banding) if own else [] for own, digest in zip(shingled, digests, strict=True)]


def shingles(text: str, size: int) -> list[str]:
    """The different word n-grams of a text; a shorter text is one shingle. Case and punctuation do not count."""
    split = words(text)
    if not split:
        return []
    return list({" ".join(split[at : at + size]) for at in range(max(1, len(split) - size + 1))})


def _bands(digest: Sequence[int], banding: Banding) -> list[bytes]:
    packed = struct.pack(f"<{len(digest)}I", *digest)
    width = 4 * banding.rows
    return [
        hashlib.blake2b(packed[at : at + width], digest_size=KEY).digest() for at in range(0, len(packed), width)
    ]  # fmt: skip


def _number(key: bytes) -> int:
    return int.from_bytes(key[:KEY], "big")


def _representatives(columns: Sequence[array[int]], order: array[int]) -> array[int]:
    """Joins texts that agree in any column; for each text the least of its component by (order, index)."""
    parents = array("q", range(len(order)))
    for column in columns:
        for one, other in _equal_pairs(column):
            first, second = _root(parents, one), _root(parents, other)
            low, high = sorted((first, second), key=lambda index: (order[index], index))
            parents[high] = low
    for index in range(len(parents)):
        parents[index] = _root(parents, index)
    return parents


def _equal_pairs(column: array[int]) -> Iterator[tuple[int, int]]:
    """Pairs of indices with equal keys, enough to connect all that are equal. Sorts outside Python's objects."""
    if len(column) < 2:
        return
    keys = pa.Array.from_buffers(pa.uint64(), len(column), [None, pa.py_buffer(column)])
    by_key = pc.sort_indices(keys)
    in_order = keys.take(by_key)
    same = pc.equal(in_order.slice(1), in_order.slice(0, len(column) - 1))
    places = pc.indices_nonzero(same)
    ones, others = by_key.take(places), by_key.take(pc.add(places, 1))
    yield from zip(ones.to_pylist(), others.to_pylist(), strict=True)


def _root(parents: array[int], index: int) -> int:
    while parents[index] != index:
        parents[index] = parents[parents[index]]
        index = parents[index]
    return index
