"""Near duplicates: the published hit rates, independence of order and sharding, and who stands for whom."""

from __future__ import annotations

import hashlib
import itertools
import math
import random
from array import array

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.near_duplicates import NearDuplicates, band_keys, shingles

PAIRS = 1500
UNION = 400  # shingles in either text of a pair: all four similarities come out exactly


def digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def clusters(texts: list[str], cuts: tuple[int, ...] = ()) -> NearDuplicates:
    """An index to which the texts were added in the pieces that `cuts` makes."""
    index = NearDuplicates()
    edges = [0, *sorted(min(cut, len(texts)) for cut in cuts), len(texts)]
    for start, end in itertools.pairwise(edges):
        piece = texts[start:end]
        index.add(piece, [digest(" ".join(text.split())) for text in piece], [digest(text) for text in piece])
    return index


def pair_of(similarity: float, rng: random.Random) -> tuple[str, str]:
    """Two texts whose word 5-grams have exactly this Jaccard similarity: a common beginning, then words of their own.

    A beginning of k+4 words has k shingles; every later word adds one that only its text has.
    """
    common = round(similarity * UNION)
    own = (UNION - common) // 2
    names = iter(rng.sample(range(10**9), common + 4 + 2 * own))
    prefix = [f"w{next(names)}" for _ in range(common + 4)]
    first, second = ([f"w{next(names)}" for _ in range(own)] for _ in range(2))
    return " ".join(prefix + first), " ".join(prefix + second)


@pytest.mark.parametrize(("similarity", "published"), [(0.70, 0.56), (0.75, 0.77), (0.80, 0.92), (0.85, 0.988)])
def test_hit_rate_is_the_published_one(similarity: float, published: float) -> None:
    rng = random.Random(17)
    hits = 0
    for _ in range(PAIRS):
        first, second = pair_of(similarity, rng)
        one, other = set(shingles(first, 5)), set(shingles(second, 5))
        assert math.isclose(len(one & other) / len(one | other), similarity)
        keys = band_keys([first, second])
        hits += any(left == right for left, right in zip(*keys, strict=True))
    expected = 1 - (1 - similarity**8) ** 14
    assert abs(expected - published) < 0.006
    assert abs(hits / PAIRS - expected) < 3.3 * math.sqrt(expected * (1 - expected) / PAIRS)


def test_unrelated_texts_never_meet() -> None:
    rng = random.Random(3)
    texts = [" ".join(f"w{rng.randrange(10**9)}" for _ in range(60)) for _ in range(500)]
    assert clusters(texts).near() == array("q", range(500))


def test_keys_are_the_same_on_every_machine() -> None:
    """Written down once: another value means that old keys and new keys must not be mixed."""
    keys = band_keys(["the quick brown fox jumps over the lazy dog"])[0]
    assert len(keys) == 14
    assert [key.hex() for key in keys[:2]] == KNOWN


KNOWN = ["455ffbf3f51e3d9a", "e7e2e2fe90346434"]

WORDS = st.lists(st.sampled_from(["alpha", "beta", "gamma", "one", "two", "three"]), max_size=12).map(" ".join)


@settings(max_examples=60, deadline=None)
@given(st.lists(WORDS, max_size=25), st.randoms(use_true_random=False), st.tuples(*[st.integers(0, 25)] * 3))
def test_order_and_sharding_do_not_matter(texts: list[str], rng: random.Random, cuts: tuple[int, ...]) -> None:
    shuffled = list(texts)
    rng.shuffle(shuffled)
    whole, other = clusters(texts).near(), clusters(shuffled, cuts).near()
    stands_for = {text: texts[at] for text, at in zip(texts, whole, strict=True)}
    assert stands_for == {text: shuffled[at] for text, at in zip(shuffled, other, strict=True)}
    kept = [texts[at] for index, at in enumerate(whole) if index == at]
    assert sorted(kept) == sorted(shuffled[at] for index, at in enumerate(other) if index == at)


@settings(max_examples=60, deadline=None)
@given(st.lists(WORDS, max_size=25))
def test_who_stands_for_others_stands_for_itself(texts: list[str]) -> None:
    index = clusters(texts)
    for representatives in (index.exact(), index.near()):
        assert all(representatives[at] == at for at in representatives)
    exact, near = index.exact(), index.near()
    assert all(near[exact[at]] == near[at] for at in range(len(texts)))  # one cluster holds whole exact groups


def test_the_least_by_order_stands_for_the_rest() -> None:
    text = " ".join(f"w{number}" for number in range(100))
    index = NearDuplicates()
    index.add(
        [text + " a", text + " b", text + " c"], [b"a" * 8, b"b" * 8, b"c" * 8], [b"\2" * 8, b"\1" * 8, b"\3" * 8]
    )
    assert list(index.near()) == [1, 1, 1]
    assert list(index.exact()) == [0, 1, 2]


def test_texts_without_words_are_alike_only_if_equal() -> None:
    assert list(clusters(["???", "!!!", "", "###"]).near()) == [0, 1, 2, 3]
    [first, second, third] = clusters(["?? !", "??\n!", "!!"]).near()
    assert first == second
    assert third == 2


def test_short_texts_are_one_shingle() -> None:
    assert shingles("Two words!", 5) == ["two words"]
    assert shingles(" -- ", 5) == []
    assert sorted(shingles("a b c d e f", 5)) == ["a b c d e", "b c d e f"]


def test_nothing_in_nothing_out() -> None:
    assert list(NearDuplicates().near()) == []
