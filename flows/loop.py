"""The one loop: propose, verify, revise while a verdict is FAIL; every attempt is kept, every loss is named."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any

import verifiers
from flows.seed_gate import SeedGate
from generators.recipe import Recipe, Resources, SeedRefused
from records.accounts import Accounts, StageCount
from records.types import RUN_CHECKS, Candidate, Drop, Outcome, Record, Seed
from sandbox.types import SandboxError, SandboxUnavailable
from served_model.meter import Halted
from served_model.spans import span
from served_model.turns import taking_turn
from served_model.types import RequestRefused, UnreadableReply
from verifiers.base import Resources as VerifyResources

Listener = Callable[[str, Outcome | None, str], None]
"""Told "seed" when a seed is finished (with a reason where it gave nothing), "record" when a chain is finished."""


@dataclass
class ShardResult:
    """What became of a shard's seeds: the attempts of every chain in seed order, the drops, and the accounts."""

    chains: list[list[Record]] = field(default_factory=list)
    drops: list[Drop] = field(default_factory=list)
    cut: str = ""  # the limit that was met before all seeds were worked
    accounts: Accounts = field(default_factory=Accounts)


@dataclass(frozen=True)
class Loop:
    """A recipe with what it and its verifiers may use."""

    recipe: Recipe
    resources: Resources
    verify: VerifyResources
    listen: Listener
    gate: SeedGate | None = None  # none: all seeds at once
    seen: Callable[[Record], None] = lambda record: None  # told each attempt that was verified
    guarded: Callable[[Candidate], Candidate] = lambda candidate: candidate  # adds the run's own checks

    async def run(self, seeds: Sequence[Seed]) -> ShardResult:
        """Work all seeds side by side, with no barrier between stages, and put the results in seed order.

        Raises what stops a run: ModelUnavailable, SandboxUnavailable, or an error in a recipe's own code. All replies
        are in the journal by then, so nothing paid is lost.
        """
        results = await gather_or_cancel([self._in_turn(seed) for seed in seeds])
        shard = ShardResult()
        for result in results:
            shard.chains += result.chains
            shard.drops += result.drops
            shard.accounts.add(result.accounts)
            shard.cut = shard.cut or result.cut
        shard.accounts.check()
        return shard

    async def _in_turn(self, seed: Seed) -> ShardResult:
        if self.gate is None:
            return await self._work_within_limits(seed)
        number = await self.gate.enter()
        try:
            with taking_turn(number):
                return await self._work_within_limits(seed)
        finally:
            self.gate.leave()

    async def _work_within_limits(self, seed: Seed) -> ShardResult:
        """A seed that a limit stops on its way counts as not worked; its replies are in the journal."""
        try:
            with span("seed", attributes={"provender.seed": seed.id}):
                return await self._work_seed(seed)
        except Halted as halt:
            result = ShardResult(cut=halt.reason)
            result.accounts.stage(self.recipe.name, "propose").entered += 1
            self._drop(result, Drop(seed.id, self.recipe.name, "propose", halt.kind, {"limit": halt.reason}))
            return result

    async def _work_seed(self, seed: Seed) -> ShardResult:
        result = ShardResult()
        count = result.accounts.stage(self.recipe.name, "propose")
        count.entered += 1
        candidates = await self._propose(seed, result)
        if candidates:
            count.accepted += 1
            for chain in await gather_or_cancel([self._work_chain(one, result) for one in candidates]):
                result.chains.append(chain)
        self.listen("seed", None, "" if candidates else result.drops[-1].reason)
        return result

    async def _propose(self, seed: Seed, result: ShardResult) -> list[Candidate]:
        try:
            with span("propose"):
                candidates = await self.recipe.propose(seed, self.resources)
        except SeedRefused as refusal:
            self._drop(result, Drop(seed.id, self.recipe.name, "propose", refusal.reason, refusal.evidence))
        except SandboxUnavailable:
            raise  # no later seed would fare better
        except (RequestRefused, UnreadableReply, SandboxError) as error:
            self._drop(result, Drop(seed.id, self.recipe.name, "propose", _code(error), {"error": str(error)}))
        else:
            if candidates:
                return candidates
            self._drop(result, Drop(seed.id, self.recipe.name, "propose", "no_candidates"))
        return []

    async def _work_chain(self, candidate: Candidate, result: ShardResult) -> list[Record]:
        attempts = [await self._verify(candidate, result)]
        while self.recipe.revise is not None and _may_be_revised(attempts[-1]):
            revision = await self._revise(attempts, result)
            if revision is None:
                break
            attempts.append(await self._verify(revision, result))
        final = result.accounts.stage(self.recipe.name, "record")
        final.entered += 1
        _count_outcome(final, attempts[-1])
        self.listen("record", attempts[-1].outcome, f"{attempts[-1].deciding.check}: {attempts[-1].deciding.reason}")
        return attempts

    async def _verify(self, candidate: Candidate, result: ShardResult) -> Record:
        count = result.accounts.stage(self.recipe.name, "verify")
        count.entered += 1
        with span("verify", attributes={"provender.record": candidate.id}) as current:
            candidate = self.guarded(candidate)
            record = Record(candidate, await verifiers.verify_all(candidate, self.verify))
            current.set_attribute("provender.outcome", str(record.outcome))
            current.set_attribute("provender.decided_by", f"{record.deciding.check}: {record.deciding.reason}")
        _count_outcome(count, record)
        self.seen(record)
        return record

    async def _revise(self, attempts: Sequence[Record], result: ShardResult) -> Candidate | None:
        assert self.recipe.revise is not None
        count = result.accounts.stage(self.recipe.name, "revise")
        count.entered += 1
        try:
            with span("revise", attributes={"provender.record": attempts[-1].candidate.id}):
                revision = await self.recipe.revise(attempts, self.resources)
        except SandboxUnavailable:
            raise
        except (RequestRefused, UnreadableReply, SandboxError) as error:
            last = attempts[-1].candidate.id
            self._drop(result, Drop(last, self.recipe.name, "revise", _code(error), {"error": str(error)}))
            return None
        if revision is None:
            count.rejected += 1
            count.reasons["revise: gave_up"] += 1
        else:
            count.accepted += 1
        return revision

    def _drop(self, result: ShardResult, drop: Drop) -> None:
        count = result.accounts.stage(self.recipe.name, drop.stage)
        count.dropped += 1
        count.reasons[f"{drop.stage}: {drop.reason}"] += 1
        result.drops.append(drop)


async def gather_or_cancel(coroutines: Sequence[Coroutine[Any, Any, Any]]) -> list[Any]:
    """Results in order; the first error cancels the rest, waits for them to end, and is raised as itself."""
    tasks = [asyncio.ensure_future(one) for one in coroutines]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _may_be_revised(record: Record) -> bool:
    """A recipe learns from proofs of its work; it knows nothing of what the run itself wants of a record."""
    return record.outcome is Outcome.FAIL and record.deciding.check not in RUN_CHECKS


def _count_outcome(count: StageCount, record: Record) -> None:
    name = {Outcome.PASS: "accepted", Outcome.FAIL: "rejected", Outcome.UNJUDGED: "unjudged"}[record.outcome]
    setattr(count, name, getattr(count, name) + 1)
    if record.outcome is not Outcome.PASS:
        count.reasons[f"{record.deciding.check}: {record.deciding.reason}"] += 1


def _code(error: Exception) -> str:
    if isinstance(error, SandboxError):
        return "sandbox_error"
    return "request_refused" if isinstance(error, RequestRefused) else "unreadable_reply"
