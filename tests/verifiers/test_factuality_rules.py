"""The rules around a knowledge probe: the form of questions, closed-book requests, the quality of refusals."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from records.types import Candidate, Outcome, Seed, Verdict
from served_model.keys import request_key
from served_model.types import Sampling
from verifiers import closed_book, question_form, refusal_quality
from verifiers.closed_book import ClosedBook, closed_book_request
from verifiers.question_form import QuestionForm
from verifiers.refusal_quality import RefusalQuality, leaks
from verifiers.wording import contains, longest_shared_run, skeleton, words_of

PASSAGE = (
    "The lighthouse of Eddystone was rebuilt by John Smeaton. It was lit on 16 October 1759 and held 24 candles. "
    "The granite blocks were joined with dovetails, and the tower cost 1,250 pounds more than had been planned."
)
NOTHING: Any = None
Verify = Callable[[Any, Candidate, Any], Awaitable[Verdict]]


def having(**parts: str) -> Candidate:
    return Candidate("c", "c", Seed("s", PASSAGE, "test", "CC0-1.0"), "r", (), parts, (), ())


async def reason(verify: Verify, check: Any, **parts: str) -> str:
    verdict = await verify(check, having(**parts), NOTHING)
    assert (verdict.outcome is Outcome.PASS) == (verdict.reason in ("well_formed", "closed_book", "good_refusal"))
    return verdict.reason


GOOD_QUESTION = "Who rebuilt the lighthouse of Eddystone?"
QUESTIONS = {
    ("Who rebuilt the lighthouse of Eddystone?", "John Smeaton"): "well_formed",
    ("How many candles did the Eddystone lighthouse hold in 1759?", "24"): "well_formed",
    ("By how many pounds did the Eddystone tower exceed its plan?", "1250"): "well_formed",
    ("Who, according to the law of the sea, keeps a light?", "John Smeaton"): "well_formed",
    ('Who rebuilt the tower that the poem "In the text above? And when?" is about?', "John Smeaton"): "well_formed",
    ("Who rebuilt it?", "John Smeaton"): "not_a_question",
    ("Tell me who rebuilt the lighthouse of Eddystone.", "John Smeaton"): "not_a_question",
    ("Who rebuilt the lighthouse " + "of the rock " * 20 + "there?", "John Smeaton"): "too_long",
    ("According to the passage, who rebuilt the lighthouse?", "John Smeaton"): "about_the_text",
    ("Who is named in the text as its builder of 1759?", "John Smeaton"): "about_the_text",
    ("Which builder is mentioned above as the engineer?", "John Smeaton"): "about_the_text",
    ("When was it first lit by its keepers?", "16 October 1759"): "dangling_reference",
    ("What did they join with dovetails?", "granite blocks"): "dangling_reference",
    ("Who rebuilt Eddystone? When was the tower lit?", "John Smeaton"): "several_questions",
    ("Who rebuilt Eddystone and when was the tower lit?", "John Smeaton"): "several_questions",
    ("Was it John Smeaton who rebuilt the Eddystone light?", "john smeaton"): "gives_answer_away",
    ("Which blocks were joined with dovetails, and the tower cost 1,250 pounds more than had been?", "granite"):
        "quotes_document",
    ("Who rebuilt the lighthouse of Eddystone after 1755?", " "): "no_answer",
    ("Who rebuilt the lighthouse of Eddystone after 1755?", "the man " * 20): "answer_too_long",
    ("Who rebuilt the lighthouse of Eddystone after 1755?", "Winstanley"): "answer_not_in_document",
    ("How many candles did Eddystone have in the lamp?", "2"): "answer_not_in_document",
}  # fmt: skip


@pytest.mark.parametrize(("question", "answer"), QUESTIONS)
async def test_the_form_of_questions(question: str, answer: str) -> None:
    found = await reason(question_form.verify, QuestionForm(PASSAGE), question=question, answer=answer)
    assert found == QUESTIONS[question, answer]


@pytest.mark.parametrize(
    ("paraphrase", "expected"),
    [
        ("Which engineer is behind the third tower on that rock near Plymouth?", "well_formed"),
        ("According to the article, which engineer built the tower?", "about_the_text"),
        ("Who rebuilt the Eddystone lighthouse?", "same_wording"),
        ("Is John Smeaton the man behind the tower at Eddystone?", "gives_answer_away"),
    ],
)
async def test_every_paraphrase_must_hold_too(paraphrase: str, expected: str) -> None:
    check = QuestionForm(PASSAGE, (paraphrase,))
    assert await reason(question_form.verify, check, question=GOOD_QUESTION, answer="John Smeaton") == expected


PROMPT = "generators.factuality/closed_book"


def book(wording: str = GOOD_QUESTION, asked: str | None = None, **changes: Any) -> ClosedBook:
    sampling = Sampling(1.0, 1.0, 64, 5)
    key = request_key("m", closed_book_request(PROMPT, asked or wording, sampling))
    sample = {"key": key, "model": "m", "wording": 0, "temperature": 1.0, "top_p": 1.0, "max_tokens": 64, "seed": 5}
    return ClosedBook(PROMPT, (wording,), ({**sample, **changes},), PASSAGE, "John Smeaton")


async def test_what_was_sent_is_proved_by_the_journal_key() -> None:
    assert await reason(closed_book.verify, book()) == "closed_book"
    with_document = f"{PASSAGE}\n{GOOD_QUESTION}"
    assert await reason(closed_book.verify, book(with_document)) == "document_in_prompt"
    # The question that is stored looks harmless, but another one was sent.
    assert await reason(closed_book.verify, book(asked=with_document)) == "other_request"
    assert await reason(closed_book.verify, book(seed=6)) == "other_request"
    assert await reason(closed_book.verify, book(model="another")) == "other_request"
    assert await reason(closed_book.verify, book("Did John Smeaton rebuild Eddystone?")) == "answer_in_prompt"


REFUSALS = {
    "I don't know who rebuilt the lighthouse of Eddystone.": "good_refusal",
    "Sorry, the lighthouse at Eddystone and who rebuilt it is beyond me.": "good_refusal",
    "I don't know whether John Smeaton rebuilt the lighthouse of Eddystone.": "leaks_answer",
    "I can't say who rebuilt the lighthouse; perhaps a Smeaton, John or another.": "leaks_answer",
    "I don't know who rebuilt the Eddystone lighthouse (johnsmeaton?).": "leaks_answer",
    "I don't know who rebuilt the lighthouse. It was lit on 16 October 1759 and held candles.": "quotes_document",
    "I don't know who rebuilt the lighthouse of Eddystone. It is important to check sources.": "lectures",
    "As an AI language model I don't know who rebuilt the Eddystone lighthouse.": "lectures",
    "I don't know who rebuilt the lighthouse of Eddystone. " + "I really do not. " * 30: "too_long",
    "I don't know.": "names_nothing",
    "I have no information about that.": "names_nothing",
}


@pytest.mark.parametrize("text", REFUSALS)
async def test_the_quality_of_refusals(text: str) -> None:
    check = RefusalQuality(GOOD_QUESTION, "John Smeaton", PASSAGE)
    assert await reason(refusal_quality.verify, check, response=text) == REFUSALS[text]


def test_an_answer_within_a_longer_word_of_the_question_is_no_leak() -> None:
    question, refusal = "Which verb does inheritance come from?", "I don't know what inheritance comes from."
    assert not leaks(refusal, "inherit", question)
    assert leaks(refusal, "inherit") and leaks(f"{refusal} Inherit, perhaps?", "inherit", question)


@given(st.text(alphabet="abcdefgh 123", min_size=1), st.text(max_size=30), st.text(max_size=30))
def test_a_text_with_the_answer_in_it_leaks(answer: str, before: str, after: str) -> None:
    if words_of(answer):
        assert leaks(f"{before} {answer} {after}", answer)
        assert contains(f"{before}, {answer.upper()}. {after}", answer)


@given(st.lists(st.sampled_from("abc"), max_size=12), st.lists(st.sampled_from("abc"), max_size=12))
def test_the_longest_shared_run_is_that_of_all_runs(one: list[str], other: list[str]) -> None:
    runs = {tuple(one[at : at + size]) for at in range(len(one)) for size in range(1, len(one) - at + 1)}
    shared = [len(run) for run in runs if any(tuple(other[at : at + len(run)]) == run for at in range(len(other)))]
    assert longest_shared_run(" ".join(one), " ".join(other)) == max(shared, default=0)


def test_two_fillings_of_one_template_have_one_skeleton() -> None:
    first = skeleton("I don't know when Rome fell.", "When did Rome fall, or fell?")
    assert first == skeleton("I don't know when Troy fell.", "When was it that Troy fell?")
    assert first != skeleton("I cannot say when Troy fell.", "When was it that Troy fell?")
