"""What a run will take, from a small sample of it: tokens, money, time, and the yield with its interval.

The sample is the beginning of the run itself, in its folder: its replies are in the run's journals, so that what an
estimate has paid for, `make` does not pay again.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from flows.budget import paid_before
from flows.config import RunConfig
from flows.endpoints import resolve_models
from flows.loop import Loop, ShardResult
from flows.make_dataset import default_out, rounds_root, shard_sizes
from flows.plan import RecipePlan, resolve
from flows.preflight import preflight
from flows.rounds import round_configs, round_folder
from flows.run_folder import RunFolder, locked, require_same_run
from flows.seed_plan import SeedPlan, count_seeds, read_seeds
from flows.settle import describe_run
from flows.workbench import Workbench, price_table, workbench
from generators.recipe import Resources
from records.types import Outcome
from served_model.journal import Journal
from served_model.journaled import JournaledModel
from served_model.meter import MeteredModel
from served_model.structured import RawModel, ask_readable
from served_model.types import ChatRequest, Reply, Usage
from verifiers.base import Resources as VerifyResources

Z = 1.96  # of a 95 % interval


@dataclass(frozen=True)
class Interval:
    """A value with the bounds between which it lies in 95 of 100 samples."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Sample:
    """What the first seeds of a recipe gave and took."""

    accepted: tuple[int, ...]  # records, by seed
    usage: dict[str, Usage]
    money: float
    requests: int  # sent now
    request_s: float  # of those, added up
    wall_s: float
    slots: int  # requests that the models bore at the end of the sample

    @property
    def tokens(self) -> int:
        """Of all models."""
        return sum(usage.prompt_tokens + usage.completion_tokens for usage in self.usage.values())


@dataclass(frozen=True)
class Estimate:
    """One recipe of the run. Without a target, `seeds` is what the config or, where it is short, the corpus gives."""

    slug: str
    sample: Sample
    per_seed: Interval  # accepted records
    seeds: Interval | None  # None: nothing tells how many there will be
    records: Interval | None

    @property
    def seconds(self) -> tuple[float, float] | None:
        """With the server full, and as slow as in the sample; None where the sample asked nothing anew."""
        if self.seeds is None or not self.sample.requests:
            return None
        share = self.seeds.value / max(1, len(self.sample.accepted))
        return share * self.sample.request_s / self.sample.slots, share * self.sample.wall_s

    def of_all(self, amount: float) -> Interval | None:
        """What the sample took of something, for all seeds."""
        if self.seeds is None:
            return None
        each = amount / max(1, len(self.sample.accepted))
        return Interval(each * self.seeds.value, each * self.seeds.low, each * self.seeds.high)


@dataclass
class _Timed:
    """Implements RawModel: adds up how long replies take."""

    model: RawModel
    requests: int = 0
    seconds: float = 0.0

    def key(self, request: ChatRequest) -> str:
        return self.model.key(request)

    async def complete(self, request: ChatRequest) -> Reply:
        began = asyncio.get_running_loop().time()
        reply = await self.model.complete(request)
        self.requests += 1
        self.seconds += asyncio.get_running_loop().time() - began
        return reply


@dataclass
class _Counted:
    """Implements Model: adds up the tokens of all replies, those from the journal included."""

    model: JournaledModel
    usage: dict[str, Usage] = field(default_factory=dict)

    def key(self, request: ChatRequest) -> str:
        return self.model.key(request)

    async def complete(self, request: ChatRequest) -> Reply:
        reply = await self.model.complete(request)
        self.usage[reply.model] = self.usage.get(reply.model, Usage()) + reply.usage
        return reply

    async def ask(self, request: ChatRequest) -> Reply:
        return await ask_readable(self, request)


async def estimate(config: RunConfig, out: Path | None, seeds: int) -> tuple[list[Estimate], Path]:
    """Work the first `seeds` seeds of each recipe, and say what all of them will take. Gives the run folder, too.

    A recipe that reads what another one of the run makes is left out. Raises UserError, ConfigError, ModelError.
    """
    if config.rounds:  # of several rounds the first one can be estimated
        root = rounds_root(config, str(out) if out else None)
        config, out = round_configs(config, root)[0], round_folder(root, 0)
    config = await resolve_models(config)
    plan = resolve(config)
    inputs = plan.inputs()
    folder = RunFolder(out or default_out(config, inputs))
    with locked(folder):
        earlier = require_same_run(folder, inputs)
        await preflight(plan, folder)
        sizes = shard_sizes(plan, earlier)
        if earlier is None:
            folder.write_run(describe_run(plan, inputs, folder) | {"shard_sizes": sizes, "state": "estimated"})
        estimates = []
        async with workbench(config, paid_before(folder)) as bench:
            for recipe in plan.recipes:
                if recipe.upstream is None:
                    seed_plan = recipe.seed_plan(config, folder, sizes[recipe.slug])
                    sample = await _sample(recipe, seed_plan, bench, config, seeds)
                    estimates.append(_estimate(recipe, sample, count_seeds(seed_plan)))
    return estimates, folder.root


async def _sample(recipe: RecipePlan, plan: SeedPlan, bench: Workbench, config: RunConfig, most: int) -> Sample:
    folder = plan.folder
    next(plan.write_shards(), None)
    seeds = read_seeds(folder, recipe.slug, 0)[:most]
    timed = _Timed(bench.client)
    began = asyncio.get_running_loop().time()
    with Journal.open(folder.journal(recipe.slug, 0)) as journal:
        stop = bench.tally(recipe.slug).stop
        metered = MeteredModel(timed, bench.meter, stop, bench.client.model_name)
        model = _Counted(JournaledModel(metered, journal))
        resources = Resources(model, recipe.settings, config.seed, config.round, bench.sandbox)
        verify = VerifyResources(bench.sandbox, bench.workers, model)
        loop = Loop(recipe.recipe, resources, verify, lambda _kind, _outcome, _reason: None, bench.gate)
        result = await loop.run(seeds)
    prices = price_table(config)
    return Sample(
        accepted=_accepted(result, [seed.id for seed in seeds]),
        usage=model.usage,
        money=sum(prices[name].of(one.prompt_tokens, one.completion_tokens) for name, one in model.usage.items()),
        requests=timed.requests,
        request_s=timed.seconds,
        wall_s=asyncio.get_running_loop().time() - began,
        slots=bench.client.slots,
    )


def _accepted(result: ShardResult, seeds: Sequence[str]) -> tuple[int, ...]:
    counts = dict.fromkeys(seeds, 0)
    for chain in result.chains:
        counts[chain[-1].candidate.seed.id] += chain[-1].outcome is Outcome.PASS
    return tuple(counts.values())


def _estimate(recipe: RecipePlan, sample: Sample, available: int | None) -> Estimate:
    per_seed = mean_interval(sample.accepted)
    target = recipe.choice.target
    if target is None:
        seeds = None if available is None else Interval(available, available, available)
        records = None
        if available is not None:
            records = Interval(available * per_seed.value, available * per_seed.low, available * per_seed.high)
        return Estimate(recipe.slug, sample, per_seed, seeds, records)
    most = float("inf") if available is None else available
    needed = [min(most, target / bound if bound else float("inf")) for bound in _falling(per_seed)]
    made = [min(target, most * bound) if bound else 0.0 for bound in (per_seed.value, per_seed.low, per_seed.high)]
    return Estimate(recipe.slug, sample, per_seed, Interval(*needed), Interval(*made))


def _falling(interval: Interval) -> tuple[float, float, float]:
    """The more a seed gives, the fewer of them are needed."""
    return interval.value, interval.high, interval.low


def mean_interval(counts: Sequence[int]) -> Interval:
    """The mean of counts per seed, with a 95 % interval that is honest about small and uniform samples.

    As Agresti and Coull (1998) do for shares: two seeds are added that gave nothing, two that gave the most, before
    the usual interval is taken.
    """
    most = max(counts, default=1) or 1
    padded = [*counts, 0, 0, most, most]
    mean = sum(padded) / len(padded)
    variance = sum((count - mean) ** 2 for count in padded) / (len(padded) - 1)
    half = Z * math.sqrt(variance / len(padded))
    value = sum(counts) / len(counts) if counts else 0.0
    return Interval(value, max(0.0, min(value, mean - half)), max(value, mean + half))
