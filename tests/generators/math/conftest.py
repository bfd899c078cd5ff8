"""What the tests of the math recipes share: proving candidates, and seeds made of earlier attempts."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, cast

import pytest

import verifiers
from corpus.attempts import _seed
from records.schema import record_row
from records.types import Candidate, Check, Message, Record, Seed
from served_model.scripted import ScriptedModel
from served_model.types import ChatRequest
from verifiers.base import Resources as Proving
from verifiers.workers import ProcessPool

QUESTION = "How many legs have three cats?"
RIGHT = "1. A cat has 4 legs.\n2. Three cats have 3 * 4 = 12 legs.\n\nSo the answer is \\boxed{12}"
WRONG = "1. A cat has 4 legs.\n2. Three cats have 3 * 4 = 13 legs.\n\nSo the answer is \\boxed{13}"


def judgement(number: int) -> str:
    return json.dumps({"sound_steps": {"rationale": "I recomputed them.", "verdict": number}})


def by_prompt(**replies: Any) -> ScriptedModel:
    """A model that answers by the prompt's name: a text, or a function of the request."""

    def reply(request: ChatRequest) -> Any:
        said = replies[request.prompt.rpartition("/")[2]]
        return said(request) if callable(said) else said

    return ScriptedModel(reply)


@pytest.fixture
async def prove() -> AsyncIterator[Callable[..., Any]]:
    pool = ProcessPool(1)

    async def run(candidate: Candidate, model: ScriptedModel | None = None, sandbox: Any = None) -> Record:
        resources = Proving(sandbox=cast(Any, sandbox), workers=pool, model=model)
        return Record(candidate, await verifiers.verify_all(candidate, resources))

    yield run
    await pool.aclose()


async def attempts_of(
    prove: Callable[..., Any], solutions: Sequence[str], checks: Callable[[str, int], Sequence[Check]], **fields: str
) -> Seed:
    """A seed of format `attempts`: one question with these solutions, proved by these checks."""
    seed = Seed("q1", QUESTION, "test", "MIT", {"question": QUESTION, **fields})
    rows = []
    for index, text in enumerate(solutions):
        candidate = Candidate(
            id=f"c{index}",
            chain_id=f"c{index}",
            seed=seed,
            recipe="math/solve",
            messages=(Message("user", QUESTION), Message("assistant", text)),
            parts={"question": QUESTION, "response": text},
            checks=tuple(checks(text, index)),
            calls=(),
            metadata={"skill": "arithmetic"},
        )
        rows.append(record_row(await prove(candidate), True, "test"))
    return _seed(rows)
