"""Commands that make runs and look at them: rehearse, make, export, report, inspect."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows import terminal
from flows.commands.options import Backend, Batch, Json, Quiet, Run, Send, Unsafe, Wait
from flows.errors import ConfigError, UserError
from flows.progress import reporting

if TYPE_CHECKING:
    from flows.config import RunConfig
    from flows.settle import Published


def rehearse(
    out: Annotated[Path, typer.Option(help="Run folder.")] = Path("runs/rehearsal"),
    seeds: Annotated[
        int, typer.Option(min=1, help="Seeds of each recipe; an eighth for tool use unless recipes are named.")
    ] = 100,
    fault_rate: Annotated[float, typer.Option(min=0, max=1, help="Share of replies with a planted fault.")] = 0.3,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the run and of what is planted.")] = 0,
    recipes: Annotated[
        str | None, typer.Option(help="Comma-separated recipes, * for any: math/*; default: all.")
    ] = None,
    judge_accuracy: Annotated[float, typer.Option(min=0, max=1, help="Share of judgements that are right.")] = 1.0,
    backend: Backend = "auto",
    unsafe: Unsafe = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Run the whole pipeline on the rehearsal model: no GPU, no key, no network."""
    from flows import rehearse as rehearsal
    from flows.config import RehearsalSettings, sandbox_settings

    with reporting(quiet or as_json):
        settings = RehearsalSettings(fault_rate=fault_rate, seed=seed, judge_accuracy=judge_accuracy)
        sandbox = sandbox_settings(backend, unsafe)
        result = rehearsal.start(seeds, settings, out, recipes.split(",") if recipes else None, sandbox)
    if as_json:
        print(json.dumps(terminal.rehearsed_json(result), indent=2))
    elif not quiet:
        print(terminal.rehearsed_text(result))
    if result.escapes.escaped_though_decidable:
        raise UserError(
            f"{result.escapes.escaped_though_decidable} planted faults escaped; see {out}/rehearsal/escapes.txt"
        )


def make(
    config: Annotated[Path, typer.Argument(metavar="CONFIG.toml", help="The run's configuration.")],
    out: Annotated[Path | None, typer.Option(help="Run folder; default: runs/<name>-<fingerprint>.")] = None,
    overrides: Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a value.")] = None,
    show_config: Annotated[bool, typer.Option("--show-config", help="Print the whole config and stop.")] = False,
    unsafe: Unsafe = False,
    estimate: Annotated[
        bool, typer.Option("--estimate", help="Work a few seeds, say what all will take, and stop; make goes on.")
    ] = False,
    sample: Annotated[int, typer.Option(min=1, help="Seeds of each recipe that --estimate works.")] = 32,
    batch: Batch = False,
    send: Send = False,
    wait: Wait = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Make the dataset that CONFIG.toml describes. A rerun resumes."""
    from flows.config import load_config
    from flows.plan import resolve

    settings = load_config(config, [*(overrides or []), *(["batch=true"] if batch else [])], unsafe)
    if (send or wait) and not settings.batch:
        raise ConfigError("--send and --wait go with --batch")
    plan = resolve(settings)
    if show_config:
        print(terminal.config_text(plan))
        return
    if estimate:
        _estimate(settings, out, sample, as_json)
        return
    from flows import make_dataset

    settings, folder = asyncio.run(make_dataset.prepare(settings, out))
    with reporting(quiet or as_json):
        published = _made(settings, folder, (send, wait), quiet)
    if as_json:
        print(json.dumps(terminal.published_json(published, published.root), indent=2))
    elif not quiet:
        print(terminal.published_text(published, published.root))


def _made(settings: RunConfig, folder: Path, rounds: tuple[bool, bool], quiet: bool) -> Published:
    from flows import make_dataset
    from flows.batches import Rounds, make_in_rounds

    def tell(line: str) -> None:
        if not quiet:
            print(f"batch: {line}", file=sys.stderr, flush=True)

    if not settings.batch:
        return make_dataset.make(settings, str(folder))
    return make_in_rounds(settings, folder, Rounds(*rounds), tell)


def _estimate(config: RunConfig, out: Path | None, seeds: int, as_json: bool) -> None:
    from flows.estimate import estimate
    from flows.estimate_text import estimate_json, estimate_text

    estimates, folder = asyncio.run(estimate(config, out, seeds))
    if as_json:
        print(json.dumps(estimate_json(estimates, folder), indent=2))
    else:
        print(estimate_text(estimates, folder))


def export(
    run: Run,
    out: Annotated[Path, typer.Option("--out", help="Folder for the training files.")],
    formats: Annotated[str, typer.Option("--format", help="Comma-separated export names.")] = "sft",
    pairs_per_prompt: Annotated[int | None, typer.Option(min=1, max=16, help="Most pairs of one prompt.")] = None,
    least_strength: Annotated[
        str | None, typer.Option(help="Weakest pairs: significantly_better, better or slightly_better.")
    ] = None,
    push: Annotated[
        str | None, typer.Option(metavar="URL", help="Put them there: s3://, gs://, file://, hf://datasets/OWNER/NAME.")
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Write training files from a finished run, and put them where others read them."""
    from flows.export_run import export_run, push_export, require_push

    if push is not None:
        require_push(push)
    given = {"pairs_per_prompt": pairs_per_prompt, "least_strength": least_strength}
    changes = {name: value for name, value in given.items() if value is not None}
    counts = export_run(run, formats, out, changes)
    if not quiet:
        print("\n".join(f"{out}/{name}: {count:,} rows" for name, count in counts.items()))
    if push is not None:
        line = push_export(out, push)
        if not quiet:
            print(line)


def report(run: Run) -> None:
    """Write the report of a run and name it."""
    from flows.export_run import report_run

    print(report_run(run))


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


def trace(
    place: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, or one of its shards alone.")],
    record: Annotated[str, typer.Option("--id", help="Id of a record, as rows of the dataset name it.")],
    as_json: Json = False,
) -> None:
    """Follow a record back to its seed, through the recipes and rounds that it came from; 1 where that is not whole."""
    from audit.trace import faults_of, trace_json, trace_text
    from flows.export_run import trace_record

    steps = trace_record(place, record)
    print(json.dumps(trace_json(steps), indent=2) if as_json else trace_text(steps))
    if faults := faults_of(steps):
        raise UserError(f"{record}: {faults[0]}")
