"""Noisy tests (C12): what all solutions fail alike goes, while enough is left; nothing else does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from generators.code.proving import without_tests
from records.types import Record
from served_model.scripted import ScriptedModel
from tests.generators.code.test_solve_with_tests import (
    EXPECTED,
    GOOD_TESTS,
    RIGHT,
    WRONG,
    Script,
    attempts,
    reasons,
    resources_of,
    revision,
    written_tests,
)
from verifiers.base import Resources as VerifierResources

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOISY = written_tests({**EXPECTED, "[4]": 17, "[6]": 36})  # one of seven is wrong
VOTES: dict[str, Any] = {"solutions": 3, "noise_votes": 2}
OTHER = "def even_squares(numbers):\n    return sum(n**2 for n in numbers if not n % 2)\n"
FORGETFUL = "def even_squares(numbers):\n    return sum(n**2 for n in numbers if not n % 2 and n != 6)\n"


async def run_chain(script: Script, judges: VerifierResources, **settings: Any) -> tuple[list[Record], list[str]]:
    model = ScriptedModel(script)
    resources = replace(resources_of(model, **{**VOTES, **settings}), sandbox=judges.sandbox)
    records = await attempts(resources, judges)
    return records, [request.prompt.rpartition("/")[2] for request in model.requests]


async def test_a_wrong_test_is_dropped_without_asking(judges: VerifierResources) -> None:
    records, asked = await run_chain(Script(tests=NOISY, others=[OTHER, RIGHT]), judges, max_mutants=10)
    assert reasons(records) == ["failed_assertion", "independent_solutions_agree"]
    assert "revise" not in asked
    final = records[-1].candidate
    assert "17" not in final.parts["tests"] and final.parts["tests"].count("assert") == len(EXPECTED) + 1
    about = final.metadata
    assert (about["dropped_tests"], about["change"], about["self_corrected"]) == (["test_5"], "tests", False)
    assert final.calls == records[0].candidate.calls


@pytest.mark.parametrize(
    ("script", "settings"),
    [
        (Script(tests=NOISY, others=[OTHER, RIGHT]), {"noise_votes": 0}),
        (Script(tests=NOISY, others=[OTHER, RIGHT]), {"min_tests": 7}),  # too few would be left
        (Script(tests=NOISY, others=[OTHER, FORGETFUL]), {}),  # they do not agree about the rest
        (Script(tests=NOISY, others=[OTHER, "def even_squares(:"]), {}),  # one that says nothing is no vote
        (Script(tests=NOISY, others=[OTHER]), {"solutions": 2}),
        (Script(WRONG, GOOD_TESTS, others=[RIGHT, OTHER]), {}),  # the solution is wrong, not the tests
    ],
)
async def test_anything_else_is_for_the_model_to_revise(
    judges: VerifierResources, script: Script, settings: dict[str, Any]
) -> None:
    script.revisions = [revision("solution", RIGHT)] * 2
    records, asked = await run_chain(script, judges, rounds=1, **settings)
    assert "revise" in asked
    assert all("dropped_tests" not in record.candidate.metadata for record in records)


async def test_what_was_dropped_is_not_missed_by_later_tests_and_anything_else_is(judges: VerifierResources) -> None:
    weak = written_tests({"[]": 0, "[1]": 0, "[3]": 0, "[5]": 0, "[1, 3]": 0, "[4]": 17})
    better = written_tests({"[]": 0, "[1]": 0, "[3]": 0, "[5]": 0, "[1, 3]": 0, **EXPECTED})
    for tests, last in ((better, "independent_solutions_agree"), (GOOD_TESTS, "tests_gutted")):
        script = Script(tests=weak, others=[OTHER, RIGHT], revisions=[revision("tests", tests)])
        records, _ = await run_chain(script, judges, max_mutants=10, rounds=2)
        assert reasons(records)[:2] == ["failed_assertion", "vacuous_tests"]
        assert records[2].deciding.reason == last, records[2].deciding


async def test_functions_leave_no_trace() -> None:
    text = "import math\n\n\n@mark\ndef test_a():\n    assert f(1) == 2\n\n\ndef test_b():\n    assert f(2) == 3\n"
    assert without_tests(text, ["test_a"]) == "import math\n\n\n\n\ndef test_b():\n    assert f(2) == 3\n"
    assert without_tests(text, []) == text
