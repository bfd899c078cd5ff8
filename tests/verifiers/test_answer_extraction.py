"""Final answers out of free text."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifiers.answer_extraction import SEARCHED_CHARACTERS, extract_answer

# response, answer, mark
ACCEPTS = [
    (r"So it is \boxed{18}.", "18", "boxed"),
    (r"\boxed{3} is wrong, it is \boxed{4}", "4", "boxed"),
    (r"\boxed{\frac{1}{\sqrt{2}}}", r"\frac{1}{\sqrt{2}}", "boxed"),
    (r"\boxed{\{1, 2\}}", r"\{1, 2\}", "boxed"),
    (r"\boxed{\text{Monday}} #### 5", r"\text{Monday}", "boxed"),
    (r"\fbox{7}", "7", "boxed"),
    (r"\boxed {x = 5}", "x = 5", "boxed"),
    (r"\boxed{12} and then \boxed{", "12", "boxed"),
    (r"\boxed{12} and then \boxed{ }", "12", "boxed"),
    (r"\boxed{\boxed{6}}", "6", "boxed"),
    ("She pays 9 * 2 = $<<9*2=18>>18.\n#### 18", "18", "hashes"),
    ("#### 1,234", "1,234", "hashes"),
    ("#### -3.5.", "-3.5", "hashes"),
    ("3 + 4 = <<3+4=7>>7\nA: 18", "18", "a_line"),
    ("A: $1,200", "$1,200", "a_line"),
    ("Answer: 42", "42", "answer_line"),
    ("**Answer:** 42", "42", "answer_line"),
    ("**Final Answer**: **42**", "42", "answer_line"),
    ("Answer:\n42", "42", "answer_line"),
    ("The final answer is: $\\frac{1}{2}$. I hope it is correct.", r"$\frac{1}{2}$", "sentence"),
    ("The answer is 18 dollars per day.", "18 dollars per day", "sentence"),
    ("The answer is that she makes $18 every day. Good.", "$18 every day", "sentence"),
    ("So the answer is therefore **-5**.", "-5", "sentence"),
    ("The answer is 3.5. Is that plausible?", "3.5", "sentence"),
    ("The answer is 5 since 2 + 3 = 5.", "5", "sentence"),
    ("The answer is not 5", "not 5", "sentence"),
    ("The answer is less than 5.", "less than 5", "sentence"),
    ("The answer to the question is (B).", "(B)", "sentence"),
    ("The correct option is (C).", "(C)", "sentence"),
    ("First I thought the answer is 4. But no: the answer is 6.", "6", "sentence"),
    ("She has 18 eggs left.", "18", "last_number"),
    ("That leaves 3/4 of them", "3/4", "last_number"),
    ("It costs $1,250.50 in all", "$1,250.50", "last_number"),
    ("so 45%", "45%", "last_number"),
]
# Nothing in these is a final answer.
REJECTS = ["", "   ", "I cannot say.", r"\boxed{}", "Answer:", "####", r"\boxed{", "no digits here"]
# Ambiguous texts: whatever is taken, it is not what a careless reader would take.
UNJUDGED = [
    ("A: 5\nB: 6\nC: 7", "a_line"),  # a list of options is no answer line
    (r"\boxed{5", "boxed"),  # cut off inside the box
]


def test_answers_are_found_with_what_marked_them() -> None:
    for response, answer, mark in ACCEPTS:
        found = extract_answer(response)
        assert found is not None, response
        assert (found.text, found.mark) == (answer, mark), response


def test_no_answer_is_invented() -> None:
    for response in REJECTS:
        assert extract_answer(response) is None, response


def test_ambiguous_marks_are_not_trusted() -> None:
    for response, mark in UNJUDGED:
        found = extract_answer(response)
        assert found is None or found.mark != mark, response


@given(st.text(alphabet="{}\\boxed#AnsweriT: $.*0123456789\n%/,-", max_size=400))
def test_any_text_is_read_without_error_and_the_answer_comes_from_it(response: str) -> None:
    found = extract_answer(response)
    assert found is None or found.text.strip()


@given(
    st.integers(-(10**9), 10**9),
    st.sampled_from(["\\boxed{%s}", "#### %s", "A: %s", "Answer: %s", "The answer is %s."]),
)
def test_every_mark_gives_back_what_it_marks(number: int, form: str) -> None:
    found = extract_answer("Some work: 1 + 2 = 3.\n" + form % number)
    assert found is not None
    assert found.text == str(number)


def test_only_the_end_of_a_long_response_is_searched() -> None:
    assert extract_answer(r"\boxed{5}" + " filler" * SEARCHED_CHARACTERS) is None


@pytest.mark.parametrize(
    "hostile", ["\\boxed{", "answer is ", "\\(", "$", " ", "Answer:\n", "**", "1,", "the answer is \\("]
)
def test_hostile_repetition_is_read(hostile: str) -> None:
    extract_answer(hostile * 50_000)


def test_every_gsm8k_reference_ends_in_its_answer(shared_data: Path) -> None:
    for line in (shared_data / "math" / "gsm8k_train.jsonl").read_text(encoding="utf-8").splitlines():
        answer = json.loads(line)["answer"]
        found = extract_answer(answer)
        assert found is not None
        assert found.text == answer.rsplit("#### ", 1)[1].strip()
