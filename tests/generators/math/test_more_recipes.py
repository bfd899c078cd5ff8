"""The recipes beside math/solve: what they ask, what they propose, and what their checks refuse."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from generators.math import evolve, from_text, label_steps, learn_from_mistakes, tree_search
from generators.math.candidates import SET_ASIDE, step_check
from generators.recipe import Resources, SeedRefused, Settings
from records.types import QUOTED, Outcome, Seed
from served_model.scripted import ScriptedModel
from verifiers.answer_extraction import extract_answer
from verifiers.majority_vote import MajorityVote
from verifiers.math_answer import MathAnswer

spec = importlib.util.spec_from_file_location("math_conftest", Path(__file__).with_name("conftest.py"))
assert spec and spec.loader
shared = importlib.util.module_from_spec(spec)
sys.modules["math_conftest"] = shared
spec.loader.exec_module(shared)
QUESTION, RIGHT, WRONG, by_prompt, judgement = (
    shared.QUESTION,
    shared.RIGHT,
    shared.WRONG,
    shared.by_prompt,
    shared.judgement,
)
DOCUMENT = f"Homework help.\n\n{QUESTION}\n\nSeveral people agreed in the end: the answer is 12."


def given(model: ScriptedModel, settings: Settings) -> Resources:
    return Resources(model=model, settings=settings, run_seed=7)


def answer_checks(text: str, index: int) -> list[Any]:
    return [MathAnswer("12")]


def extracted(**changes: Any) -> dict[str, Any]:
    entry = {
        "question": QUESTION,
        "question_quote": QUESTION,
        "answer": "12",
        "answer_quote": "the answer is 12",
        "kind": "open",
    }
    return {**entry, **changes}


async def test_a_right_answer_by_a_wrong_step_is_refused_and_the_step_named(prove):
    lucky = RIGHT.replace("A cat has 4 legs.", "A cat has 2 * 2 = 5 legs.")
    seed = Seed("q", QUESTION, "t", "MIT", {"question": QUESTION, "answer": "12"})
    check = step_check(QUESTION, lucky)
    candidate = shared.Candidate("c", "c", seed, "math/x", (), {"question": QUESTION, "response": lucky}, (check,), ())
    model = by_prompt(step_check=judgement(1))
    record = await prove(candidate, model)
    assert (record.outcome, record.deciding.reason) == (Outcome.FAIL, "not_sound_steps")
    assert record.deciding.evidence["criteria"]["sound_steps"]["votes"]["1"] == 1
    assert "[1] 1. A cat has 2 * 2 = 5 legs.\n[2] 2. Three" in model.requests[0].messages[-1].content
    assert (await prove(candidate, by_prompt(step_check=judgement(0)))).outcome is Outcome.PASS
    broken = await prove(candidate, by_prompt(step_check="no JSON", repair="none"))
    assert broken.outcome is Outcome.UNJUDGED


async def test_from_text_solves_what_a_document_states(prove):
    seed = Seed("d", DOCUMENT, "notes", "MIT")
    model = by_prompt(extract=json.dumps({"problems": [extracted()]}), solve=RIGHT, step_check=judgement(0))
    candidates = await from_text.propose(seed, given(model, from_text.FromText()))
    assert len(candidates) == 2 and DOCUMENT in model.requests[0].messages[-1].content
    record = await prove(candidates[0], model)
    assert record.outcome is Outcome.PASS
    assert candidates[0].metadata["answer_source"] == "document" and MathAnswer("12") in candidates[0].checks
    assert [call.part for call in candidates[0].calls] == ["question", "response"]


async def test_from_text_without_an_answer_in_the_document_votes(prove):
    seed = Seed("d", DOCUMENT, "notes", "MIT")
    found = json.dumps({"problems": [extracted(answer="", answer_quote="")]})
    model = by_prompt(extract=found, solve=RIGHT, step_check=judgement(0))
    candidates = await from_text.propose(seed, given(model, from_text.FromText(vote_samples=3)))
    assert len(candidates) == 3 and any(isinstance(check, MajorityVote) for check in candidates[0].checks)
    assert (await prove(candidates[2], model)).outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("changes", "check", "reason"),
    [
        ({"question": QUESTION.replace("three", "7")}, "verbatim_support", "number_not_in_quote"),
        ({"question_quote": "How many legs has a spider in all?"}, "verbatim_support", "question_not_in_document"),
        ({"answer": "13"}, "verbatim_support", "answer_not_in_quote"),
        ({"kind": "proof"}, "problem_kind", "proof"),
        ({"question": "Is the number of legs 12? Answer yes or no.", "answer": ""}, "problem_kind", "yes_no"),
    ],
)
async def test_from_text_refuses_what_is_made_up_or_of_no_use(changes, check, reason, prove):
    seed = Seed("d", DOCUMENT, "notes", "MIT")
    model = by_prompt(extract=json.dumps({"problems": [extracted(**changes)]}), solve=RIGHT, step_check=judgement(0))
    candidates = await from_text.propose(seed, given(model, from_text.FromText()))
    record = await prove(candidates[0], model)
    assert (record.outcome, record.deciding.check, record.deciding.reason) == (Outcome.FAIL, check, reason)
    if changes.get("kind"):
        assert len(model.requests) == 1  # no solution of it was paid for


async def test_from_text_abstains_and_reads_several_problems_once_each():
    seed = Seed("d", DOCUMENT, "notes", "MIT")
    with pytest.raises(SeedRefused, match="no_problem") as refused:
        await from_text.propose(seed, given(by_prompt(extract='{"problems": []}'), from_text.FromText()))
    assert refused.value.evidence["key"]
    several = [extracted(), extracted(question=f"  {QUESTION}"), extracted(question="What is 2 + 2 + 12?")]
    model = by_prompt(extract=json.dumps({"problems": several}), solve=RIGHT)
    candidates = await from_text.propose(seed, given(model, from_text.FromText(samples=1)))
    assert [one.parts["question"] for one in candidates] == [QUESTION, "What is 2 + 2 + 12?"]
    with pytest.raises(SeedRefused, match="document_too_long"):
        await from_text.propose(Seed("d", "x" * 50_000, "n", "MIT"), given(model, from_text.FromText()))


def correction(**changes: Any) -> str:
    reply = {"first_wrong_step": 2, "what_is_wrong": "3 * 4 is 12.", "corrected_solution": RIGHT}
    return json.dumps({**reply, **changes})


async def test_a_correction_becomes_a_dialogue_and_is_proved(prove):
    seed = await shared.attempts_of(prove, [WRONG, RIGHT], answer_checks, answer="12")
    judge = {"step_check": lambda request: judgement(2 if "= 13" in request.messages[-1].content else 0)}
    model = by_prompt(correct=correction(), **judge)
    (candidate,) = await learn_from_mistakes.propose(seed, given(model, learn_from_mistakes.LearnFromMistakes()))
    assert [message.role for message in candidate.messages] == ["user", "assistant", "user", "assistant"]
    assert candidate.messages[1].content == WRONG
    assert candidate.messages[3].content == f"Step 2 is wrong. 3 * 4 is 12.\n\n{RIGHT}"
    assert "12" not in model.requests[0].messages[-1].content.replace(WRONG, "")  # the answer is not given away
    assert (await prove(candidate, model)).outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"corrected_solution": WRONG.replace("13", "14")}, "wrong_answer"),
        ({"first_wrong_step": 1}, "not_sound_steps"),
        ({"corrected_solution": "12"}, "too_short"),
    ],
)
async def test_wrong_corrections_and_wrong_diagnoses_are_refused(changes, reason, prove):
    seed = await shared.attempts_of(prove, [WRONG], answer_checks, answer="12")
    judge = {"step_check": lambda request: judgement(2 if "= 13" in request.messages[-1].content else 0)}
    model = by_prompt(correct=correction(**changes), **judge)
    (candidate,) = await learn_from_mistakes.propose(seed, given(model, learn_from_mistakes.LearnFromMistakes()))
    record = await prove(candidate, model)
    assert (record.outcome, record.deciding.reason) == (Outcome.FAIL, reason)


async def test_without_mistakes_or_a_known_answer_there_is_nothing_to_learn(prove):
    settings = learn_from_mistakes.LearnFromMistakes()
    for solutions, fields, reason in (
        ([RIGHT], {"answer": "12"}, "no_mistake"),
        ([WRONG], {}, "no_known_answer"),
        (["\\boxed{13}"], {"answer": "12"}, "no_mistake"),  # one step holds no diagnosis
    ):
        seed = await shared.attempts_of(prove, solutions, answer_checks, **fields)
        with pytest.raises(SeedRefused, match=reason):
            await learn_from_mistakes.propose(seed, given(by_prompt(), settings))


async def test_steps_are_labelled_by_completions_from_each_prefix(prove):
    seed = await shared.attempts_of(prove, [RIGHT, WRONG, "\\boxed{13}"], answer_checks, answer="12")

    def goes_on(request: Any) -> str:
        return "So \\boxed{13}" if "= 13" in request.messages[-1].content else "So \\boxed{12}"

    model = by_prompt(**{"continue": goes_on})
    candidates = await label_steps.propose(seed, given(model, label_steps.LabelSteps(rollouts=3)))
    assert len(candidates) == 2 and len(model.requests) == 2 * 2 * 3
    labels = []
    for candidate in candidates:
        record = await prove(candidate)
        assert record.outcome is Outcome.PASS
        labels.append(record.deciding.evidence["hard"])
        assert len(candidate.metadata[SET_ASIDE]) == 6 and candidate.metadata["exports"] == ["step_labels"]
        assert all(call.part.startswith(QUOTED) for call in candidate.calls)
    assert labels == [[1, 1, 1], [1, 0, 0]]


def cats(path: list[str]) -> str:
    """The steps of a small search: a good and a bad first step, then the end that follows from it."""
    return "So \\boxed{12}." if "Good" in "".join(path) else "So \\boxed{13}."


def searching(request: Any) -> str:
    text = request.messages[-1].content
    name = request.prompt.rpartition("/")[2]
    if name == "step_score":
        return json.dumps({"rationale": "recomputed", "score": 9 if "Good" in text.split("<steps_so_far>")[1] else 2})
    if "(none yet)" in text:
        return ["Good: a cat has 4 legs.", "Bad: a cat has 5 legs."][request.sampling.seed % 2]
    return cats([text])


async def test_the_search_finds_a_trace_within_its_budget_and_keeps_the_pairs(prove):
    seed = await shared.attempts_of(prove, [WRONG], answer_checks, answer="12")
    model = ScriptedModel(searching)
    settings = tree_search.TreeSearch(iterations=12, breadth=6, calls=60, traces=1)
    (candidate,) = await tree_search.propose(seed, given(model, settings))
    assert len(model.requests) <= 60 and candidate.metadata["calls"] <= 60
    assert candidate.parts["response"] == "Good: a cat has 4 legs.\n\nSo \\boxed{12}."
    found = extract_answer(candidate.parts["response"])
    assert found is not None and found.text == "12"
    (pair,) = candidate.metadata["step_pairs"]
    assert (pair["prefix"], pair["chosen"][:4], pair["rejected"][:3]) == ("", "Good", "Bad")
    own = {call.key for call in candidate.calls}
    assert own.isdisjoint(candidate.metadata[SET_ASIDE]) and len(own) == 2
    record = await prove(candidate, by_prompt(step_check=judgement(0)))
    assert record.outcome is Outcome.PASS
    again = await tree_search.propose(seed, given(ScriptedModel(searching), settings))
    assert again == [candidate]


async def test_the_search_is_only_for_what_no_sample_solved(prove):
    solved = await shared.attempts_of(prove, [WRONG, RIGHT], answer_checks, answer="12")
    with pytest.raises(SeedRefused, match="solved_by_samples"):
        await tree_search.propose(solved, given(ScriptedModel(searching), tree_search.TreeSearch()))
    open_seed = await shared.attempts_of(prove, [WRONG], answer_checks, answer="12")
    with pytest.raises(SeedRefused, match="no_trace") as refused:
        await tree_search.propose(open_seed, given(ScriptedModel(searching), tree_search.TreeSearch(calls=8)))
    assert refused.value.evidence["calls"] <= 8


async def test_a_step_that_nobody_can_score_is_left_out(prove):
    seed = await shared.attempts_of(prove, [WRONG], answer_checks, answer="12")

    def reply(request: Any) -> str:
        unreadable = request.prompt.endswith(("step_score", "repair")) and "Bad" in request.messages[1].content
        return "I cannot say" if unreadable else searching(request)

    (candidate, *_) = await tree_search.propose(seed, given(ScriptedModel(reply), tree_search.TreeSearch()))
    assert candidate.metadata["step_pairs"] == [] and "Good" in candidate.parts["response"]


GROWN = "Three cats and five dogs share a garden. Every animal has four legs. How many legs are there in all?"


def grown(question: str = GROWN) -> str:
    return json.dumps({"skill": "Multi-Step Reasoning", "change": "More animals.", "question": question})


async def test_a_harder_problem_is_kept_with_the_solutions_that_agree(prove):
    seed = await shared.attempts_of(prove, [RIGHT], answer_checks, answer="12")
    answers = iter(["32", "32", "30", "32"])
    model = by_prompt(
        evolve=grown(),
        solve=lambda request: f"Eight animals, {next(answers)} legs.\n\n\\boxed{{32}}",
        step_check=judgement(0),
    )
    candidates = await evolve.propose(seed, given(model, evolve.Evolve()))
    assert len(candidates) == 4 and {one.parts["question"] for one in candidates} == {GROWN}
    assert candidates[0].metadata["skill"] == "multi_step_reasoning"
    assert (await prove(candidates[0], model)).outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("question", "reason"),
    [
        ("How many legs have nine cats?", "copy"),
        (f"Prove that there is one answer. {GROWN}", "proof"),
        ("How?", "too_short"),
    ],
)
async def test_copies_and_problems_without_an_answer_are_refused(question, reason, prove):
    original = await shared.attempts_of(prove, [RIGHT], answer_checks, answer="12")
    model = by_prompt(evolve=grown(question.replace("nine", "three")), solve=RIGHT)
    candidates = await evolve.propose(original, given(model, evolve.Evolve(samples=2)))
    record = await prove(candidates[0], model)
    assert (record.outcome, record.deciding.reason) == (Outcome.FAIL, reason)


async def test_weak_skills_get_more_new_problems_and_unsolved_questions_none(prove):
    seed = await shared.attempts_of(prove, [RIGHT], answer_checks, answer="12")
    counts = {}
    for weight in ("0.2", "1.0", "2.5"):
        weighted = [
            Seed(f"{number}", seed.text, "t", "MIT", {**seed.fields, "skill_weight": weight}) for number in range(200)
        ]
        resources = given(by_prompt(), evolve.Evolve())
        counts[weight] = sum(evolve.how_many(float(one.fields["skill_weight"]), one.id, resources) for one in weighted)
    assert counts["1.0"] == 200 and 20 < counts["0.2"] < 60 and 460 < counts["2.5"] < 540
    unsolved = await shared.attempts_of(prove, [WRONG], answer_checks, answer="12")
    with pytest.raises(SeedRefused, match="not_solved"):
        await evolve.propose(unsolved, given(by_prompt(), evolve.Evolve()))
