"""Commands on anybody's rows and datasets: verify, curate, audit."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Annotated

import typer

from curation.rules import Rule
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


def curate(
    dataset: Annotated[Path, typer.Argument(metavar="DATASET", help="Parquet file or folder, or JSON lines.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for what is kept, the drops and the counts.")],
    benchmarks: Annotated[list[Path] | None, typer.Option("--benchmarks", help="Benchmark file; repeatable.")] = None,
    steps: Annotated[str | None, typer.Option("--steps", help="Comma-separated steps; default: all of them.")] = None,
    field: Annotated[str | None, typer.Option("--field", help="Column that holds the text.")] = None,
    mix: Annotated[Path | None, typer.Option("--mix", help="TOML file with weights, caps and epochs.")] = None,
    embedder: Annotated[
        str | None, typer.Option(help="Base URL of an embeddings endpoint, or local; for semantic steps.")
    ] = None,
    embedder_name: Annotated[str | None, typer.Option(help="Model at that endpoint, or a local folder.")] = None,
    embedder_key_env: Annotated[str | None, typer.Option(help="Environment variable with the API key.")] = None,
    semantic_threshold: Annotated[float, typer.Option(min=-1, max=1, help="Cosine of semantic duplicates.")] = 0.9,
    semantic_rule: Annotated[Rule, typer.Option(help="Compare with those kept (Deita) or seen (Llama 3).")] = Rule.KEPT,
    paraphrase_threshold: Annotated[float, typer.Option(min=-1, max=1, help="Cosine of paraphrased items.")] = 0.65,
    quality: Annotated[str | None, typer.Option(help="Column of a score: semantic duplicates keep the best.")] = None,
    difficulty: Annotated[str | None, typer.Option(help="Column of a difficulty, multiplied with quality.")] = None,
    labels: Annotated[
        Path | None, typer.Option("--labels", help="TOML file: safety, quality, difficulty, topic, phrases.")
    ] = None,
    judge: JudgeUrl = None,
    judge_model: JudgeName = None,
    judge_key_env: JudgeKey = None,
    config: JudgeConfig = None,
    quiet: Quiet = False,
) -> None:
    """Drop from any dataset what repeats itself, is contaminated, unsafe, double or poor, each row with its reason."""
    from curation.label_settings import read_label_settings
    from curation.mix import read_mix
    from curation.options import NO_LABELS, STEPS
    from flows.curate_any import EmbedderChoice, Extras, Meaning, curate_any
    from flows.judge_model import JudgeChoice

    meaning = Meaning(
        semantic_threshold=semantic_threshold,
        semantic_rule=semantic_rule,
        paraphrase_threshold=paraphrase_threshold,
        quality=quality,
        difficulty=difficulty,
    )
    options = meaning.options(field, [name.strip() for name in steps.split(",")] if steps else STEPS)
    where = EmbedderChoice(where=embedder, name=embedder_name, api_key_env=embedder_key_env) if embedder else None
    extras = Extras(
        where,
        read_mix(mix) if mix else None,
        read_label_settings(labels) if labels else NO_LABELS,
        JudgeChoice(config, judge, judge_model, judge_key_env),
    )
    curated = curate_any(dataset, out, benchmarks or (), options, extras)
    if not quiet:
        print(curated.text().rstrip())


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
