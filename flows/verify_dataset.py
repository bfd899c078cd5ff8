"""Proves rows that anybody made (`provender verify KIND`), and the stored records of a run once more."""

from __future__ import annotations

import asyncio
import json
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import orjson
from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Completed
from pydantic import BaseModel, Field, ValidationError

import verifiers
from flows.config import SandboxSettings, validate_config
from flows.cores import cores
from flows.errors import ConfigError
from flows.judge_model import HINT, JudgeChoice, journal_beside, judge_model
from flows.replay import replay_of
from flows.run_folder import RunFolder
from flows.sandboxes import sandbox_for
from records.schema import row_record
from records.tables import atomic_file, read_rows
from records.types import Outcome, Verdict
from served_model.types import ModelUnavailable
from verifiers import (
    atomic_facts,
    code_static,
    code_tests,
    factuality,
    json_schema,
    majority_vote,
    math_answer,
    refusal,
    safety,
    tool_calls,
    trace,
)
from verifiers.base import Resources
from verifiers.workers import ProcessPool

IN_WORK = 64
"""Rows proved at a time: enough to keep every slot busy, few enough to keep memory flat."""


@dataclass(frozen=True)
class RowKind:
    """One KIND of the command line: the fields of its rows and how a row is proved."""

    row: type[BaseModel]
    prove: Callable[[Any, Resources], Awaitable[Verdict]]


KINDS: Mapping[str, RowKind] = {
    "code": RowKind(code_tests.Row, code_tests.prove_row),
    "static": RowKind(code_static.Row, code_static.prove_row),
    "math": RowKind(math_answer.Row, math_answer.prove_row),
    "majority": RowKind(majority_vote.Row, majority_vote.prove_row),
    "tool_calls": RowKind(tool_calls.Row, tool_calls.prove_row),
    "schema": RowKind(json_schema.Row, json_schema.prove_row),
    "trace": RowKind(trace.Row, trace.prove_row),
    "refusal": RowKind(refusal.Row, refusal.prove_row),
    "factuality": RowKind(factuality.Row, factuality.prove_row),
    "atomic_facts": RowKind(atomic_facts.Row, atomic_facts.prove_row),
    "safety": RowKind(safety.Row, safety.prove_row),
}
JUDGED_KINDS = ("factuality", "atomic_facts", "safety")
_DEFAULT = SandboxSettings()
_NO_JUDGE = JudgeChoice()
RECORDS_KIND = "records"
"""Takes a run folder instead of rows, and answers the stored checks of its accepted records again."""


async def verify_rows(
    kind: str, source: Path, out: Path, sandbox: SandboxSettings = _DEFAULT, judge: JudgeChoice = _NO_JUDGE
) -> Counter[str]:
    """Write one verdict line per row of `source`, in order. Raises ConfigError for a kind or file that is not there.

    What a judge said is kept beside `out`: a rerun pays for nothing twice.
    """
    if kind != RECORDS_KIND and kind not in KINDS:
        raise ConfigError(f"verify {kind}: unknown kind; known: {', '.join([*KINDS, RECORDS_KIND])}")
    if kind in JUDGED_KINDS and not judge.given:
        raise ConfigError(f"verify {kind}: needs a judge: {HINT}")
    _require_readable(source)
    counts: Counter[str] = Counter()
    if kind == RECORDS_KIND and not sandbox.site:
        sandbox = sandbox.model_copy(update={"site": _site_of(source)})
    replay = replay_of(source) if kind == RECORDS_KIND and not judge.given else None
    async with _resources(sandbox, judge, journal_beside(out)) as opened:
        resources = replace(opened, model=replay) if replay else opened
        with atomic_file(out) as partial, partial.open("wb") as lines:
            proofs = (
                _prove_records(source, resources) if kind == RECORDS_KIND else _prove_lines(kind, source, resources)
            )
            async for name, verdict in _in_order(proofs):
                counts[str(verdict.outcome)] += 1
                lines.write(_line(name, verdict))
    return counts


def _site_of(run: Path) -> str | None:
    """The libraries that a run's programs had: without them they would give other results."""
    if not (run / "run.json").is_file():
        return None
    config = RunFolder(run).read_run().get("config", {})
    return validate_config(config, str(run / "run.json")).sandbox.site


def _require_readable(source: Path) -> None:
    try:
        if source.is_file():
            source.open("rb").close()
        elif not source.exists():
            raise ConfigError(f"--in {source}: no such file")
    except OSError as error:
        raise ConfigError(f"--in {source}: cannot be read: {error.strerror}") from error


@asynccontextmanager
async def _resources(settings: SandboxSettings, judge: JudgeChoice, journal: Path) -> AsyncIterator[Resources]:
    sandbox = sandbox_for(settings)
    workers = ProcessPool(cores())
    try:
        async with AsyncExitStack() as stack:
            model = await stack.enter_async_context(judge_model(judge, journal)) if judge.given else None
            yield Resources(sandbox, workers, model)
    finally:
        await workers.aclose()
        await sandbox.aclose()


Proof = tuple[Any, Awaitable[Verdict]]


def _prove_lines(kind: str, source: Path, resources: Resources) -> Iterator[Proof]:
    with source.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield _prove_line(KINDS[kind], line, number, resources)


def _prove_line(kind: RowKind, line: bytes, number: int, resources: Resources) -> Proof:
    """A row that cannot be read is a row about which nothing is known."""
    try:
        data = json.loads(line)
    except (ValueError, RecursionError) as error:
        return None, _known(f"line {number}: not JSON: {error}")
    if not isinstance(data, dict):
        return None, _known(f"line {number}: not a JSON object")
    try:
        row = kind.row.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "row"
        return data.get("id"), _known(f"field {field}: {first['msg']}")
    return data.get("id"), _guarded(kind.prove, row, resources)


async def _known(reason: str) -> Verdict:
    return Verdict("row", Outcome.UNJUDGED, reason)


async def _guarded(prove: Callable[[Any, Resources], Awaitable[Verdict]], row: Any, resources: Resources) -> Verdict:
    try:
        return await prove(row, resources)
    except ModelUnavailable:
        raise
    except Exception as error:  # noqa: BLE001 - as in verifiers.verify: a defect of ours is no evidence against the row
        return Verdict("row", Outcome.UNJUDGED, "verifier_error", {"error": f"{type(error).__name__}: {error}"})


def _prove_records(source: Path, resources: Resources) -> Iterator[Proof]:
    """Accepted records of a run folder or of one shard file, proved from what the shard stores.

    Where a check needs a judge, the run's own journal answers for it, or the judge that is given.
    """
    files = [source] if source.is_file() else RunFolder(source).shards()
    if not files:
        raise ConfigError(f"--in {source}: no shards there; give a run folder or a shard file")
    for row in read_rows(files):
        if row["is_final"] and row["outcome"] == "pass":
            yield row["id"], _reprove(row, resources)


async def _reprove(row: Mapping[str, Any], resources: Resources) -> Verdict:
    """Without a judge, the checks that ask one are left as they are stored, and the evidence names them."""
    record = row_record(row, verifiers.decode_check)
    left = {
        check.kind
        for check in record.candidate.checks
        if not resources.model and verifiers.VERIFIERS[check.kind].asks_model
    }
    checks = tuple(check for check in record.candidate.checks if check.kind not in left)
    if not checks:
        return Verdict(record.deciding.check, Outcome.UNJUDGED, "no_judge", {"not_repeated": sorted(left)})
    stored = [verdict for verdict in record.verdicts if verdict.check not in left]
    verdicts = await verifiers.verify_all(replace(record.candidate, checks=checks), resources)
    differing = [old.check for old, new in zip(stored, verdicts, strict=False) if old != new]
    same = len(verdicts) == len(stored) and not differing
    evidence = {"same_verdicts": same, "differing": differing, "not_repeated": sorted(left)}
    return Verdict(verdicts[-1].check, verdicts[-1].outcome, verdicts[-1].reason, evidence)


async def _in_order(proofs: Iterator[Proof]) -> AsyncIterator[tuple[Any, Verdict]]:
    """Verdicts in the order of the rows, IN_WORK rows in work at a time."""
    window: deque[tuple[Any, asyncio.Task[Verdict]]] = deque()
    try:
        for name, proof in proofs:
            window.append((name, asyncio.ensure_future(proof)))
            if len(window) == IN_WORK:
                first, task_ = window.popleft()
                yield first, await task_
        while window:
            first, task_ = window.popleft()
            yield first, await task_
    finally:
        for _, task_ in window:
            task_.cancel()
        await asyncio.gather(*(task_ for _, task_ in window), return_exceptions=True)


def _line(name: Any, verdict: Verdict) -> bytes:
    data = {"id": name, "outcome": str(verdict.outcome), "reason": verdict.reason, "evidence": dict(verdict.evidence)}
    try:
        return orjson.dumps(data, option=orjson.OPT_NON_STR_KEYS) + b"\n"
    except TypeError:  # lone surrogates and integers beyond 64 bits, which orjson refuses
        return json.dumps(data, default=str).encode() + b"\n"


@task(name="verify", task_run_name="verify-{kind}", cache_policy=NO_CACHE, persist_result=False)
async def verify_file(kind: str, source: str, out: str, judge: str | None = None) -> dict[str, int]:
    """Prove one file of rows."""
    return dict(await verify_rows(kind, Path(source), Path(out), judge=JudgeChoice(url=judge)))


Kind = Annotated[
    str,
    Field(title="Kind of rows", description="What proves a row.", json_schema_extra={"enum": [*KINDS, RECORDS_KIND]}),
]


@flow(name="verify_dataset", flow_run_name="verify {kind} {source}", persist_result=False)
async def verify_dataset(
    kind: Kind,
    source: Annotated[str, Field(title="Rows", description="JSON lines; for records: a run folder or a shard.")],
    out: Annotated[str, Field(title="Verdicts", description="File for the verdicts, one per row, in order.")],
    judge: Annotated[
        str | None, Field(title="Judge", description="Base URL of a judge, for kinds that need one.")
    ] = None,
) -> State[Any]:
    """Prove the rows of a JSON-lines file (or, with kind "records", of a run); one verdict a line."""
    counts = await verify_file(kind, source, out, judge)
    return Completed(message=", ".join(f"{count:,} {name}" for name, count in sorted(counts.items())), data=counts)
