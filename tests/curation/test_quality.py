"""Which rows are good (Q1-Q3), and phrases that fall to their share (X5)."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.label_settings import PHRASES, LabelSettings, PhraseSettings, QualitySettings
from curation.phrases import Phrases
from curation.quality import Quality, combine, top_threshold


@pytest.mark.parametrize(
    ("scores", "share", "threshold"),
    [
        ([], 0.25, math.inf),
        ([5.0], 0.25, 5.0),
        ([1, 2, 3, 4], 0.25, 4),
        ([1, 2, 3, 4, 5], 0.25, 4),  # a quarter of five is two: the top share is rounded up
        ([1, 2, 2, 2], 0.25, 2),
        ([-3.5, -1.0, -2.0, -9.0], 0.5, -2.0),  # raw scores, below zero
        ([0.1] * 10, 0.25, 0.1),
        ([1, 2, 3], 1.0, 1),
    ],
)
def test_thresholds(scores: Sequence[float], share: float, threshold: float) -> None:
    assert top_threshold(scores, share) == threshold


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1), st.floats(0.01, 1))
def test_the_top_share_is_the_least_that_is_large_enough(scores: list[float], share: float) -> None:
    limit = top_threshold(scores, share)
    good = sum(score >= limit for score in scores)
    assert good >= len(scores) * share - 1e-6
    assert sum(score > limit for score in scores) < math.ceil(len(scores) * share)


TABLE = {  # judge, reward: union, intersection, judge, reward
    (True, True): (True, True, True, True),
    (True, False): (True, False, True, False),
    (False, True): (True, False, False, True),
    (False, False): (False, False, False, False),
    (True, None): (True, None, True, None),
    (None, True): (True, None, None, True),
    (False, None): (None, False, False, None),
    (None, False): (None, False, None, False),
    (None, None): (None, None, None, None),
}


@pytest.mark.parametrize("pair", TABLE, ids=str)
def test_what_is_not_known_is_decided_only_where_it_does_not_matter(pair: tuple[bool | None, bool | None]) -> None:
    rules = ("union", "intersection", "judge", "reward")
    assert tuple(combine(rule, *pair) for rule in rules) == TABLE[pair]


def test_scores_are_ranked_within_their_capability_and_the_table_counts_disagreement() -> None:
    quality = Quality(QualitySettings(by="union", capability="recipe"))
    for capability, scores in {"math": (0.1, 0.2, 0.3, 0.4), "code": (10.0, 20.0, 30.0, 30.0)}.items():
        for score in scores:
            quality.add({"good": capability == "math", "reward": score}, capability)
    quality.add({"good": None, "reward": None}, "other")
    good = quality.judge(range(9))
    assert [good[row] for row in range(9)] == [True] * 4 + [False, False, True, True, None]
    assert quality.thresholds == {"math": 0.4, "code": 30.0}
    assert quality.disagreement == (3 + 2, 8)
    assert quality.to_json()["disagreement"] == [5, 8]


def test_thresholds_are_those_of_the_rows_in_question() -> None:
    quality = Quality(QualitySettings(by="reward", top=0.5))
    for score in (1.0, 2.0, 3.0, 4.0):
        quality.add({"reward": score}, "")
    assert quality.judge([0, 1]) == {0: False, 1: True}


def phrased(settings: PhraseSettings, texts: Sequence[str], order: Sequence[int]) -> tuple[Phrases, dict[int, str]]:
    phrases = Phrases(settings)
    for text, rank in zip(texts, order, strict=True):
        phrases.add((text,), rank.to_bytes(8, "big"))
    return phrases, phrases.surplus(range(len(texts)))


def test_the_share_falls_to_its_target_and_not_to_zero() -> None:
    texts = ["I'm sorry, no."] * 400 + ["Yes."] * 600
    phrases, gone = phrased(PhraseSettings(share=0.02), texts, range(1000))
    assert set(gone.values()) == {"apology"} and len(gone) == 388
    assert phrases.table["apology"].before == (400, 1000)
    assert phrases.table["apology"].after == (12, 612)  # one more would be 2.1 %
    assert min(gone) == 12  # the least hashes stay


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("apology", "Oh, I apologise for that."),
        ("exclamation", "What a day! And so on."),
        ("emoji", "Well done 🎉"),
        ("eager opening", "Certainly, here it is."),
        ("as an AI", "As an AI language model, I have no taste."),
        ("important to note", "It's important to note that it rains."),
        ("hope this helps", "I hope this helps."),
    ],
)
def test_phrases_that_come_with_the_product(name: str, text: str) -> None:
    assert [key for key, pattern in PHRASES.items() if re.search(pattern, text)] == [name]


@pytest.mark.parametrize("text", ["x != y", "I was sorry for him", "surely not", "an AI", "a != b"])
def test_what_is_no_such_phrase(text: str) -> None:
    assert not [key for key, pattern in PHRASES.items() if re.search(pattern, text)]


WORDS = PhraseSettings(phrases={"a": "a", "b": "b", "c": "c"}, share=0.2, shares={"c": 0.5})


@given(st.lists(st.text("abcx", max_size=3), max_size=60), st.randoms(use_true_random=False))
def test_no_phrase_is_above_its_share_or_gone_whatever_the_order(texts: list[str], rng: random.Random) -> None:
    order = list(range(len(texts)))
    phrases, gone = phrased(WORDS, texts, order)
    left = [text for at, text in enumerate(texts) if at not in gone]
    for name, share in (("a", 0.2), ("b", 0.2), ("c", 0.5)):
        held = sum(name in text for text in left)
        assert held <= max(1, share * len(left) + 1e-6)
        assert phrases.table[name].after == (held, len(left))
        assert bool(held) == any(name in text for text in texts) or any(name in texts[at] for at in gone)
    shuffled = rng.sample(order, len(order))
    _, again = phrased(WORDS, [texts[at] for at in shuffled], shuffled)
    assert {shuffled[at]: name for at, name in again.items()} == gone


@pytest.mark.parametrize(
    "wrong",
    [
        {"quality": {"by": "luck"}},
        {"quality": {"top": 0}},
        {"phrases": {"phrases": {"x": "("}}},
        {"phrases": {"shares": {"apology": 2}}},
        {"topic": {"topics": {}}},
        {"safty": {}},
    ],
    ids=str,
)
def test_settings_that_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        LabelSettings.model_validate(wrong)
