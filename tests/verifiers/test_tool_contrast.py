"""Contrastive self-verification: the made call against its rivals, in both orders."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, cast

import pytest

import verifiers
from records.types import Outcome
from served_model.scripted import ScriptedModel
from served_model.types import ChatRequest
from tests.verifiers.tool_dialogues import GCD, GOOD, MATH, candidate, dialogue
from verifiers.base import Resources
from verifiers.tool_contrast import ToolContrast

ROUND = dialogue("Round 2.75 to 1 digit.", [[("round", {"number": 2.75, "ndigits": 1}, "2.8")]], "2.8")


def prefers(right: str) -> Callable[[ChatRequest], str]:
    """A judge that chooses the call that begins with a text, wherever it stands."""

    def reply(request: ChatRequest) -> str:
        first = request.messages[-1].content.partition("<first_call>")[2].strip()
        return choice("first" if first.startswith(right) else "second")

    return reply


def choice(verdict: str) -> str:
    return json.dumps({"choice": {"rationale": "By the request.", "verdict": verdict}})


async def found(reply: Callable[[ChatRequest], str], made: Any) -> tuple[Any, ScriptedModel]:
    model = ScriptedModel(reply)
    resources = Resources(cast(Any, None), cast(Any, None), model)
    return await verifiers.verify(ToolContrast(), made, resources), model


async def test_the_made_call_is_preferred_in_both_orders() -> None:
    verdict, model = await found(prefers("math_gcd"), candidate(GOOD))
    assert (verdict.outcome, verdict.reason) == (Outcome.PASS, "preferred")
    assert [one["rival"] for one in verdict.evidence["rivals"]] == ["tool"]
    assert len(model.requests) == 2
    assert len(verdict.evidence["rests_on"]) == 2


async def test_an_argument_has_a_rival_where_the_request_names_another_number() -> None:
    verdict, _ = await found(prefers('round {"ndigits":1,"number":2.75}'), candidate(ROUND))
    assert verdict.reason == "preferred"
    assert [one["rival"] for one in verdict.evidence["rivals"]] == ["tool", "number"]
    swapped = prefers('round {"ndigits":1,"number":1}')

    def reply(request: ChatRequest) -> str:
        return swapped(request) if '"number":1}' in request.messages[-1].content else prefers("round")(request)

    verdict, _ = await found(reply, candidate(ROUND))
    assert (verdict.outcome, verdict.reason) == (Outcome.FAIL, "rival_preferred")


async def test_a_rival_tool_that_fits_better() -> None:
    verdict, _ = await found(prefers("str_"), candidate(GOOD))
    expected = {"rival_preferred", "order_decides"}  # by which tool is nearest
    assert verdict.reason in expected
    assert verdict.outcome is not Outcome.PASS


@pytest.mark.parametrize(("reply", "reason"), [(choice("first"), "order_decides"), ("{", "judge_unreadable")])
async def test_a_judge_that_goes_by_place_or_says_nothing_decides_nothing(reply: str, reason: str) -> None:
    verdict, _ = await found(lambda request: reply, candidate(GOOD))
    assert (verdict.outcome, verdict.reason) == (Outcome.UNJUDGED, reason)


async def test_without_a_judge_or_a_rival() -> None:
    resources = Resources(cast(Any, None), cast(Any, None), None)
    assert (await verifiers.verify(ToolContrast(), candidate(GOOD), resources)).reason == "no_judge"
    alone = candidate(dialogue("gcd of 84 and 126", [[GCD]], "42"), box=MATH.only(["math_gcd"]))
    verdict, model = await found(prefers("x"), alone)
    assert (verdict.reason, model.requests) == ("no_rival", [])
