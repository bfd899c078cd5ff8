"""math/code_interleaved: the output in the trace is the executed one, whatever the model writes behind its code."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from generators.math.code_interleaved import CodeInterleaved, cut_part, propose
from generators.recipe import Resources, SeedRefused
from records.types import Outcome, Seed
from sandbox import open_sandbox
from sandbox.types import Sandbox
from served_model.scripted import ScriptedModel
from verifiers.base import Resources as Proving
from verifiers.code_blocks import find_blocks
from verifiers.trace import Row, prove_row
from verifiers.workers import ProcessPool

spec = importlib.util.spec_from_file_location("math_conftest", Path(__file__).with_name("conftest.py"))
assert spec and spec.loader
shared = importlib.util.module_from_spec(spec)
sys.modules["math_conftest"] = shared
spec.loader.exec_module(shared)

SEED = Seed("q", "What is the sum of the squares of 1 to 10?", "t", "MIT", {"answer": "385"})
FIRST = "I collect the squares first.\n\n```python\nsquares = [n * n for n in range(1, 11)]\nprint(len(squares))\n```"
SECOND = "Now their sum.\n\n```python\nprint(sum(squares))\n```"
END = "So the sum is\n\n\\boxed{385}"


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    pool = open_sandbox("namespaces", 1)
    yield pool
    await pool.aclose()


def in_order(*parts: str) -> ScriptedModel:
    """The part that fits what the trace has so far; the judge finds nothing wrong."""

    def reply(request: Any) -> str:
        if request.prompt.endswith("step_check"):
            return shared.judgement(0)
        trace = request.messages[-1].content.split("<trace_so_far>")[1]
        return parts[trace.count("```output")]

    return ScriptedModel(reply)


def given(model: ScriptedModel, sandbox: Sandbox | None, **settings: Any) -> Resources:
    return Resources(model, CodeInterleaved(**{"samples": 1, **settings}), run_seed=7, sandbox=sandbox)


async def test_a_trace_grows_in_one_session_and_is_proved(prove, sandbox):
    model = in_order(FIRST, SECOND, END)
    (candidate,) = await propose(SEED, given(model, sandbox))
    assert candidate.parts["response"] == f"{FIRST}\n\n```output\n10\n```\n\n{SECOND}\n\n```output\n385\n```\n\n{END}"
    assert [call.part for call in candidate.calls] == ["response:0", "response:1", "response:2"]
    assert candidate.metadata["blocks"] == 2 and candidate.metadata["cut_off"] == []
    record = await prove(candidate, model, sandbox)
    assert [(verdict.check, verdict.reason) for verdict in record.verdicts] == [
        ("response_hygiene", "clean"),
        ("math_answer", "equivalent"),
        ("trace", "same_output"),
        ("judged", "all_criteria"),
    ]


async def test_invented_outputs_are_cut_off_and_never_enter_the_trace(prove, sandbox):
    invented = "\n\n```output\n384\n```\n\nSo the sum is \\boxed{384}"
    model = in_order(FIRST + "\n\n```output\n11\n```\n\nFine.", SECOND + invented, END)
    (candidate,) = await propose(SEED, given(model, sandbox))
    text = candidate.parts["response"]
    assert "384" not in text and "```output\n11" not in text and "```output\n385\n```" in text
    assert candidate.metadata["cut_off"] == [call.key for call in candidate.calls[:2]]
    assert (await prove(candidate, model, sandbox)).outcome is Outcome.PASS


async def test_an_exception_is_shown_by_its_last_line_and_the_session_lives_on(prove, sandbox):
    broken = "I try it.\n\n```python\nsquares = [1, 4]\nprint(squre)\n```"
    model = in_order(broken, "That name was wrong.\n\n```python\nprint(sum(n * n for n in range(11)))\n```", END)
    (candidate,) = await propose(SEED, given(model, sandbox))
    assert "```output\nNameError: name 'squre' is not defined" in candidate.parts["response"]
    assert (await prove(candidate, model, sandbox)).outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("parts", "settings", "reason"),
    [
        ((END,), {}, "no_code"),  # the answer without any code
        ((FIRST, "The interpreter has said what was asked for, and nothing is left."), {}, "unfinished"),
        ((FIRST, SECOND, "So it is \\boxed{384}"), {}, "wrong_answer"),
        ((FIRST, SECOND, END), {"max_calls": 1}, "unfinished"),
        (("Much.\n\n```python\nprint('x' * 5000)\n```", END), {}, "unfinished"),
        (("Long.\n\n```python\nwhile True:\n    pass\n```", END), {"cpu_s": 1}, "unfinished"),
        (("Leaving.\n\n```python\nimport os\nos._exit(3)\n```", END), {}, "left_early"),
    ],
)
async def test_traces_that_do_not_come_to_a_proved_end_are_refused(parts, settings, reason, prove, sandbox):
    model = in_order(*parts, "never asked")
    (candidate,) = await propose(SEED, given(model, sandbox, **settings))
    record = await prove(candidate, model, sandbox)
    assert (record.outcome, record.deciding.reason) == (Outcome.FAIL, reason)


async def test_without_a_reference_there_must_be_votes(sandbox):
    seed = Seed("q", SEED.text, "t", "MIT")
    with pytest.raises(SeedRefused, match="too_few_votes"):
        await propose(seed, given(in_order(END), sandbox))
    with pytest.raises(SeedRefused, match="no_sandbox"):
        await propose(SEED, given(in_order(FIRST), None))


CUTS = [
    (FIRST, FIRST),
    (f"{FIRST}\nAnd more.", FIRST),
    (f"{FIRST}\n\n```output\n3\n```", FIRST),
    ("~~~python\nprint(1)\n~~~\nrest", "~~~python\nprint(1)\n~~~"),
    ("````python\nprint('```')\n````\nrest", "````python\nprint('```')\n````"),
    ("```json\n{}\n```\nthen\n```py\nprint(1)\n```\nrest", "```json\n{}\n```\nthen\n```py\nprint(1)\n```"),
    ("no code", "no code"),
    ("```python\nprint(1)", "```python\nprint(1)"),  # cut off: no block
    ("```python\n\n```\nrest", "```python\n\n```\nrest"),  # empty: no block
]


@pytest.mark.parametrize(("reply", "kept"), CUTS)
def test_a_reply_is_kept_up_to_its_first_block(reply, kept):
    text, code = cut_part(reply)
    assert text == kept
    assert code == (find_blocks(kept)[-1].code if kept != reply or reply == FIRST else "")


@pytest.mark.heavy
async def test_every_planted_invented_output_is_found_by_execution(sandbox):
    """Acceptance 3: 60 traces of two blocks with one output changed, 20 left as they are."""
    workers = ProcessPool(1)
    rng, found, right = Random(3), 0, 0
    for number in range(80):
        first, second = rng.randint(2, 99), rng.randint(2, 99)
        outputs = [str(first * 3), str(first * 3 + second)]
        planted = number >= 20
        if planted:
            at = number % 2
            spoil = (str(int(outputs[at]) + 1), outputs[at][::-1] + "0", "", f"{outputs[at]}\nDone", f"{outputs[at]}.0")
            outputs[at] = spoil[number % 5]
        text = (
            f"First.\n\n```python\na = {first} * 3\nprint(a)\n```\n\n```output\n{outputs[0]}\n```\n\n"
            f"Then.\n\n```python\nprint(a + {second})\n```\n\n```output\n{outputs[1]}\n```\n\nSo that is it."
        )
        verdict = await prove_row(Row(id=number, response=text), Proving(sandbox, workers))
        found += planted and (verdict.outcome, verdict.reason) == (Outcome.FAIL, "different_output")
        right += not planted and verdict.outcome is Outcome.PASS
    await workers.aclose()
    assert (found, right) == (60, 20)
