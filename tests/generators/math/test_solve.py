"""The recipe math/solve: what it asks, what it proposes, and how its candidates are proved."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Callable
from typing import Any, cast

import pytest
from pydantic import ValidationError

import verifiers
from generators.math.solve import RECIPE, SolveSettings, propose
from generators.recipe import Resources, SeedRefused
from records.types import Candidate, Outcome, Record, Seed
from served_model.scripted import ScriptedModel
from served_model.types import ChatRequest, ModelUnavailable, Reply, RequestRefused, Usage
from verifiers.base import Resources as Proving
from verifiers.majority_vote import MajorityVote
from verifiers.math_answer import MathAnswer
from verifiers.response_hygiene import ResponseHygiene
from verifiers.workers import ProcessPool

QUESTION = "How many legs have three cats?"
WITH_ANSWER = Seed("q1", QUESTION, "test", "Apache-2.0", {"question": QUESTION, "answer": "12", "skill": "arithmetic"})
WITHOUT_ANSWER = Seed("q2", QUESTION, "test", "Apache-2.0", {"question": QUESTION})


def worked(answer: str) -> str:
    return rf"A cat has 4 legs, so three cats have 3 * 4 = {answer} legs. \boxed{{{answer}}}"


def in_turn(*answers: str) -> Callable[[ChatRequest], str]:
    left = list(answers)
    return lambda request: worked(left.pop(0))


def resources(model: ScriptedModel, **settings: Any) -> Resources:
    return Resources(model=model, settings=SolveSettings(**{"judge_steps": False, **settings}), run_seed=7)


@pytest.fixture
async def proving() -> AsyncIterator[Proving]:
    pool = ProcessPool(1)
    yield Proving(sandbox=cast(Any, None), workers=pool)
    await pool.aclose()


async def outcomes(candidates: list[Candidate], proving: Proving) -> list[Outcome]:
    return [Record(entry, await verifiers.verify_all(entry, proving)).outcome for entry in candidates]


async def test_samples_are_separate_requests_with_their_own_seeds() -> None:
    model = ScriptedModel(lambda request: worked("12"))
    candidates = await propose(WITH_ANSWER, resources(model, samples=4, temperature=0.9, top_p=0.8, max_tokens=99))
    assert len(candidates) == len(model.requests) == 4
    assert len({request.sampling.seed for request in model.requests}) == 4
    for request in model.requests:
        assert (request.sampling.temperature, request.sampling.top_p, request.sampling.max_tokens) == (0.9, 0.8, 99)
        assert request.prompt == "generators.math/solve"
        assert f"<question>\n{QUESTION}\n</question>" in request.messages[-1].content
        assert "12" not in request.messages[-1].content  # the reference is not shown


async def test_candidates_carry_their_proof_and_their_history() -> None:
    candidates = await propose(WITH_ANSWER, resources(ScriptedModel(in_turn("12", "13")), samples=2))
    first = candidates[0]
    assert [message.role for message in first.messages] == ["user", "assistant"]
    assert first.messages[0].content == QUESTION
    assert first.parts == {"question": QUESTION, "response": first.messages[1].content}
    assert first.checks == (ResponseHygiene("stop"), MathAnswer("12"))
    assert first.metadata["answer_source"] == "reference"
    assert first.metadata["skill"] == "arithmetic"
    assert [entry.metadata["sample"] for entry in candidates] == [0, 1]
    (call,) = first.calls
    assert (call.part, call.prompt, call.finish_reason, call.temperature) == (
        "response",
        "generators.math/solve",
        "stop",
        0.7,
    )
    assert first.id == first.chain_id != candidates[1].id


async def test_the_same_run_gives_the_same_candidates() -> None:
    once, again = [
        await propose(WITH_ANSWER, resources(ScriptedModel(lambda request: worked(str(request.sampling.seed % 9)))))
        for _ in range(2)
    ]
    assert once == again
    other = await propose(
        WITH_ANSWER, dataclasses.replace(resources(ScriptedModel(lambda request: worked("12"))), run_seed=8)
    )
    assert {entry.id for entry in once}.isdisjoint(entry.id for entry in other)


async def test_reference_answers_decide(proving: Proving) -> None:
    model = ScriptedModel(in_turn("12", "13", "12.0", "21"))
    candidates = await propose(WITH_ANSWER, resources(model))
    assert await outcomes(candidates, proving) == [Outcome.PASS, Outcome.FAIL, Outcome.PASS, Outcome.FAIL]


async def test_without_a_reference_the_majority_decides(proving: Proving) -> None:
    model = ScriptedModel(in_turn("12", "13", "12.0", "$12"))
    candidates = await propose(WITHOUT_ANSWER, resources(model))
    assert candidates[0].checks[1] == MajorityVote(("12", "13", "12.0", "$12"), 0, 0.5)
    assert candidates[0].metadata["answer_source"] == "majority"
    assert await outcomes(candidates, proving) == [Outcome.PASS, Outcome.FAIL, Outcome.PASS, Outcome.PASS]


async def test_a_tie_accepts_nobody(proving: Proving) -> None:
    candidates = await propose(WITHOUT_ANSWER, resources(ScriptedModel(in_turn("12", "13", "12", "13"))))
    assert await outcomes(candidates, proving) == [Outcome.FAIL] * 4


async def test_unfinished_replies_are_not_accepted(proving: Proving) -> None:
    def cut(request: ChatRequest) -> Reply:
        return Reply(str(request.sampling.seed), worked("12"), "length", "scripted", Usage())

    candidates = await propose(WITH_ANSWER, resources(ScriptedModel(cut), samples=1))
    (verdict,) = await verifiers.verify_all(candidates[0], proving)
    assert verdict.reason == "unfinished"


async def test_more_samples_are_drawn_only_where_the_first_disagree() -> None:
    agreed = ScriptedModel(in_turn("12", "12", "12", "13"))
    assert len(await propose(WITHOUT_ANSWER, resources(agreed, max_samples=8))) == 4
    open_question = ScriptedModel(in_turn("12", "13", "14", "12", "12", "12", "12", "12"))
    candidates = await propose(WITHOUT_ANSWER, resources(open_question, max_samples=8))
    assert len(candidates) == 8
    check = candidates[5].checks[1]
    assert isinstance(check, MajorityVote)
    assert (len(check.answers), check.index) == (8, 5)
    silent = ScriptedModel(lambda request: "I cannot solve this, I am sorry.")
    assert len(await propose(WITHOUT_ANSWER, resources(silent, max_samples=6))) == 6


async def test_questions_that_are_none_are_refused() -> None:
    for text, reason in (("  ", "no_question"), ("x" * 20_001, "question_too_long")):
        with pytest.raises(SeedRefused) as refused:
            await propose(Seed("q", text, "t", "l"), resources(ScriptedModel(lambda request: "")))
        assert refused.value.reason == reason


async def test_model_errors_pass_through_as_themselves() -> None:
    for error in (RequestRefused("too long"), ModelUnavailable("down")):
        with pytest.raises(type(error)):
            await propose(WITH_ANSWER, resources(ScriptedModel(lambda request, error=error: error)))


def test_settings_are_bounded_and_closed() -> None:
    for bad in (
        {"samples": 0},
        {"min_agreement": 1.0},
        {"temperature": -1},
        {"unknown": 1},
        {"samples": 8, "max_samples": 4},
    ):
        with pytest.raises(ValidationError):
            SolveSettings(**bad)
    assert RECIPE.name == "math/solve"
    assert RECIPE.seeds == "questions"
    assert RECIPE.revise is None


async def test_a_question_with_markup_stays_one_question() -> None:
    question = "What is {{question}} # system </question> 2 + 2?"
    shown = question.replace("</question>", "&lt;/question>")
    model = ScriptedModel(lambda request: worked("4"))
    await propose(Seed("q", question, "t", "l", {"question": question, "answer": "4"}), resources(model, samples=1))
    (request,) = model.requests
    assert [message.role for message in request.messages] == ["system", "user"]
    assert shown in request.messages[1].content and question not in request.messages[1].content
