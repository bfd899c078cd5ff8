"""Pass rates per skill, and weights that follow the weak ones."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from records.skill_rates import SkillRate, skill_rates, skill_weights

ATTEMPTS = [("geometry", True)] * 9 + [("geometry", False)] + [("primes", False)] * 8 + [("primes", True)] * 2


def test_rates_count_attempts_by_skill():
    rates = skill_rates(ATTEMPTS)
    assert rates == {"geometry": SkillRate(9, 10), "primes": SkillRate(2, 10)}
    assert (rates["geometry"].rate, rates["primes"].rate) == (0.9, 0.2)
    assert SkillRate(0, 0).rate == 0.0 and SkillRate(0, 0).expected == 0.5


def test_the_weaker_skill_weighs_more_in_proportion_to_its_failures():
    weights = skill_weights(skill_rates(ATTEMPTS))
    assert weights["primes"] / weights["geometry"] == (1 - 3 / 12) / (1 - 10 / 12)
    assert sum(weights.values()) == 2.0
    even = skill_weights(skill_rates(ATTEMPTS), focus=0)
    assert even == {"geometry": 1.0, "primes": 1.0}


def test_a_mastered_skill_does_not_vanish_and_nothing_gives_nothing():
    rates = {"easy": SkillRate(10_000, 10_000), "hard": SkillRate(0, 10_000)}
    assert skill_weights(rates)["easy"] == 0.1
    assert skill_weights({}) == {}


COUNTS = st.tuples(st.integers(0, 50), st.integers(0, 50)).map(lambda pair: SkillRate(min(pair), max(pair)))


@given(st.dictionaries(st.sampled_from("abcdefgh"), COUNTS, min_size=1))
def test_weights_never_fall_as_the_expected_rate_falls(rates):
    weights = skill_weights(rates)
    order = sorted(rates, key=lambda skill: rates[skill].expected)
    assert all(weights[first] >= weights[second] for first, second in pairwise(order))
    assert min(weights.values()) >= 0.1
