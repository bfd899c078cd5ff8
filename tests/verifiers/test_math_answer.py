"""The proof of a math response, on our own cases and on real labelled outputs."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest
from pydantic import ValidationError

import verifiers
from records.types import Candidate, Outcome, Seed
from verifiers.base import Resources
from verifiers.math_answer import MathAnswer, Row, prove_row, verify
from verifiers.workers import ProcessPool

# response, expected
ACCEPTS = [
    ("3 + 4 = 7, so 16 - 7 = 9 and 9 * 2 = 18. \\boxed{18}", "18"),
    ("She makes $18 a day.\n#### 18", "$18"),
    ("The answer is $\\frac{1}{2}$.", "0.5"),
    ("\\boxed{(x+1)^2}", "x^2+2x+1"),
    ("\\boxed{\\{3, -1\\}}", "-1, 3"),
    ("So 45% of them. \\boxed{45\\%}", "45"),
    ("It ends on \\boxed{\\text{Tuesday}}", "Tuesday"),
    ("\\boxed{90\\text{ minutes}}", "1.5 hours"),
]
REJECTS = [
    ("\\boxed{19}", "18", "wrong_answer"),
    ("18 is tempting, but it is \\boxed{81}", "18", "wrong_answer"),
    ("\\boxed{(x-1)^2}", "x^2+2x+1", "wrong_answer"),
    ("\\boxed{5 \\text{ or } 6}", "5", "wrong_answer"),
    ("The answer is not 18", "18", "wrong_answer"),
    ("\\boxed{18", "19", "wrong_answer"),
    ("I cannot solve this.", "18", "no_answer"),
    ("", "18", "no_answer"),
    ("\\boxed{}", "18", "no_answer"),
]
UNJUDGED = [
    ("\\boxed{9^{9^{9^{9}}}}", "5", "comparison_too_large"),
    ("\\boxed{5}", "9^{9^{9^{9}}}", "comparison_too_large"),
    ("\\boxed{" + "1+" * 5000 + "1}", "5", "comparison_too_large"),
    ("\\boxed{\\binom{1000000}{500000}}", "5", "comparison_deadline"),
]


@pytest.fixture
async def resources() -> AsyncIterator[Resources]:
    pool = ProcessPool(2)
    yield Resources(sandbox=cast(Any, None), workers=pool)
    await pool.aclose()


def candidate(response: str, expected: str) -> Candidate:
    seed = Seed("s", "q", "test", "Apache-2.0")
    return Candidate("c", "c", seed, "math/solve", (), {"response": response}, (MathAnswer(expected),), ())


async def test_right_answers_pass(resources: Resources) -> None:
    for response, expected in ACCEPTS:
        verdict = await verify(MathAnswer(expected), candidate(response, expected), resources)
        assert (verdict.outcome, verdict.reason) == (Outcome.PASS, "equivalent"), response
        assert verdict.evidence["expected"] == expected
        assert verdict.evidence["answer"]


async def test_wrong_and_missing_answers_fail(resources: Resources) -> None:
    for response, expected, reason in REJECTS:
        verdict = await verify(MathAnswer(expected), candidate(response, expected), resources)
        assert (verdict.outcome, verdict.reason) == (Outcome.FAIL, reason), response


async def test_what_cannot_be_compared_is_unjudged(resources: Resources) -> None:
    for response, expected, reason in UNJUDGED:
        verdict = await verify(MathAnswer(expected), candidate(response, expected), resources)
        assert (verdict.outcome, verdict.reason) == (Outcome.UNJUDGED, reason), response[:60]
        json.dumps(dict(verdict.evidence))


async def test_a_dead_worker_is_no_failure(resources: Resources) -> None:
    await resources.workers.aclose()
    verdict = await prove_row(Row(id="a", response="\\boxed{x+x}", expected="2x"), resources)
    assert (verdict.outcome, verdict.reason) == (Outcome.UNJUDGED, "worker_died")


async def test_rows_take_numbers_and_ignore_other_fields(resources: Resources) -> None:
    row = Row.model_validate({"id": 7, "response": "#### 18", "expected": 18, "label": True})
    verdict = await prove_row(row, resources)
    assert verdict.outcome is Outcome.PASS
    assert verdict.evidence["answer"] == "18"
    with pytest.raises(ValidationError):
        Row.model_validate({"id": 7, "response": "#### 18"})


async def test_evidence_can_be_stored_whatever_the_model_wrote(resources: Resources) -> None:
    for response, expected in (("\\boxed{\ud800}", "5"), ("\\boxed{5}", "\udfff"), ("\\boxed{\x00}", "\x00")):
        verdict = await prove_row(Row(id="a", response=response, expected=expected), resources)
        json.dumps(dict(verdict.evidence), ensure_ascii=False).encode("utf-8")


def test_the_check_survives_storage() -> None:
    check = MathAnswer(expected="18")
    assert verifiers.decode_check("math_answer", {"expected": "18"}) == check


async def test_every_label_of_the_real_outputs_is_reproduced(resources: Resources, shared_data: Path) -> None:
    wrong, judged = [], 0
    for line in (shared_data / "math" / "gsm8k_model_solutions.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        expected = row["ground_truth"].rsplit("A: ", 1)[1]
        for solver, output in row.items():
            if solver not in ("question", "ground_truth"):
                judged += 1
                verdict = await prove_row(Row(id=solver, response=output["solution"], expected=expected), resources)
                if (verdict.outcome is Outcome.PASS) is not output["is_correct"]:
                    wrong.append((solver, output["solution"][-80:], expected))
    assert judged == 1320
    assert wrong == []
