"""Which shards are worked is a rule over data: neither speed nor lookahead order nor a resume can change it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flows.budget import Spending
from flows.config import RunConfig, validate_config
from flows.make_recipe import RecipeResult, RecipeScheduler
from flows.make_shard import ShardJob, ShardSummary
from flows.plan import RecipePlan, resolve
from flows.run_folder import RunFolder
from records.accounts import Accounts
from records.schema import RECORDS, SEEDS, record_row
from records.tables import write_table
from records.types import Candidate, Message, Outcome, Record, Seed, Verdict
from served_model.types import Usage
from verifiers.math_answer import MathAnswer

SIZE = 4
"""Seeds per shard."""


def config(target: int | None, **more: Any) -> RunConfig:
    recipe = {"use": "math/solve"} | ({} if target is None else {"target": target})
    models = {"default": {"base_url": "http://127.0.0.1:1/v1", "name": "m"}}
    return validate_config({"name": "t", "models": models, "recipes": [recipe]} | more, "test")


@dataclass
class FakeShards:
    """Writes what a shard would leave, with a given number of accepted records and a given speed."""

    folder: RunFolder
    plan: RecipePlan
    accepted: list[int]
    delays: list[int]
    worked: list[int] = field(default_factory=list)
    cut_at: int | None = None  # the shard in which a budget ends

    def halted(self) -> str:
        """As of the moment that the shard is in work."""
        return "budget: tokens" if self.cut_at is not None and self.cut_at in self.worked else ""

    def write_seeds(self) -> Iterator[int]:
        for shard in range(len(self.accepted)):
            accounts = Accounts()
            accounts.stage("math/solve", "corpus")
            path = self.folder.seeds(self.plan.slug, shard)
            write_table(path, SEEDS, [], {"provender.accounts": accounts.to_json()})
            yield shard

    async def work(self, job: ShardJob) -> ShardSummary:
        self.worked.append(job.shard)
        await asyncio.sleep(self.delays[job.shard] / 1000)
        rows = [record_row(self._record(f"{job.shard}-{n}"), True, "t") for n in range(self.accepted[job.shard])]
        accounts = Accounts()
        count = accounts.stage("math/solve", "record")
        count.entered, count.accepted, count.rejected = 100, len(rows), 100 - len(rows)
        cut = "budget: tokens" if job.shard == self.cut_at else ""
        summary = ShardSummary(job.shard, accounts, {"m": Usage(100, 200)}, cut)
        path = self.folder.shard(self.plan.slug, job.shard)
        write_table(path, RECORDS, rows, {"provender.summary": summary.to_json()})
        return ShardSummary.read(path)

    @staticmethod
    def _record(name: str) -> Record:
        messages = (Message("user", name), Message("assistant", name))
        seed = Seed(name, name, "s", "l")
        candidate = Candidate(name, name, seed, "math/solve", messages, {}, (MathAnswer("1"),), ())
        return Record(candidate, (Verdict("math_answer", Outcome.PASS, "equivalent"),))


async def at_once() -> None:
    """There is always room."""


def schedule(
    root: Path, run: RunConfig, accepted: list[int], delays: list[int], cut_at: int | None = None
) -> tuple[RecipeResult, list[int]]:
    plan = resolve(run).recipes[0]
    shards = FakeShards(RunFolder(root), plan, accepted, delays, cut_at=cut_at)
    scheduler = RecipeScheduler(
        plan=plan,
        folder=shards.folder,
        lookahead=run.lookahead,
        size=SIZE,
        halted=shards.halted,
        work=shards.work,
        job=lambda shard: ShardJob(run, root, 0, shard),
        room=at_once,
    )
    return asyncio.run(scheduler.run(shards.write_seeds())), shards.worked


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
@given(
    accepted=st.lists(st.integers(0, SIZE), min_size=1, max_size=8),
    delays=st.lists(st.integers(0, 5), min_size=8, max_size=8),
    target=st.none() | st.integers(1, 12),
    lookahead=st.integers(1, 4),
)
def test_the_result_is_the_first_shards_up_to_the_one_that_meets_the_target(
    tmp_path_factory: pytest.TempPathFactory, accepted: list[int], delays: list[int], target: int | None, lookahead: int
) -> None:
    run = config(target, lookahead=lookahead)
    result, worked = schedule(tmp_path_factory.mktemp("run"), run, accepted, delays)
    sums = [sum(accepted[: shard + 1]) for shard in range(len(accepted))]
    expected = next((shard + 1 for shard, made in enumerate(sums) if target and made >= target), len(accepted))
    assert result.shards == expected
    assert worked[:expected] == list(range(expected))
    assert len(result.selection.kept) == min(sums[expected - 1], target or SIZE * 8)
    assert (result.ended == "target") == (target is not None and sums[expected - 1] >= target)
    assert result.accounts.stage("math/solve", "record").entered == 100 * expected


def test_no_shard_is_begun_that_the_yield_says_is_not_needed(tmp_path: Path) -> None:
    """All seeds give a record, so two shards of four meet a target of eight, however many might be in work."""
    _, worked = schedule(tmp_path / "good", config(8, lookahead=8), [4] * 8, [1] * 8)
    assert worked == [0, 1]
    _, worked = schedule(tmp_path / "poor", config(8, lookahead=8), [1] * 16, [1] * 16)
    assert len(worked) <= 11  # eight are needed


def test_a_budget_ends_the_recipe_with_the_shard_that_it_cuts(tmp_path: Path) -> None:
    result, worked = schedule(tmp_path, config(50, lookahead=1), [2] * 10, [0] * 10, cut_at=3)
    assert result.ended == "budget: tokens"
    assert not result.whole
    assert worked == [0, 1, 2, 3]
    assert len(result.selection.kept) == 8


def test_a_target_that_is_met_in_time_counts_more_than_a_budget(tmp_path: Path) -> None:
    result, _ = schedule(tmp_path, config(4, lookahead=3), [2] * 10, [0] * 10, cut_at=1)
    assert result.ended == "target"


def test_money_follows_the_price_table() -> None:
    models = {"default": {"base_url": "http://127.0.0.1:1/v1", "name": "m", "price_in": 2.0, "price_out": 10.0}}
    spending = Spending(config(5, models=models))
    spending.add(ShardSummary(0, Accounts(), {"m": Usage(1_000_000, 100_000), "free": Usage(5, 5)}))
    assert spending.money == pytest.approx(3.0)
    assert spending.tokens == 1_100_010


async def test_a_failing_shard_ends_the_others(tmp_path: Path) -> None:
    run = config(50, lookahead=2)
    plan = resolve(run).recipes[0]
    shards = FakeShards(RunFolder(tmp_path), plan, [1] * 4, [5000] * 4)
    cancelled: list[int] = []

    async def work(job: ShardJob) -> ShardSummary:
        if job.shard == 0:
            await asyncio.sleep(0.05)
            raise OSError("disk full")
        try:
            return await shards.work(job)
        except asyncio.CancelledError:
            cancelled.append(job.shard)
            raise

    job = partial(ShardJob, run, tmp_path, 0)
    scheduler = RecipeScheduler(plan, shards.folder, 2, SIZE, shards.halted, work, job, at_once)
    with pytest.raises(OSError, match="disk full"):
        await scheduler.run(shards.write_seeds())
    assert cancelled == [1]


async def test_a_corpus_that_takes_its_time_does_not_hold_up_what_is_in_work(tmp_path: Path) -> None:
    """Its second shard can only be read once the first one has been worked, on the same event loop."""
    run = config(None, lookahead=2)
    plan = resolve(run).recipes[0]
    shards = FakeShards(RunFolder(tmp_path), plan, [1] * 2, [0] * 2)
    done = threading.Event()

    def slow() -> Iterator[int]:
        for shard in shards.write_seeds():
            if shard == 1:
                assert done.wait(60)
            yield shard

    async def work(job: ShardJob) -> ShardSummary:
        summary = await shards.work(job)
        done.set()
        return summary

    job = partial(ShardJob, run, tmp_path, 0)
    result = await RecipeScheduler(plan, shards.folder, 2, SIZE, shards.halted, work, job, at_once).run(slow())
    assert result.shards == 2
