"""`provender curate` as a Prefect flow: any dataset in, what is worth keeping out, each loss with its reason."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from prefect import flow, task
from prefect.artifacts import acreate_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Completed
from pydantic import Field

from audit.yield_table import render_markdown
from curation.curate import STEPS, CurateOptions, CurateResult, curate

Benchmarks = Annotated[Sequence[str], Field(description="Benchmark files; rows that hold their items are dropped.")]
Steps = Annotated[
    Sequence[str],
    Field(json_schema_extra={"items": {"enum": list(STEPS)}}, description="What is looked for, in this order."),
]


@task(name="curate", task_run_name="curate-{dataset}", cache_policy=NO_CACHE, persist_result=False)
async def curate_files(dataset: str, out: str, benchmarks: Sequence[str], options: CurateOptions) -> CurateResult:
    """Curate one dataset in a thread of its own, so that the flow can be cancelled."""
    return await asyncio.to_thread(curate, Path(dataset), Path(out), [Path(one) for one in benchmarks], options)


@flow(name="curate_dataset", flow_run_name="curate-{dataset}", persist_result=False)
async def curate_dataset(
    dataset: Annotated[str, Field(description="Parquet file or folder, or JSON lines.")],
    out: Annotated[str, Field(description="Folder for what is kept, the drops and the counts.")],
    benchmarks: Benchmarks = (),
    steps: Steps = STEPS,
    field: Annotated[str | None, Field(description="Column that holds the text; none: guessed.")] = None,
) -> State[Any]:
    """Drop repetition, contamination and duplicates from any dataset, each row with its reason."""
    result = await curate_files(dataset, out, benchmarks, CurateOptions(field=field, steps=tuple(steps)))
    await acreate_markdown_artifact(key="yield-table", markdown=render_markdown(result.accounts))
    counts = list(result.accounts)
    kept, seen = (counts[-1].accepted, counts[0].entered) if counts else (0, 0)
    return Completed(message=f"{kept:,} of {seen:,} rows kept; drops in {result.drops}", data=result)
