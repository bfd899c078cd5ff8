"""Math replies: right in many forms, wrong in many ways, and never by the same wrong number."""

from __future__ import annotations

import json
from collections import Counter
from fractions import Fraction

import pytest

from served_model.rehearsal.faults import FAULTS
from served_model.rehearsal.knowledge import Fact, KnowledgeError, load_knowledge, read_number
from served_model.rehearsal.math_player import HOSTILE
from served_model.rehearsal.math_roles import SOLVE
from served_model.rehearsal.player import play, play_fault
from served_model.rehearsal.role import Settings
from verifiers.answer_extraction import extract_answer
from verifiers.equivalence import is_equivalent
from verifiers.workers import ProcessPool

ANSWERS = ["42", "1200", "-7", "0", "0.5", "1/2", "3.75", r"\frac{2}{3}", "1,234,567", "-2500", "$18", "12500"]
SEEDS = range(60)


@pytest.fixture
def settings() -> Settings:
    return Settings(seed=3, facts={f"What makes {answer}?": Fact(answer) for answer in ANSWERS})


async def test_right_replies_are_accepted_by_the_verifier_in_every_form(make_ask, settings):
    forms = Counter()
    workers = ProcessPool(1)
    try:
        for answer in ANSWERS:
            for seed in SEEDS:
                played = play(make_ask(SOLVE, seed, question=f"What  makes\n{answer}?"), settings)
                assert played.fault is None and played.finish_reason == "stop"
                found = extract_answer(played.text)
                assert found is not None and found.mark == "boxed"
                assert await is_equivalent(answer, found.text, workers), played.text
                forms[played.benign] += 1
    finally:
        await workers.aclose()
    assert len(forms) >= 9 and 0.5 < forms[None] / forms.total() < 0.9


@pytest.mark.parametrize("kind", ["wrong_final_answer", "arithmetic_slip"])
async def test_wrong_answers_are_wrong_and_spread(kind, make_ask, settings):
    workers = ProcessPool(1)
    try:
        for answer in ANSWERS:
            given = []
            for seed in SEEDS:
                played = play_fault(make_ask(SOLVE, seed, question=f"What makes {answer}?"), settings, kind)
                found = extract_answer(played.text)
                assert found is not None and found.mark == "boxed"
                assert not await is_equivalent(answer, found.text, workers)
                given.append(found.text)
            assert max(Counter(given).values()) <= 5
    finally:
        await workers.aclose()


def test_replies_without_a_final_answer(make_ask, settings):
    for seed in SEEDS:
        ask = make_ask(SOLVE, seed, question="What makes 42?")
        nothing = play_fault(ask, settings, "no_final_answer")
        assert "boxed" not in nothing.text and not any(character.isdigit() for character in nothing.text)
        cut = play_fault(ask, settings, "truncated")
        assert cut.finish_reason == "length" and "boxed" not in cut.text and "42" not in cut.text


def test_hostile_and_repetitive_replies(make_ask, settings):
    variants = set()
    for seed in range(200):
        ask = make_ask(SOLVE, seed, question="What makes 42?")
        hostile = play_fault(ask, settings, "hostile_answer")
        variants.add(hostile.detail["variant"])
        assert r"\boxed{" in hostile.text
        loop = play_fault(ask, settings, "repetitive").text
        sentence = loop.split(". ")[2]
        assert loop.count(sentence) >= 30
    assert variants == set(HOSTILE)


def test_answers_that_are_no_numbers(make_ask):
    settings = Settings(facts={"Which?": Fact("x^2 + 1")})
    for seed in SEEDS:
        ask = make_ask(SOLVE, seed, question="Which?")
        assert "x^2 + 1" in play(ask, settings).text
        for kind in FAULTS[SOLVE]:
            played = play_fault(ask, settings, kind)
            right = ("repetitive", "wrong_step_right_answer", "unsafe_content")
            assert (kind in right) == ("x^2 + 1" in played.text)


def test_an_unknown_question_gets_an_honest_reply(make_ask, settings):
    played = play(make_ask(SOLVE, question="What is the meaning of it all?"), settings)
    assert played.fault == "cannot_answer" and "boxed" not in played.text


def test_knowledge_with_and_without_steps(tmp_path, make_ask):
    path = tmp_path / "facts.jsonl"
    rows = [
        {"question": "Cats  and legs?", "answer": "Three cats have 3*4 = <<3*4=12>>12 legs.\n#### 12"},
        {"question": "Half?", "answer": 0.5, "skill": "ignored"},
    ]
    path.write_text("\n".join(map(json.dumps, rows)) + "\n\n")
    facts = load_knowledge(path)
    assert facts == {"Cats and legs?": Fact("12", ("Three cats have 3*4 = 12 legs.",)), "Half?": Fact("0.5")}
    text = play(make_ask(SOLVE, question="Cats and legs?"), Settings(facts=facts)).text
    assert "1. Three cats have 3*4 = 12 legs." in text


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"question": 3, "answer": "4"}', b'{"question": "x"}', b"\xff"])
def test_unusable_knowledge_is_refused_with_its_line(tmp_path, content):
    path = tmp_path / "facts.jsonl"
    path.write_bytes(b'{"question": "a", "answer": "1"}\n' + content)
    with pytest.raises(KnowledgeError, match=r"facts\.jsonl"):
        load_knowledge(path)
    with pytest.raises(KnowledgeError):
        load_knowledge(tmp_path / "absent.jsonl")


def test_numbers_are_read_exactly():
    known = {"1,200": 1200, "-3": -3, "0.25": Fraction(1, 4), "-1/2": Fraction(-1, 2), r"-\frac{1}{3}": Fraction(-1, 3)}
    assert {text: read_number(text) for text in known} == known
    for text in ["x", "1/0", r"\frac{1}{0}", "12,34", "1" * 50, "", "(1, 2)", "5%"]:
        assert read_number(text) is None
