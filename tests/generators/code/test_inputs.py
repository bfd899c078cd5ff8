"""Inputs for comparing programs: taken from tests, varied, and the same every time."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from generators.code.inputs import MAX_INPUT_CHARS, calls_in_tests, with_variants

TESTS = """
import math
def test_one():
    assert f([1, 2], "a") == 3
    assert f([1, 2], "a") != 4
def test_two():
    values = [1]
    assert f(values, "b") == 1
    assert f([-1.5, None], "c") is None and g(1) == 2
    assert f((1, 2), "t") == 3
    assert f({1: 2}, "keys are no text")
    assert f(float("nan"), "x") and f([], key="b")
    assert math.isclose(f({"a": [True]}, "d"), 1.0)
"""


def test_literal_calls_are_found_once_and_in_order() -> None:
    found = calls_in_tests(TESTS, "f")
    assert found == [[[1, 2], "a"], [[-1.5, None], "c"], [[1, 2], "t"], [{"a": [True]}, "d"]]
    assert calls_in_tests(TESTS, "h") == []


VALUES = st.recursive(
    st.booleans() | st.integers(-1000, 1000) | st.floats(-1e6, 1e6) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=10,
)


@given(st.lists(st.lists(VALUES, min_size=2, max_size=2), max_size=5), st.integers(0, 30))
@settings(max_examples=80, deadline=None)
def test_variants_keep_the_inputs_and_their_shape(inputs: list[list[Any]], count: int) -> None:
    found = with_variants(inputs, count)
    assert found == with_variants(inputs, count)
    given_texts = dict.fromkeys(map(json.dumps, inputs))
    texts = list(map(json.dumps, found))
    assert texts[: len(given_texts)] == list(given_texts)
    assert len(set(texts)) == len(texts) <= max(count, len(given_texts))
    assert all(len(arguments) == 2 for arguments in found)
    assert all(len(text) <= MAX_INPUT_CHARS for text in texts[len(given_texts) :])
    kinds = [{type(arguments[place]) for arguments in inputs} for place in range(2)]
    assert all(type(arguments[place]) in kinds[place] for arguments in found for place in range(2))


def test_variants_find_the_edges() -> None:
    found = with_variants([[[3, 1, 2], 2]], 40)
    assert [[], 2] in found and [[3, 1, 2], 0] in found and len(found) == 40
    assert with_variants([], 10) == [] and with_variants([[]], 10) == [[]]
