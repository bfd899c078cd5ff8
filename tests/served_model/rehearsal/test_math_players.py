"""The players of mathematics beside the solver: what they plant is there, and nowhere else."""

from __future__ import annotations

import json
from random import Random

import pytest

from corpus import questions, texts
from records.types import Seed
from served_model.rehearsal.draft import CannotAnswer
from served_model.rehearsal.knowledge import Fact, question_key
from served_model.rehearsal.math_facts import find_fact, first_wrong, grow, has_false_equality
from served_model.rehearsal.math_roles import ROLES
from served_model.rehearsal.role import Asked, Settings

FACTS = {question_key(question): Fact(answer) for question, answer in questions.answer_key()}
QUESTION = "How many legs have three cats?"
KNOWN = Settings(facts={**FACTS, QUESTION: Fact("12")})
DOCUMENTS = [item.text for item in texts.READER.read("default", 0, "MIT") if isinstance(item, Seed)]
BY_NAME = {role.prompt.rpartition("/")[2]: role for role in ROLES}
RIGHT = "[1] A cat has 4 legs.\n[2] That is 3 * 4 = 12.\n[3] So \\boxed{12}"
WRONG = RIGHT.replace("= 12", "= 13")
TAGS = {
    "question": QUESTION,
    "steps": RIGHT,
    "steps_so_far": RIGHT,
    "solution_so_far": "That is 3 * 4 = 12.",
    "wrong_solution": WRONG,
    "trace_so_far": "(nothing yet)",
    "document": DOCUMENTS[0],
    "original": QUESTION,
    "skills": "arithmetic: arithmetic, money",
}


def play(name: str, fault: str | None = None, seed: int = 0, accuracy: float = 1.0, **tags: str):
    settings = Settings(facts=KNOWN.facts, judge_accuracy=accuracy)
    return BY_NAME[name].play(Asked({**TAGS, **tags}, (), settings), Random(seed), fault)


@pytest.mark.parametrize("name", BY_NAME)
def test_every_fault_is_played_and_the_same_again(name):
    for fault in (None, *BY_NAME[name].faults):
        for seed in range(20):
            draft = play(name, fault, seed)
            assert draft.text and draft == play(name, fault, seed)
            assert draft.fault in ("as drawn", None, *BY_NAME[name].faults)


@pytest.mark.parametrize("name", sorted(BY_NAME.keys() - {"extract", "skill"}))
def test_nobody_guesses_at_an_unknown_question(name):
    with pytest.raises(CannotAnswer):
        play(name, None, question="What is the meaning of it all?", original="What is the meaning of it all?")


def test_a_right_judge_names_the_first_wrong_step_and_a_poor_one_errs_at_its_rate():
    said = [json.loads(play("step_check", None, seed).text)["sound_steps"]["verdict"] for seed in range(20)]
    assert set(said) == {0}
    assert json.loads(play("step_check", steps=WRONG).text)["sound_steps"]["verdict"] == 2
    assert json.loads(play("step_check", steps=RIGHT.replace("{12}", "{14}")).text)["sound_steps"]["verdict"] == 3
    poor = [play("step_check", None, seed, accuracy=0.8, steps=WRONG) for seed in range(1000)]
    missed = [draft for draft in poor if json.loads(draft.text)["sound_steps"]["verdict"] == 0]
    assert 150 < len(missed) < 250 and all(draft.fault == "wrong_verdict" for draft in missed)
    assert sum(draft.fault == "wrong_verdict" for draft in poor) == len(missed)


def test_extraction_takes_what_stands_there_and_plants_what_does_not():
    kinds, empty = set(), 0
    for number, document in enumerate(DOCUMENTS):
        draft = play("extract", None, number, document=document)
        problems = json.loads(draft.text)["problems"]
        empty += not problems
        assert draft.detail["abstains"] is (not problems)
        for problem in problems:
            kinds.add(problem["kind"])
            assert problem["question_quote"] in document and problem["answer_quote"] in document
            assert (problem["kind"] == "open") != (problem["question"] in draft.detail["unfit"]) or (
                problem["kind"] == "multiple_choice"
            )
        for fault in ("unsupported_extraction", "misquoted_problem", "unsupported_answer"):
            spoilt = play("extract", fault, number, document=document)
            assert (
                spoilt.detail["harm"] and spoilt.detail["harm"] in spoilt.text.replace("\\u00b2", "²")
            ) or "\\u" in spoilt.text
    assert kinds == {"open", "multiple_choice", "yes_no", "proof", "invalid"} and empty > 15


def test_invented_outputs_carry_their_harm():
    for seed in range(30):
        draft = play("cell", "invented_output", seed)
        assert draft.detail["harm"] in draft.text and draft.detail["harm"].startswith("```output\n")
        assert "```output" not in play("cell", None, seed).text


def test_grown_questions_tell_their_answer():
    rng = Random(1)
    for question, fact in FACTS.items():
        grown = grow(question, fact, rng)
        answer = find_fact(grown, FACTS)
        assert answer.number is not None and grown != question
        again = find_fact(grow(grown, answer, rng), FACTS)
        assert again.number is not None and first_wrong(again.steps, again) == 0


def test_a_wrong_beginning_leads_to_a_wrong_end():
    assert "{12}" in play("continue").text
    assert "{12}" not in play("continue", solution_so_far="That is 3 * 4 = 13.").text
    assert "{12}" in play("next_step", steps_so_far=RIGHT.rsplit("\n", 1)[0] + "\n[3] Next.\n[4] On.").text
    wrong = play("next_step", "wrong_step", steps_so_far="(none yet)").text
    assert has_false_equality(wrong)
    assert "{12}" not in play("next_step", steps_so_far=f"[1] {wrong}").text
    assert json.loads(play("step_score", steps_so_far=f"[1] {wrong}").text)["score"] <= 2
