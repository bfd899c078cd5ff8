"""Quality by a judge, criterion by criterion: what passes, what fails, and what nobody has said."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import verifiers
from records.schema import record_row, row_record
from records.types import Candidate, Message, Outcome, Record, Seed, Verdict
from served_model.scripted import ScriptedModel
from served_model.types import ChatRequest, ModelUnavailable
from verifiers.base import Resources
from verifiers.quality import CODE, GENERAL, Findings, Quality, QualityRule, _result, exchange

NOTHING: Any = None
TEXT = "Bread needs flour, water, salt and time."
PROGRAM = "Here it is:\n\n```python\nprint(1)\n```"


def reply(*verdicts: str, rubric: Any = GENERAL) -> str:
    names = [one.name for one in rubric.criteria]
    return json.dumps(
        {name: {"rationale": "seen", "verdict": said} for name, said in zip(names, verdicts, strict=True)}
    )


def candidate(text: str = TEXT, check: Quality | None = None) -> Candidate:
    messages = (Message("system", "Help."), Message("user", "How is it made?"), Message("assistant", text))
    return Candidate("c", "c", Seed("s", "t", "test", "MIT"), "r", messages, {}, (check,) if check else (), ())


async def judge(check: Quality, *replies: Any, text: str = TEXT) -> tuple[Verdict, ScriptedModel]:
    queue = list(replies)
    model = ScriptedModel(lambda request: queue.pop(0) if len(queue) > 1 else queue[0])
    return await verifiers.verify(check, candidate(text), Resources(NOTHING, NOTHING, model)), model


ACCEPTS = [
    (Quality(), ("yes", "yes", "yes"), GENERAL, TEXT),
    (Quality(least=2), ("yes", "no", "yes"), GENERAL, TEXT),
    (Quality(), ("yes", "yes"), CODE, PROGRAM),
    (Quality(least=3), ("yes", "yes"), CODE, PROGRAM),  # never more than there are
    (Quality(rubric="general"), ("yes", "yes", "yes"), GENERAL, PROGRAM),
]
REJECTS = [
    (Quality(), ("yes", "yes", "no"), GENERAL, TEXT),
    (Quality(least=2), ("no", "no", "yes"), GENERAL, TEXT),
    (Quality(), ("no", "yes"), CODE, PROGRAM),
    (Quality(rubric="code"), ("yes", "no"), CODE, TEXT),
]


@pytest.mark.parametrize(("check", "said", "rubric", "text"), ACCEPTS, ids=str)
async def test_good(check: Quality, said: tuple[str, ...], rubric: Any, text: str) -> None:
    verdict, model = await judge(check, reply(*said, rubric=rubric), text=text)
    assert (verdict.outcome, verdict.reason) == (Outcome.PASS, "good")
    assert verdict.evidence["score"] == said.count("yes")
    assert model.requests[0].prompt == rubric.prompt and model.requests[0].role == "judge"
    assert verdict.evidence["rests_on"] == [model.key(model.requests[0])]
    assert verdict.evidence["ballots"][0]["rationales"]


@pytest.mark.parametrize(("check", "said", "rubric", "text"), REJECTS, ids=str)
async def test_not_good(check: Quality, said: tuple[str, ...], rubric: Any, text: str) -> None:
    verdict, _ = await judge(check, reply(*said, rubric=rubric), text=text)
    assert (verdict.outcome, verdict.reason) == (Outcome.FAIL, "low_quality")


@pytest.mark.parametrize("said", ["", "Good!", '{"accuracy": "yes"}', reply("yes", "yes", "maybe")], ids=str)
async def test_what_cannot_be_read_is_unjudged(said: str) -> None:
    verdict, _ = await judge(Quality(), said)
    assert (verdict.outcome, verdict.reason) == (Outcome.UNJUDGED, "judge_unreadable")
    assert verdict.evidence["score"] is None


async def test_votes_that_differ_and_nobody_to_ask() -> None:
    verdict, _ = await judge(Quality(votes=2), reply("yes", "yes", "yes"), reply("yes", "yes", "no"))
    assert (verdict.outcome, verdict.reason) == (Outcome.UNJUDGED, "judges_disagree")
    assert (await verifiers.verify(Quality(), candidate(), Resources(NOTHING, NOTHING))).reason == "no_judge"
    assert (await judge(Quality(), reply("yes", "yes", "yes"), text=" "))[0].reason == "no_reply"
    with pytest.raises(ModelUnavailable):
        await judge(Quality(), ModelUnavailable("nobody answers"))


@given(st.lists(st.sampled_from(list(Outcome)), min_size=3, max_size=3), st.sampled_from([None, 1, 2, 3]))
def test_a_verdict_stands_whatever_the_unread_criteria_would_say(outcomes: list[Outcome], least: int | None) -> None:
    def result(some: list[Outcome]) -> Outcome:
        names = [one.name for one in GENERAL.criteria]
        return _result(Findings(GENERAL, dict(zip(names, some, strict=True)), ()), least)[0]

    best = [Outcome.PASS if one is Outcome.UNJUDGED else one for one in outcomes]
    worst = [Outcome.FAIL if one is Outcome.UNJUDGED else one for one in outcomes]
    expected = result(best) if result(best) is result(worst) else Outcome.UNJUDGED
    assert result(outcomes) is expected


async def test_stored_and_proved_again() -> None:
    check = QualityRule(least=2, votes=3).check()
    verdict, model = await judge(check, *(reply("yes", said, "yes") for said in ("no", "yes", "yes")))
    assert verdict.evidence["set_aside"] and len(verdict.evidence["rests_on"]) == 2
    record = Record(candidate(check=check), (verdict,))
    assert row_record(record_row(record, True, "x"), verifiers.decode_check).candidate.checks == (check,)
    said = dict(zip((model.key(one) for one in model.requests), ("no", "yes", "yes"), strict=True))

    def again(request: ChatRequest) -> str:
        return reply("yes", said[model.key(request)], "yes")

    resources = Resources(NOTHING, NOTHING, ScriptedModel(again))
    assert await verifiers.verify(check, candidate(), resources) == verdict


def test_what_is_asked_and_what_is_replied() -> None:
    assert exchange(candidate().messages) == ("How is it made?", TEXT)
    assert exchange((Message("assistant", "a"),)) == ("", "a")
    assert exchange((Message("user", "u"),)) == ("u", "")
