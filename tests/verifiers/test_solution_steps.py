"""Cutting solutions into steps loses nothing, and scores of steps are put together as they should be."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifiers.solution_steps import MAX_STEPS, aggregate, split_steps

REAL = Path(__file__).parents[3] / "shared" / "data" / "math" / "gsm8k_model_solutions.jsonl"
CASES = [
    (
        "I go step by step.\n\n1. Three cats.\n2. Each has 4 legs.\n   That is it.\n3. So 12.\n\nThe answer is 12.",
        [
            "I go step by step.\n\n",
            "1. Three cats.\n",
            "2. Each has 4 legs.\n   That is it.\n",
            "3. So 12.\n\n",
            "The answer is 12.",
        ],
    ),
    ("Step 1: Add.\nStep 2: Halve.", ["Step 1: Add.\n", "Step 2: Halve."]),
    ("First part.\n\nSecond part.\nStill second.", ["First part.\n\n", "Second part.\nStill second."]),
    ("One line\nAnother line", ["One line\n", "Another line"]),
    ("A cat has 4 legs. So 12 legs. \\boxed{12}", ["A cat has 4 legs. ", "So 12 legs. ", "\\boxed{12}"]),
    ("It weighs 1.5 kg, no more", ["It weighs 1.5 kg, no more"]),
    (
        "Code:\n```python\na = 1\n\nb = 2\n```\n\nDone here.",
        ["Code:\n```python\na = 1\n\nb = 2\n```\n\n", "Done here."],
    ),
    ("", []),
    (" \n\n ", []),
]


@pytest.mark.parametrize(("solution", "steps"), CASES)
def test_steps_are_what_the_author_marked(solution, steps):
    assert split_steps(solution) == steps


@given(st.text(alphabet=st.sampled_from("ab1. \n\\`~:#*StepS"), max_size=400))
def test_the_steps_joined_are_the_text(text):
    steps = split_steps(text)
    assert "".join(steps) == (text if text.strip() else "")
    assert len(steps) <= MAX_STEPS and all(steps)


def test_a_hostile_text_is_cut_into_no_more_than_the_most_steps():
    text = "\n".join(f"{number}. step" for number in range(5000))
    assert len(split_steps(text)) == MAX_STEPS and "".join(split_steps(text)) == text


@pytest.mark.skipif(not REAL.exists(), reason="the real model outputs are not on this machine")
def test_real_solutions_are_cut_into_their_lines():
    counts = []
    for line in REAL.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        for name in ("6b_finetuning", "175b_verification"):
            solution = row[name]["solution"]
            assert "".join(split_steps(solution)) == solution
            counts.append(len(split_steps(solution)))
    assert 3 < sum(counts) / len(counts) < 7


def test_scores_are_put_together_by_the_least_the_product_or_the_last():
    scores = [0.9, 0.5, 0.8]
    assert aggregate(scores, "min") == 0.5
    assert math.isclose(aggregate(scores, "product"), 0.36)
    assert aggregate(scores, "last") == 0.8


@pytest.mark.parametrize("scores", [[], [math.nan], [0.5, -1], [1.01], [math.inf]])
def test_a_score_that_is_none_is_refused_and_not_taken_for_zero(scores):
    with pytest.raises(ValueError):
        aggregate(scores, "min")


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_the_product_is_never_above_the_least(scores):
    assert aggregate(scores, "product") <= aggregate(scores, "min") <= aggregate(scores, "last")
