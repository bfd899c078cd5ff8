"""Works one shard: builds what it needs from names and paths, runs the loop, commits the result in one rename."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from flows.config import RunConfig
from flows.errors import UserError
from flows.guarding import guard_of
from flows.judging import Counts, count_probes
from flows.loop import Listener, Loop, ShardResult
from flows.plan import RecipePlan, resolve_recipe
from flows.run_folder import RunFolder
from flows.seed_plan import read_seeds
from flows.version import SOFTWARE
from flows.workbench import Workbench, workbench
from generators.recipe import Resources
from records.accounts import Accounts
from records.schema import DROPS, RECORDS, drop_row, record_row
from records.tables import read_extra, write_table
from records.types import Outcome
from served_model.journal import Journal, read_journal
from served_model.spans import span
from served_model.types import Usage
from verifiers.base import Resources as VerifyResources
from verifiers.safety import NEEDS_REVIEW

UNJUDGED_ALARM = 20
"""Finished chains of a shard after which a majority of UNJUDGED ones stops the run: then the judge is broken."""


@dataclass(frozen=True)
class ShardJob:
    """Names one shard of one recipe; all that a worker on any machine needs, given the run folder."""

    config: RunConfig
    out: Path
    recipe: int  # index in the config
    shard: int


@dataclass(frozen=True)
class ShardSummary:
    """What a finished shard says about itself; read back from its file, so a resumed run says the same."""

    shard: int
    accounts: Accounts
    usage: Mapping[str, Usage]  # by model name
    cut: str = ""  # the limit that ended it before all of its seeds were worked
    judges: Counts = field(default_factory=dict)  # their known answers

    @property
    def accepted_of(self) -> tuple[int, int]:
        """Accepted records, and all records that came to an end."""
        ends = [count for count in self.accounts if count.stage == "record"]
        return sum(count.accepted for count in ends), sum(count.entered for count in ends)

    def to_json(self) -> str:
        """For the file-level metadata of the shard."""
        usage = {name: [item.prompt_tokens, item.completion_tokens] for name, item in sorted(self.usage.items())}
        judges = {prompt: dict(sorted(models.items())) for prompt, models in sorted(self.judges.items())}
        data = {"shard": self.shard, "accounts": self.accounts.to_json(), "usage": usage, "cut": self.cut}
        return orjson.dumps(data | {"judges": judges}).decode()

    @classmethod
    def read(cls, path: Path) -> ShardSummary:
        """The summary of a shard on disk."""
        data = orjson.loads(read_extra(path, "provender.summary"))
        usage = {name: Usage(*counts) for name, counts in data["usage"].items()}
        judges = {
            prompt: {model: (right, total) for model, (right, total) in models.items()}
            for prompt, models in data.get("judges", {}).items()
        }
        return cls(data["shard"], Accounts.from_json(data["accounts"]), usage, data.get("cut", ""), judges)


async def make_shard(job: ShardJob, listen: Listener) -> ShardSummary:
    """Work the shard, or read its summary where it is done already. One that a budget has cut is worked again."""
    folder = RunFolder(job.out)
    plan = resolve_recipe(job.config, job.recipe)
    path = folder.shard(plan.slug, job.shard)
    if path.exists() and not (summary := ShardSummary.read(path)).cut:
        return summary
    with (
        span("shard", attributes={"provender.run": job.out.name, "provender.shard": path.name}),
        contextlib.closing(Journal.open(folder.journal(plan.slug, job.shard))) as journal,
    ):
        async with workbench(job.config) as bench:
            result = await _work(job, plan, bench, journal, listen)
        _refuse_broken_judgement(plan, result)
        probes = count_probes(result.chains)
        summary = ShardSummary(job.shard, result.accounts, usage_of(journal.path), result.cut, probes)
        # In a thread: a slow disk must not hold up the other shards' requests.
        await asyncio.to_thread(_commit, job, path, summary, result, journal)
        return summary


async def _work(job: ShardJob, plan: RecipePlan, bench: Workbench, journal: Journal, listen: Listener) -> ShardResult:
    tally = bench.tally(plan.slug)
    tally.begin(job.shard)

    def heard(kind: str, outcome: Outcome | None, reason: str) -> None:
        if outcome is not None:
            tally.count(job.shard, outcome)
        else:
            tally.seed(reason)
        listen(kind, outcome, reason)

    with bench.model(journal, plan.slug) as model:
        resources = Resources(model, plan.settings, job.config.seed, job.config.round, bench.sandbox)
        verify = VerifyResources(bench.sandbox, bench.workers, model)
        guarded = guard_of(job.config.safety, job.config.quality)
        loop = Loop(plan.recipe, resources, verify, heard, bench.gate, bench.seen.record, guarded)
        return await loop.run(read_seeds(RunFolder(job.out), plan.slug, job.shard))


def usage_of(journal: Path) -> dict[str, Usage]:
    """Tokens paid for, by model, from the replies in a journal."""
    usage: dict[str, Usage] = {}
    for line in read_journal(journal):
        if "usage" in line:
            usage[line["model"]] = usage.get(line["model"], Usage()) + Usage(*line["usage"])
    return usage


def _refuse_broken_judgement(plan: RecipePlan, result: ShardResult) -> None:
    """A judge that mostly fails says nothing about the data: stop before the shard is written, so it can be redone."""
    unjudged = [chain[-1] for chain in result.chains if chain[-1].outcome is Outcome.UNJUDGED]
    unjudged = [record for record in unjudged if record.deciding.reason != NEEDS_REVIEW]  # known, and for a person
    if len(result.chains) >= UNJUDGED_ALARM and 2 * len(unjudged) > len(result.chains):
        verdict = unjudged[0].deciding
        detail = verdict.evidence.get("error", "")
        raise UserError(
            f"{plan.recipe.name}: {len(unjudged)} of {len(result.chains)} records could not be judged "
            f"({verdict.check}: {verdict.reason} {detail}); mend it (provender doctor) and run again: replies are kept"
        )


def _commit(job: ShardJob, path: Path, summary: ShardSummary, result: ShardResult, journal: Journal) -> None:
    """Replies first, then losses, then the name that says done."""
    with span("commit", attributes={"provender.shard": path.name}):
        journal.sync()
        ends = ((record, record is chain[-1]) for chain in result.chains for record in chain)
        rows = [record_row(record, is_final, SOFTWARE, job.config.round) for record, is_final in ends]
        write_table(RunFolder(job.out).drops_of(path), DROPS, [drop_row(drop) for drop in result.drops])
        write_table(path, RECORDS, rows, {"provender.summary": summary.to_json()})
