"""Works on a finished run folder: exports, report, inspection. Asks no model and changes no shard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pyarrow import ArrowInvalid
from pydantic import ValidationError

from audit.chains import shard_files
from audit.inspect import list_records, show_record
from audit.tables import text_table
from audit.trace import Step, trace
from exports import EXPORTS
from flows.config import validate_config
from flows.config_errors import describe
from flows.errors import ConfigError
from flows.escapes import escape_tables
from flows.export_settings import ExportSettings
from flows.plan import resolve
from flows.publish import export_kept, report
from flows.run_folder import RunFolder
from flows.settle import choose


def export_run(run: Path, formats: str, out: Path, changes: Mapping[str, Any] | None = None) -> Mapping[str, int]:
    """Write the named exports of a run's chosen records to `out`; `changes` are to the config's `exports`.

    Raises ConfigError.
    """
    names = [name.strip() for name in formats.split(",") if name.strip()]
    for name in names:
        if name not in EXPORTS:
            raise ConfigError(f"--format {name}: unknown export; known: {', '.join(EXPORTS)}")
    if not names:
        raise ConfigError(f"--format: name at least one of {', '.join(EXPORTS)}")
    folder = _finished(run)
    description = folder.read_run()
    config = description["config"]
    exports = config.get("exports", {}) | (changes or {})
    try:
        ExportSettings.model_validate(exports)
    except ValidationError as error:
        raise ConfigError(f"export: {describe(error, ExportSettings)}") from error
    description = description | {"config": config | {"exports": exports}}
    plan = resolve(validate_config(description["config"], str(folder.run_json)))
    selections = [choose(recipe, folder, description["shards"][recipe.slug]) for recipe in plan.recipes]
    return export_kept(folder, out, description, (selections, names))


def require_push(url: str) -> None:
    """Raises ConfigError for a URL that cannot be meant, before anything is written."""
    from flows.push import require_url

    require_url(url)


def push_export(out: Path, url: str) -> str:
    """Put what was written to a URL; what happened, in one line. Raises ConfigError, UserError."""
    from flows.push import push, pushed_line

    return pushed_line(push(out, url))


def report_run(run: Path) -> Path:
    """Write the run's report and return its path."""
    folder = _finished(run)
    report(folder, folder.read_run(), escape_tables(folder))
    return folder.report


def inspect_run(run: Path, record: str | None, where: Sequence[str], limit: int, width: int) -> str:
    """One record with its attempts, or a list of records, as text of `width` columns. Raises ConfigError."""
    folder = RunFolder(run)
    folder.read_run()
    try:
        if record is not None:
            return show_record(folder.root, record).rstrip()
        conditions = dict(_condition(text) for text in where)
        rows = list(list_records(folder.root, conditions, limit))
    except (LookupError, ValueError) as error:
        raise ConfigError(f"inspect: {error.args[0]}") from error
    if not rows:
        return "no record matches"
    headers = tuple(rows[0])
    return text_table(headers, [[str(row[name]) for name in headers] for row in rows], width).rstrip()


def trace_record(place: Path, record: str) -> list[Step]:
    """A record's way back to its seed, from a run folder or from one shard. Raises ConfigError."""
    files = [place] if place.is_file() else shard_files(place)
    if not files:
        raise ConfigError(f"{place}: no shards there; name a run folder or a shard")
    try:
        return trace(files, record)
    except (KeyError, ArrowInvalid) as error:
        raise ConfigError(f"trace {place}: {error.args[0]}") from error


def _condition(text: str) -> tuple[str, str]:
    field, equals, value = text.partition("=")
    if not equals:
        raise ConfigError(f"--where {text}: write FIELD=VALUE, for example --where outcome=fail")
    return field.strip(), value.strip()


def _finished(run: Path) -> RunFolder:
    folder = RunFolder(run)
    state = folder.read_run().get("state")
    if state != "complete":
        raise ConfigError(f"{run}: the run is {state}, not complete; finish it with the command that started it")
    return folder
