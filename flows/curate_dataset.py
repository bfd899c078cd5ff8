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
from pydantic import BaseModel, ConfigDict, Field

from audit.tables import markdown_table
from audit.yield_table import render_markdown
from curation.label_settings import LabelSettings
from curation.mix import Mix
from curation.options import NO_LABELS, STEPS, CurateOptions
from flows.curate_any import NO_JUDGE, Curated, EmbedderChoice, Extras, Meaning, curate_any
from flows.judge_model import JudgeChoice

Benchmarks = Annotated[Sequence[str], Field(description="Benchmark files; rows that hold their items are dropped.")]
Steps = Annotated[
    Sequence[str],
    Field(json_schema_extra={"items": {"enum": list(STEPS)}}, description="What is looked for, in this order."),
]


By = Annotated[
    EmbedderChoice | None,
    Field(title="Embedder", description="Compares rows by meaning; none: those steps are left out."),
]
Same = Annotated[Meaning, Field(title="Meaning", description="When rows mean the same, with an embedder.")]
Mixing = Annotated[Mix | None, Field(title="Mix", description="Shares of the groups of what is kept; none: no mix.")]
Labelled = Annotated[LabelSettings, Field(title="Labels", description="What models are asked about each row.")]
DEFAULT = Meaning()


class JudgeForm(BaseModel):
    """Who is asked for labels: a run's config with its models, or one endpoint for every role."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    config: str | None = Field(None, title="Config", description="A run's TOML config, for its models.")
    url: str | None = Field(None, title="Base URL", description="Of an endpoint, in place of a config.")
    name: str | None = Field(None, title="Model", description="At that endpoint; none: the only one it serves.")
    key_env: str | None = Field(None, title="API key: environment variable", description="Name of the variable.")

    def choice(self) -> JudgeChoice:
        """The same for the code below."""
        return JudgeChoice(Path(self.config) if self.config else None, self.url, self.name, self.key_env)


Judges = Annotated[JudgeForm | None, Field(title="Judge", description="Who is asked for labels.")]


@task(name="curate", task_run_name="curate-{dataset}", cache_policy=NO_CACHE, persist_result=False)
async def curate_files(
    dataset: str, out: str, benchmarks: Sequence[str], options: CurateOptions, extras: Extras
) -> Curated:
    """Curate one dataset in a thread of its own, so that the flow can be cancelled."""
    files = [Path(one) for one in benchmarks]
    return await asyncio.to_thread(curate_any, Path(dataset), Path(out), files, options, extras)


@flow(name="curate_dataset", flow_run_name="curate-{dataset}", persist_result=False)
async def curate_dataset(
    dataset: Annotated[str, Field(description="Parquet file or folder, or JSON lines.")],
    out: Annotated[str, Field(description="Folder for what is kept, the drops and the counts.")],
    benchmarks: Benchmarks = (),
    steps: Steps = STEPS,
    field: Annotated[str | None, Field(description="Column that holds the text; none: guessed.")] = None,
    embedder: By = None,
    meaning: Same = DEFAULT,
    mix: Mixing = None,
    labels: Labelled = NO_LABELS,
    judge: Judges = None,
) -> State[Any]:
    """Drop from any dataset what repeats itself, is contaminated, unsafe, double or poor, each row with its reason."""
    extras = Extras(embedder, mix, labels, judge.choice() if judge else NO_JUDGE)
    curated = await curate_files(dataset, out, benchmarks, meaning.options(field, steps), extras)
    result, mixed = curated.result, curated.mixed
    tables = [render_markdown(result.accounts)]
    if mixed is not None:
        rows = [(one.group, one.available, one.rows, f"{one.share:.1%}", f"{one.epochs:.2f}") for one in mixed.table]
        tables.append(markdown_table(("group", "available", "rows", "share", "epochs"), rows))
    await acreate_markdown_artifact(key="yield-table", markdown="\n".join(tables))
    counts = list(result.accounts)
    kept, seen = (counts[-1].accepted, counts[0].entered) if counts else (0, 0)
    more = f"; {sum(one.rows for one in mixed.table):,} rows mixed in {mixed.file}" if mixed else ""
    return Completed(message=f"{kept:,} of {seen:,} rows kept; drops in {result.drops}{more}", data=result)
