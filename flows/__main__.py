"""The command line: `provender COMMAND`, also `python -m flows`."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any

# Before Prefect is imported: no analytics, and its own log lines stay out of our terminal (the UI keeps them all).
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")

import typer
from typer.exceptions import TyperException

from curation.rules import Rule
from flows import terminal
from flows.errors import ConfigError, UserError
from flows.progress import reporting
from flows.version import VERSION

app = typer.Typer(
    name="provender",
    help="Makes verified training data for language models.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

INTERRUPTED = 130
"""Exit status after Ctrl-C."""

Quiet = Annotated[bool, typer.Option("--quiet", help="No progress and no tables; errors only.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON on standard output, for scripts.")]
Run = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")]


@app.callback(invoke_without_command=True)
def _options(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False,
) -> None:
    if version:
        print(f"provender {VERSION}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        print(context.get_help())


@app.command()
def rehearse(
    out: Annotated[Path, typer.Option(help="Run folder.")] = Path("runs/rehearsal"),
    seeds: Annotated[int, typer.Option(min=1, help="Seeds of each recipe.")] = 100,
    fault_rate: Annotated[float, typer.Option(min=0, max=1, help="Share of replies with a planted fault.")] = 0.3,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the run and of what is planted.")] = 0,
    recipes: Annotated[
        str | None, typer.Option(help="Comma-separated recipes, * for any: math/*; default: all.")
    ] = None,
    judge_accuracy: Annotated[float, typer.Option(min=0, max=1, help="Share of judgements that are right.")] = 1.0,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Run the whole pipeline on the rehearsal model: no GPU, no key, no network."""
    from flows import rehearse as rehearsal
    from flows.config import RehearsalSettings

    with reporting(quiet or as_json):
        settings = RehearsalSettings(fault_rate=fault_rate, seed=seed, judge_accuracy=judge_accuracy)
        result = rehearsal.start(seeds, settings, out, recipes.split(",") if recipes else None)
    if as_json:
        print(json.dumps(terminal.rehearsed_json(result), indent=2))
    elif not quiet:
        print(terminal.rehearsed_text(result))
    if result.escapes.escaped_though_decidable:
        raise UserError(
            f"{result.escapes.escaped_though_decidable} planted faults escaped; see {out}/rehearsal/escapes.txt"
        )


@app.command()
def make(
    config: Annotated[Path, typer.Argument(metavar="CONFIG.toml", help="The run's configuration.")],
    out: Annotated[Path | None, typer.Option(help="Run folder; default: runs/<name>-<fingerprint>.")] = None,
    overrides: Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a value.")] = None,
    show_config: Annotated[bool, typer.Option("--show-config", help="Print the whole config and stop.")] = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Make the dataset that CONFIG.toml describes. A rerun resumes."""
    from flows.config import load_config
    from flows.plan import resolve

    settings = load_config(config, overrides or [])
    plan = resolve(settings)
    if show_config:
        print(terminal.config_text(plan))
        return
    from flows import make_dataset

    settings, folder = asyncio.run(make_dataset.prepare(settings, out))
    with reporting(quiet or as_json):
        published = make_dataset.make(settings, str(folder))
    if as_json:
        print(json.dumps(terminal.published_json(published, folder), indent=2))
    elif not quiet:
        print(terminal.published_text(published, folder))


@app.command()
def verify(
    kind: Annotated[
        str,
        typer.Argument(
            metavar="KIND", help="code, static, math, majority, tool_calls, schema, trace, refusal, or records."
        ),
    ],
    source: Annotated[Path, typer.Option("--in", help="Rows as JSON lines; for records: a run folder or a shard.")],
    out: Annotated[Path, typer.Option("--out", help="Verdicts as JSON lines, one per row, in order.")],
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Prove rows that anybody made. The exit status does not depend on the verdicts."""
    from flows.verify_dataset import verify_rows

    counts = asyncio.run(verify_rows(kind, source, out))
    if as_json:
        print(json.dumps(dict(counts)))
    elif not quiet:
        print(f"{out}: " + ", ".join(f"{counts[name]:,} {name}" for name in ("pass", "fail", "unjudged")))


@app.command()
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
    quiet: Quiet = False,
) -> None:
    """Drop repetition, contamination and duplicates from any dataset, each row with its reason; mix what is kept."""
    from curation.curate import STEPS, CurateOptions
    from curation.paraphrases import ParaphraseRule
    from curation.semantic_duplicates import SemanticRule
    from flows.curate_any import EmbedderChoice, curate_any

    options = CurateOptions(
        field=field,
        steps=tuple(name.strip() for name in steps.split(",")) if steps else STEPS,
        semantic=SemanticRule(semantic_threshold, semantic_rule),
        paraphrase=ParaphraseRule(paraphrase_threshold),
        quality=quality,
        difficulty=difficulty,
    )
    chosen = EmbedderChoice(embedder, embedder_name, embedder_key_env) if embedder else None
    curated = curate_any(dataset, out, benchmarks or (), options, (chosen, mix))
    if not quiet:
        print(curated.text().rstrip())


@app.command()
def export(
    run: Run,
    out: Annotated[Path, typer.Option("--out", help="Folder for the training files.")],
    formats: Annotated[str, typer.Option("--format", help="Comma-separated export names.")] = "sft",
    quiet: Quiet = False,
) -> None:
    """Write training files from a finished run."""
    from flows.export_run import export_run

    counts = export_run(run, formats, out)
    if not quiet:
        print("\n".join(f"{out}/{name}: {count:,} rows" for name, count in counts.items()))


@app.command()
def report(run: Run) -> None:
    """Write the report of a run and name it."""
    from flows.export_run import report_run

    print(report_run(run))


@app.command()
def inspect(
    run: Run,
    record: Annotated[str | None, typer.Option("--id", help="One record, with all its attempts.")] = None,
    where: Annotated[
        list[str] | None, typer.Option("--where", metavar="FIELD=VALUE", help="Filter; repeatable.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Most rows to list.")] = 50,
) -> None:
    """Show records, their attempts and their verdicts."""
    from flows.export_run import inspect_run

    print(inspect_run(run, record, where or [], limit, terminal.width()))


@app.command()
def deploy(
    configs: Annotated[
        list[Path] | None, typer.Argument(metavar="[CONFIG.toml]...", help="Each becomes a deployment of its name.")
    ] = None,
    cron: Annotated[str | None, typer.Option(help='When the configs run, for example "0 2 * * *".')] = None,
    interval: Annotated[str | None, typer.Option(help="How often the configs run: 90s, 30m, 6h, 1d.")] = None,
    timezone: Annotated[str, typer.Option(help="Time zone of the schedule.")] = "UTC",
    fresh: Annotated[
        bool | None, typer.Option("--fresh/--resume", help="Each run a dataset of its own; default: if scheduled.")
    ] = None,
    work_pool: Annotated[str, typer.Option(help="Work pool; made for processes where there is none.")] = "provender",
    tags: Annotated[list[str] | None, typer.Option("--tag", help="Tag of every deployment; repeatable.")] = None,
    overrides: Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a value.")] = None,
    quiet: Quiet = False,
) -> None:
    """Register the flows as deployments of the Prefect server at PREFECT_API_URL, with a schedule if one is given."""
    from flows import deploy as registering
    from flows.deployments import DeployOptions

    options = DeployOptions(
        work_pool=work_pool,
        cron=cron,
        interval=registering.parse_interval(interval) if interval else None,
        timezone=timezone,
        tags=tuple(tags or ()),
        overrides=tuple(overrides or ()),
        fresh=fresh,
    )
    names = registering.deploy(configs or [], options)
    if not quiet:
        print(terminal.deployed_text(names, work_pool))


@app.command()
def doctor(
    config: Annotated[
        Path | None, typer.Argument(metavar="[CONFIG.toml]", help="Also try this config's endpoints.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Check engine, sandbox, endpoints and disk, and say what to do."""
    from flows.doctor import examine

    findings = examine(config)
    print(
        json.dumps([vars(finding) for finding in findings], indent=2) if as_json else terminal.findings_text(findings)
    )
    if any(not finding.ok for finding in findings):
        raise UserError("something is missing; see above")


def main() -> None:
    """Run the command line and exit: 0 done, 1 the work failed, 2 usage or config, 130 Ctrl-C."""
    sys.exit(run_command(sys.argv[1:]))


def run_command(arguments: list[str]) -> int:
    """Run one command; errors that a user can mend become one line on standard error."""
    try:
        result: Any = app(args=arguments, prog_name="provender", standalone_mode=False)
    except TyperException as error:
        return _say(f"{_usage(error)} (try --help)", 2)
    except (typer.Abort, KeyboardInterrupt):
        result = INTERRUPTED
    except BrokenPipeError:
        sys.stdout = None  # the reader is gone: nothing more to flush
        return 0
    except (UserError, ConfigError) as error:
        return _say(str(error), error.exit_status)
    except terminal.MENDABLE as error:
        return _say(terminal.one_line(error), terminal.exit_status(error))
    if result == INTERRUPTED:  # typer turns most interrupts into this status by itself
        return _say("stopped; run the same command again to resume", INTERRUPTED)
    return result if isinstance(result, int) else 0


def _usage(error: TyperException) -> str:
    """The message as typer itself would print it, which names the option."""
    format_message = getattr(error, "format_message", error.__str__)
    return " ".join(str(format_message()).split())


def _say(line: str, status: int) -> int:
    sys.stderr.write(f"provender: {line}\n")
    return status


if __name__ == "__main__":
    main()
