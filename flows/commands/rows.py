"""Commands on anybody's rows and datasets: verify and audit."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Annotated

import typer

from flows.commands.judge import JudgeConfig, JudgeKey, JudgeName, JudgeUrl
from flows.commands.options import Backend, Json, Quiet, Site, Unsafe


def verify(
    kind: Annotated[
        str,
        typer.Argument(
            metavar="KIND",
            help="code, static, math, majority, tool_calls, schema, trace, refusal, factuality, atomic_facts, safety, "
            "records.",
        ),
    ],
    source: Annotated[Path, typer.Option("--in", help="Rows as JSON lines; for records: a run folder or a shard.")],
    out: Annotated[Path, typer.Option("--out", help="Verdicts as JSON lines, one per row, in order.")],
    judge: JudgeUrl = None,
    judge_model: JudgeName = None,
    judge_key_env: JudgeKey = None,
    config: JudgeConfig = None,
    backend: Backend = "auto",
    site: Site = None,
    unsafe: Unsafe = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Prove rows that anybody made. The exit status does not depend on the verdicts."""
    from flows.config import sandbox_settings
    from flows.judge_model import JudgeChoice
    from flows.verify_dataset import verify_rows

    choice = JudgeChoice(config, judge, judge_model, judge_key_env)
    counts = asyncio.run(verify_rows(kind, source, out, sandbox_settings(backend, unsafe, site), choice))
    if as_json:
        print(json.dumps(dict(counts)))
    elif not quiet:
        print(f"{out}: " + ", ".join(f"{counts[name]:,} {name}" for name in ("pass", "fail", "unjudged")))


def audit(
    dataset: Annotated[Path, typer.Argument(metavar="DATASET", help="A run folder, Parquet, or JSON lines.")],
    out: Annotated[Path | None, typer.Option(help="Folder for result, page, log and baseline.")] = None,
    limits: Annotated[list[str] | None, typer.Option("--limit", metavar="NAME=VALUE", help="Another limit.")] = None,
    field: Annotated[str | None, typer.Option("--field", help="Column that holds the text.")] = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Look for artefacts, repeated phrases, poor clusters and drift; exit status 1 where a limit is exceeded."""
    from flows import audit_dataset

    checked = audit_dataset.parse_limits(limits or [])
    result, place = audit_dataset.run_audit(dataset, out, checked, field)
    if as_json:
        print(json.dumps(result.to_json(), indent=2))
    elif not quiet:
        print(audit_dataset.text(result, place))
    audit_dataset.require_none(result.findings)
