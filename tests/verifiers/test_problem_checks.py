"""Problems out of documents: supported word for word, of a kind with an answer, and new where they should be."""

from __future__ import annotations

from typing import Any, cast

import pytest

import verifiers
from records.types import Candidate, Check, Outcome, Seed
from verifiers.base import Resources
from verifiers.new_problem import NewProblem, similarity
from verifiers.problem_kind import ProblemKind, classify, to_open
from verifiers.verbatim_support import VerbatimSupport

DOCUMENT = """Homework help.

Nadia packs 7 boxes with 12 candles each and has 5 candles left over. How many candles did Nadia start with?

We said “first multiply”. Several people agreed in the end: the answer is 89. A coat costs 1,250 dollars."""
QUESTION = (
    "Nadia packs 7 boxes with 12 candles each and has 5 candles left over. How many candles did Nadia start with?"
)
SAID = "Several people agreed in the end: the answer is 89."


async def judge(check: Check, question: str = QUESTION) -> tuple[Outcome, str]:
    parts = {"question": question, "response": ""}
    candidate = Candidate("c", "c", Seed("s", DOCUMENT, "t", "MIT"), "math/test", (), parts, (check,), ())
    resources = Resources(sandbox=cast(Any, None), workers=cast(Any, None))
    (verdict,) = await verifiers.verify_all(candidate, resources)
    return verdict.outcome, verdict.reason


SUPPORTED = [
    (QUESTION, QUESTION, "89", SAID),
    (QUESTION, QUESTION, "", ""),
    (QUESTION, QUESTION.replace(" ", "\n"), "89", "the  answer is\n89"),
    ("How many candles did Nadia, who packs 7 boxes with 12 candles and has 5 left, start with?", QUESTION, "89", SAID),
    ("What does the coat cost?", "A coat costs 1,250 dollars.", "1250", "A coat costs 1,250 dollars."),
    ("What did we say first?", 'We said "first multiply".', "multiply", "first multiply"),
]
UNSUPPORTED = [
    (QUESTION, "A train has 12 wagons with 7 seats each.", "89", SAID, "question_not_in_document"),
    (QUESTION, "", "89", SAID, "no_quote"),
    (QUESTION, "candles", "89", SAID, "no_quote"),
    (QUESTION.replace("7", "8"), QUESTION, "89", SAID, "number_not_in_quote"),
    (QUESTION + " There were 3 guests.", QUESTION, "89", SAID, "number_not_in_quote"),
    (QUESTION, QUESTION, "90", SAID, "answer_not_in_quote"),
    (QUESTION, QUESTION, "8", SAID, "answer_not_in_quote"),  # a part of 89
    (QUESTION, QUESTION, "9", SAID, "answer_not_in_quote"),
    (QUESTION, QUESTION, "89", "Everybody knows that the answer is 89.", "answer_not_in_document"),
    (QUESTION, QUESTION, "89", "", "answer_not_in_document"),
]


@pytest.mark.parametrize(("question", "quote", "answer", "said"), SUPPORTED)
async def test_what_the_document_states_is_supported(question, quote, answer, said):
    assert await judge(VerbatimSupport(DOCUMENT, quote, answer, said), question) == (Outcome.PASS, "supported")


@pytest.mark.parametrize(("question", "quote", "answer", "said", "reason"), UNSUPPORTED)
async def test_what_is_made_up_is_refused_with_its_gap(question, quote, answer, said, reason):
    assert await judge(VerbatimSupport(DOCUMENT, quote, answer, said), question) == (Outcome.FAIL, reason)


KINDS = [
    ("open", QUESTION, "89"),
    ("open", "Find both solutions of x^2 - 9x + 20 = 0.", "4, 5"),
    ("open", "Which is larger, 2/3 or 3/4?", ""),
    ("open", "Show your work and compute 12 * 12.", "144"),
    ("open", "If a train takes 3 hours, how far does it go at 80 km/h?", "240"),
    ("proof", "Prove that the sum of two odd numbers is even.", ""),
    ("proof", "Show that n^2 + n is even for every whole number n.", ""),
    ("proof", "Let x > 0. Demonstrate why x + 1/x is at least 2.", ""),
    ("multiple_choice", "What is 2 + 2? A) 3 B) 4 C) 5", "B"),
    ("multiple_choice", "Which number is prime?\n(A) 4\n(B) 6\n(C) 7", "C"),
    ("yes_no", "Is 221 a prime number? Answer yes or no.", "no"),
    ("yes_no", "Is 221 a prime number?", ""),
    ("yes_no", "A number is even. True or false: its square is even?", "true"),
    ("invalid", "In the figure below, what is the size of the shaded area?", "12"),
    ("invalid", "Use the table above to find the mean.", ""),
    ("invalid", "Solve the equation from Example 3.", ""),
    ("invalid", "What is the result of the previous problem divided by 3?", ""),
    ("invalid", "The weather was fine.", ""),
    ("invalid", "Why?", ""),
]


@pytest.mark.parametrize(("kind", "question", "answer"), KINDS)
async def test_kinds_by_the_text(kind, question, answer):
    assert classify(question, answer) == kind
    outcome = Outcome.PASS if kind == "open" else Outcome.FAIL
    assert await judge(ProblemKind(answer=answer), question) == (outcome, kind)


async def test_the_label_of_the_extractor_counts_where_the_text_tells_nothing():
    assert await judge(ProblemKind(label="invalid")) == (Outcome.FAIL, "invalid")
    assert await judge(ProblemKind(label="nonsense")) == (Outcome.PASS, "open")
    assert await judge(ProblemKind(("open", "yes_no")), "Is 221 a prime number?") == (Outcome.PASS, "yes_no")


def test_choices_become_open_problems_where_that_leaves_a_whole_problem():
    assert to_open("What is 2 + 2? A) 3 B) 4 C) 5", "B") == ("What is 2 + 2?", "4")
    assert to_open("What is 2 + 2? A) 3 B) 4 C) 5", "(C) 5") == ("What is 2 + 2?", "5")
    for question, answer in (
        ("Which of the following is prime? A) 4 B) 6 C) 7", "C"),
        ("What is 2 + 2? A) 3 B) 4 C) none of these", "C"),
        ("What is 2 + 2? A) 3 B) 4 C) 5", "4"),
        ("What is 2 + 2?", "B"),
        ("What is 2 + 2? A) 3 B) 4", "E"),
    ):
        assert to_open(question, answer) is None


async def test_a_copy_with_other_numbers_is_no_new_problem():
    copy = QUESTION.replace("7", "9").replace("12", "15")
    assert similarity(QUESTION, copy) == 1.0
    assert await judge(NewProblem((QUESTION,)), copy) == (Outcome.FAIL, "copy")
    grown = f"{QUESTION} Multiply the result by 4, then add 17. What number does that give?"
    assert await judge(NewProblem((QUESTION,)), grown) == (Outcome.PASS, "new")
    assert await judge(NewProblem((QUESTION,)), "How many?") == (Outcome.FAIL, "too_short")
    assert await judge(NewProblem(()), grown) == (Outcome.PASS, "new")
