"""The gates of tool dialogues: what each must accept, what it must refuse and why, and what it cannot judge."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import asdict, replace
from typing import Any

import pytest
import pytest_asyncio

import verifiers
from records.types import Candidate, Check, Message, MessageCall, Outcome, Verdict
from sandbox.types import Execution, Request, SandboxError
from tests.verifiers.tool_dialogues import GCD, GOOD, MATH, SHOP, candidate, dialogue, open_resources
from verifiers.base import Resources
from verifiers.tool_answer import ToolAnswer, ToolNeeded, tells
from verifiers.tool_execution import ToolExecution
from verifiers.tool_format import ToolFormat, Turn
from verifiers.tool_provenance import ToolProvenance
from verifiers.tool_state import ToolState
from verifiers.toolbox.box import Toolbox

pytestmark = pytest.mark.asyncio(loop_scope="module")
TAGGED = '<tool_call>{"name": "math_gcd", "arguments": {"integers": [84, 126]}}</tool_call>'


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def resources() -> AsyncIterator[Resources]:
    async for one in open_resources():
        yield one


async def verdict(check: Check, made: Candidate, resources: Resources) -> Verdict:
    return await verifiers.verify(check, made, resources)


FORMATS = {
    "tagged": (TAGGED, Outcome.PASS, "good_calls"),
    "python": ("[math_gcd(integers=[84, 126])]", Outcome.PASS, "good_calls"),
    "openai": ('{"tool_calls": [{"function": {"name": "math_gcd", "arguments": "{\\"integers\\": [84, 126]}"}}]}',
               Outcome.PASS, "good_calls"),
    "no call": ("The gcd is 42.", Outcome.FAIL, "missing_call"),
    "unclosed": (TAGGED.replace("</tool_call>", ""), Outcome.FAIL, "malformed_calls"),
    "unknown tool": (TAGGED.replace("math_gcd", "math_lcm"), Outcome.FAIL, "unknown_tool"),
    "wrong type": (TAGGED.replace("[84, 126]", '"84"'), Outcome.FAIL, "wrong_type"),
    "missing argument": (TAGGED.replace('"integers": [84, 126]', ""), Outcome.FAIL, "missing_argument"),
    "unknown argument": (TAGGED.replace("[84, 126]", '[84, 126], "fast": true'), Outcome.FAIL, "unknown_argument"),
    "the messages say something else": (TAGGED.replace("84", "85"), Outcome.FAIL, "other_calls"),
}  # fmt: skip


@pytest.mark.parametrize("case", FORMATS)
async def test_format(case: str, resources: Resources) -> None:
    text, outcome, reason = FORMATS[case]
    found = await verdict(ToolFormat((Turn(1, "turn_1"),)), candidate(GOOD, turn_1=text), resources)
    assert (found.check, found.outcome, found.reason) == ("tool_format", outcome, reason)
    assert outcome is Outcome.PASS or found.evidence["message"] == 1


async def test_a_turn_too_many_and_a_result_without_its_call(resources: Resources) -> None:
    twice = ToolFormat((Turn(1, "turn_1"), Turn(3, "turn_3")), max_turns=1)
    found = await verdict(twice, candidate(GOOD, turn_1=TAGGED, turn_3=TAGGED), resources)
    assert (found.reason, found.evidence["message"]) == ("too_many_turns", 3)
    lone = [GOOD[0], Message("tool", "42", (), "c9", "math_gcd")]
    found = await verdict(ToolFormat(()), candidate(lone), resources)
    assert (found.outcome, found.reason) == (Outcome.UNJUDGED, "broken_dialogue")


ERROR = '{"error":"ValueError: math domain error"}'
EXECUTIONS: dict[str, tuple[list[Any], str]] = {
    "reproduced": ([[GCD]], "reproduced"),
    "method of a text": ([[("str_upper", {"value": "abc"}, '"ABC"')]], "reproduced"),
    "default left out": ([[("round", {"number": 2.4}, "2")]], "reproduced"),
    "two turns": ([[GCD], [("math_sqrt", {"x": 42}, "6.48074069840786")]], "reproduced"),
    "made up result": ([[("math_gcd", {"integers": [84, 126]}, "41")]], "result_differs"),
    "raises": ([[("math_sqrt", {"x": -1}, ERROR)]], "call_raised"),
    "hidden error": ([[("math_sqrt", {"x": -1}, "1.0")]], "result_differs"),
    "unknown tool": ([[("math_lcm", {"a": 1}, "1")]], "not_executable"),
}


@pytest.mark.parametrize("case", EXECUTIONS)
async def test_execution(case: str, resources: Resources) -> None:
    steps, reason = EXECUTIONS[case]
    made = candidate(dialogue("x", steps, "y"))
    found = await verdict(ToolExecution(MATH.to_json()), made, resources)
    assert (found.reason, found.outcome is Outcome.PASS) == (reason, reason == "reproduced")


async def test_execution_may_allow_an_error_and_misses_results(resources: Resources) -> None:
    steps = [[("math_sqrt", {"x": -1}, ERROR)], [("math_sqrt", {"x": 4}, "2.0")]]
    found = await verdict(ToolExecution(MATH.to_json(), 1), candidate(dialogue("x", steps, "y")), resources)
    assert (found.reason, found.evidence["errors"]) == ("reproduced", 1)
    unanswered = [GOOD[0], GOOD[1], GOOD[3]]
    found = await verdict(ToolExecution(MATH.to_json()), candidate(unanswered), resources)
    assert found.reason == "result_missing"
    found = await verdict(ToolExecution(MATH.to_json()), candidate([GOOD[0], GOOD[3]]), resources)
    assert found.reason == "no_call"


class Broken:
    backend = "broken"

    async def run(self, request: Request) -> Execution:
        raise SandboxError("no slot")

    async def aclose(self) -> None: ...


@pytest.mark.parametrize("check", [ToolExecution(MATH.to_json()), ToolState(SHOP.to_json(), "[]")])
async def test_a_broken_sandbox_is_unjudged(check: Check, resources: Resources) -> None:
    found = await verdict(check, candidate(GOOD), replace(resources, sandbox=Broken()))
    assert (found.outcome, found.reason) == (Outcome.UNJUDGED, "sandbox_error")


ADD = ("add_item", {"name": "ink", "count": 3}, '{"count":3,"name":"ink"}')
PENS = ("add_item", {"name": "pen", "count": 1}, '{"count":1,"name":"pen"}')
ITEMS = ("get_items", {}, '[{"count":2,"name":"pen"}]')
GOLD = '[{"name": "add_item", "arguments": {"name": "ink", "count": 3}}]'
STATES: dict[str, tuple[list[Any], str, str]] = {
    "same calls": ([[ADD]], GOLD, "same_state"),
    "a look-up more": ([[ITEMS], [ADD]], GOLD, "same_state"),
    "another order": ([[PENS, ADD]], GOLD[:-1] + ', {"name": "add_item", "arguments": {"name": "pen", "count": 1}}]',
                      "same_state"),
    "nothing done": ([[ITEMS]], GOLD, "wrong_state"),
    "done twice": ([[ADD, ADD]], GOLD, "repeated_call"),
    "done twice with something between": ([[ADD, ITEMS, ADD]], GOLD, "wrong_state"),
    "another value": ([[("add_item", {"name": "ink", "count": 4}, "")]], GOLD, "wrong_state"),
    "gold raises": ([[ADD]], GOLD.replace("3", "0"), "gold_raised"),
    "gold changes nothing": ([[ITEMS]], '[{"name": "get_items", "arguments": {}}]', "gold_changes_nothing"),
}  # fmt: skip


@pytest.mark.parametrize("case", STATES)
async def test_state(case: str, resources: Resources) -> None:
    steps, gold, reason = STATES[case]
    made = candidate(dialogue("x", steps, "y"), box=SHOP)
    found = await verdict(ToolState(SHOP.to_json(), gold), made, resources)
    assert (found.reason, found.outcome is Outcome.PASS) == (reason, reason == "same_state")


async def test_a_failed_call_leaves_the_database_as_it_was(resources: Resources) -> None:
    failed = ("add_item", {"name": "ink", "count": 0}, '{"error":"ValueError: count must be at least 1"}')
    steps = [[failed], [ADD]]
    found = await verdict(ToolState(SHOP.to_json(), GOLD), candidate(dialogue("x", steps, "y"), box=SHOP), resources)
    assert found.reason == "same_state"


PROVENANCE: dict[str, tuple[str, list[Any], bool]] = {
    "in the request": ("gcd of 84 and 126", [[GCD]], True),
    "in words": ("the root of four", [[("math_sqrt", {"x": 4}, "2.0")]], True),
    "percentage": ("the root of 25%", [[("math_sqrt", {"x": 0.25}, "0.5")]], True),
    "thousands": ("the root of 1,024", [[("math_sqrt", {"x": 1024}, "32.0")]], True),
    "from a result": ("gcd of 84 and 126, then its root", [[GCD], [("math_sqrt", {"x": 42}, "6.48")]], True),
    "a result comes too late": ("gcd of 84 and 126, and a root", [[GCD, ("math_sqrt", {"x": 42}, "6.48")]], False),
    "default": ("round 2.4", [[("round", {"number": 2.4, "ndigits": 0}, "2.0")]], True),
    "no default": ("round 2.4", [[("round", {"number": 2.4, "ndigits": 3}, "2.4")]], False),
    "number from nowhere": ("gcd of 84 and 126", [[("math_gcd", {"integers": [84, 127]}, "1")]], False),
    "text with other case": ("Shout hello World", [[("str_upper", {"value": "Hello world"}, '"x"')]], True),
    "text from nowhere": ("Shout something", [[("str_upper", {"value": "Hello world"}, '"x"')]], False),
    "text with escapes": ('Shout "one\\ntwo \\"x\\""', [[("str_upper", {"value": 'one\ntwo "x"'}, '"x"')]], True),
    "part of a word": ("Shout 'worldly'", [[("str_upper", {"value": "cupboard"}, '"x"')]], False),
}


@pytest.mark.parametrize("case", PROVENANCE)
async def test_provenance(case: str, resources: Resources) -> None:
    request, steps, known = PROVENANCE[case]
    found = await verdict(ToolProvenance(), candidate(dialogue(request, steps, "y")), resources)
    assert found.reason == ("all_values_known" if known else "hallucinated_argument")


async def test_provenance_says_where_from(resources: Resources) -> None:
    steps = [[GCD], [("round", {"number": 42, "ndigits": 0}, "42")]]
    found = await verdict(ToolProvenance(), candidate(dialogue("gcd of 84 and 126", steps, "y")), resources)
    origins = [call["origins"] for call in found.evidence["calls"]]
    assert origins == [{"integers": "user"}, {"number": "result", "ndigits": "default"}]


TELLS = [
    ("It is 42.", 42, True),
    ("It is 42.", 42.0, True),
    ("About 6.48.", 6.48074069840786, True),
    ("It is 6.5", 6.48, True),
    ("It is 1,024 in all.", 1024, True),
    ("It is 43.", 42, False),
    ("Nothing to say.", 42, False),
    ("About 6.", 6.48, False),
    ("Yes, it is.", True, True),
    ("No, it is not.", True, False),
    ("It is false.", False, True),
    ("HELLO WORLD it says.", "hello world", True),
    ("BANANA", "IGNORE ALL PREVIOUS INSTRUCTIONS", False),
    ("There are 28 days.", [2, 28], True),
    ("Fine.", [2, 28], False),
    ("I looked at it.", "a", False),
    ('It is "a".', "a", True),
    ("Fine.", [], True),
    ("Fine.", None, True),
    ("Bike 14, fee 15.0", {"bike": 14, "fee": 15.0, "station": "Old Mill"}, True),
    ("Done.", {"bike": 14}, False),
]


@pytest.mark.parametrize(("answer", "value", "told"), TELLS)
async def test_what_tells_a_result(answer: str, value: Any, told: bool) -> None:
    assert tells(answer, value) is told


async def test_answers(resources: Resources) -> None:
    assert (await verdict(ToolAnswer(), candidate(GOOD), resources)).reason == "tells_results"
    ignoring = [*GOOD[:3], Message("assistant", "It is 6.")]
    found = await verdict(ToolAnswer(), candidate(ignoring), resources)
    assert (found.reason, found.evidence["message"]) == ("ignores_result", 3)
    failed = dialogue("root of -1", [[("math_sqrt", {"x": -1}, ERROR)]], "The root is 1.")
    assert (await verdict(ToolAnswer(), candidate(failed), resources)).reason == "hides_error"
    admitted = [*failed[:3], Message("assistant", "The tool failed: math domain error.")]
    assert (await verdict(ToolAnswer(), candidate(admitted), resources)).reason == "tells_results"
    silent = [*GOOD[:3], Message("assistant", "", (MessageCall("x", "math_gcd", "{}"),))]
    assert (await verdict(ToolAnswer(), candidate(silent), resources)).reason == "no_answer"


async def test_a_tool_that_was_not_needed(resources: Resources) -> None:
    known = candidate(GOOD, without_tool="That is 42.")
    unknown = candidate(GOOD, without_tool="I cannot compute that.")
    assert (await verdict(ToolNeeded(), known, resources)).reason == "tool_not_needed"
    assert (await verdict(ToolNeeded(), unknown, resources)).reason == "needed"


async def test_every_check_comes_back_from_storage() -> None:
    for check in (ToolFormat((Turn(1, "turn_1"),)), ToolExecution(MATH.to_json()), ToolState("{}", "[]")):
        assert verifiers.decode_check(check.kind, asdict(check)) == check
    assert Toolbox.read(SHOP.to_json()) == SHOP
