"""The loop: every attempt kept, every loss named, results in seed order whatever finishes first."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import pytest

from flows.loop import Loop, ShardResult, gather_or_cancel
from generators.recipe import Recipe, Resources, SeedRefused, Settings
from records.types import Call, Candidate, Message, Outcome, Record, Seed
from sandbox.types import Execution, Request, SandboxError
from served_model.scripted import ScriptedModel
from served_model.types import ModelUnavailable, RequestRefused, UnreadableReply
from verifiers.base import Resources as VerifyResources
from verifiers.math_answer import MathAnswer
from verifiers.workers import ProcessPool


class BrokenSandbox:
    """No program runs here: these tests prove answers, not programs."""

    backend = "none"

    async def run(self, request: Request) -> Execution:
        raise SandboxError("not here")

    async def aclose(self) -> None:
        return None


def seed(name: str, **fields: str) -> Seed:
    return Seed(name, name, "test", "MIT", fields)


def answer(one: Seed, text: str, attempt: int = 0, revises: str | None = None) -> Candidate:
    return Candidate(
        id=f"{one.id}-{attempt}",
        chain_id=f"{one.id}-0",
        seed=one,
        recipe="toy",
        messages=(Message("user", one.text), Message("assistant", text)),
        parts={"response": text},
        checks=(MathAnswer(expected="4"),),
        calls=(Call("response", f"key-{one.id}-{attempt}", "scripted", "p", "0", 0.0, 1.0, 0, "stop"),),
        attempt=attempt,
        revises=revises,
    )


async def propose(one: Seed, resources: Resources) -> list[Candidate]:
    """What the seed's own fields say shall happen."""
    await asyncio.sleep(float(one.fields.get("delay", "0")))
    match one.fields.get("then"):
        case "refuse":
            raise SeedRefused("not_usable", key="k1")
        case "too_long":
            raise RequestRefused("too long")
        case "unreadable":
            raise UnreadableReply("no JSON")
        case "nothing":
            return []
        case "unavailable":
            raise ModelUnavailable("nobody answers")
    return [answer(one, one.fields["first"])]


async def revise(attempts: Sequence[Record], resources: Resources) -> Candidate | None:
    last = attempts[-1].candidate
    match last.seed.fields.get("revision"):
        case None:
            return None
        case "unreadable":
            raise UnreadableReply("no JSON")
        case text:
            return answer(last.seed, text, last.attempt + 1, last.id) if last.attempt < 2 else None


TOY = Recipe("toy", seeds="questions", settings=Settings, propose=propose, revise=revise)


@pytest.fixture
async def workers() -> AsyncIterator[ProcessPool]:
    pool = ProcessPool(2)
    yield pool
    await pool.aclose()


async def work(seeds: list[Seed], workers: ProcessPool, recipe: Recipe = TOY) -> ShardResult:
    model = ScriptedModel(lambda request: "unused")
    resources = Resources(model, Settings(), run_seed=0)
    loop = Loop(recipe, resources, VerifyResources(BrokenSandbox(), workers), lambda *_: None)
    return await loop.run(seeds)


def counts(result: ShardResult, stage: str) -> tuple[int, int, int, int, int]:
    count = result.accounts.stage("toy", stage)
    return count.entered, count.accepted, count.rejected, count.unjudged, count.dropped


async def test_accepted_rejected_and_revised(workers: ProcessPool) -> None:
    result = await work(
        [
            seed("right", first=r"\boxed{4}"),
            seed("wrong", first=r"\boxed{5}"),
            seed("mended", first=r"\boxed{5}", revision=r"\boxed{4}"),
            seed("stubborn", first=r"\boxed{5}", revision=r"\boxed{6}"),
        ],
        workers,
    )
    outcomes = [[str(record.outcome) for record in chain] for chain in result.chains]
    assert outcomes == [["pass"], ["fail"], ["fail", "pass"], ["fail", "fail", "fail"]]
    assert counts(result, "record") == (4, 2, 2, 0, 0)
    assert counts(result, "verify") == (7, 2, 5, 0, 0)
    assert counts(result, "revise") == (5, 3, 2, 0, 0)  # the wrong one and the stubborn one gave up
    assert [record.candidate.revises for record in result.chains[3]] == [None, "stubborn-0", "stubborn-1"]


async def test_every_loss_has_a_stage_and_a_reason(workers: ProcessPool) -> None:
    fates = ["refuse", "too_long", "unreadable", "nothing"]
    result = await work(
        [seed(fate, then=fate) for fate in fates] + [seed("lost", first=r"\boxed{5}", revision="unreadable")], workers
    )
    assert [(drop.id, drop.stage, drop.reason) for drop in result.drops] == [
        ("refuse", "propose", "not_usable"),
        ("too_long", "propose", "request_refused"),
        ("unreadable", "propose", "unreadable_reply"),
        ("nothing", "propose", "no_candidates"),
        ("lost-0", "revise", "unreadable_reply"),
    ]
    assert result.drops[0].evidence == {"key": "k1"}
    assert counts(result, "propose") == (5, 1, 0, 0, 4)
    assert counts(result, "revise") == (1, 0, 0, 0, 1)
    assert counts(result, "record") == (1, 0, 1, 0, 0)  # the failed attempt itself is kept


async def test_results_stand_in_seed_order_whatever_finishes_first(workers: ProcessPool) -> None:
    seeds = [seed(str(index), first=r"\boxed{4}", delay=str((5 - index) / 100)) for index in range(5)]
    result = await work(seeds, workers)
    assert [chain[0].candidate.seed.id for chain in result.chains] == ["0", "1", "2", "3", "4"]


async def test_a_verifier_that_breaks_is_no_verdict_on_the_candidate(workers: ProcessPool) -> None:
    async def propose_broken(one: Seed, resources: Resources) -> list[Candidate]:
        return [replace(answer(one, "x"), parts={})]  # the verifier reads a part that is not there

    result = await work([seed("a")], workers, replace(TOY, propose=propose_broken, revise=None))
    assert result.chains[0][0].outcome is Outcome.UNJUDGED
    assert result.chains[0][0].deciding.reason == "verifier_error"
    assert counts(result, "record") == (1, 0, 0, 1, 0)


async def test_a_candidate_without_checks_is_not_accepted(workers: ProcessPool) -> None:
    async def propose_unproved(one: Seed, resources: Resources) -> list[Candidate]:
        return [replace(answer(one, "x"), checks=())]

    result = await work([seed("a")], workers, replace(TOY, propose=propose_unproved))
    assert counts(result, "record") == (1, 0, 0, 1, 0)


async def test_what_stops_a_run_passes_through_and_ends_the_others(workers: ProcessPool) -> None:
    ended: list[str] = []

    async def propose_watched(one: Seed, resources: Resources) -> list[Candidate]:
        try:
            return await propose(one, resources)
        finally:
            ended.append(one.id)

    seeds = [seed("slow", first=r"\boxed{4}", delay="30"), seed("bad", then="unavailable", delay="0.01")]
    with pytest.raises(ModelUnavailable, match="nobody answers"):
        await work(seeds, workers, replace(TOY, propose=propose_watched))
    assert sorted(ended) == ["bad", "slow"]


async def test_gather_gives_results_in_order() -> None:
    async def one(value: int) -> int:
        await asyncio.sleep((3 - value) / 100)
        return value

    assert await gather_or_cancel([one(value) for value in range(3)]) == [0, 1, 2]
