"""What the command line prints: summaries as text and as JSON, and mendable errors as one line."""

from __future__ import annotations

import errno
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tomli_w

from audit.escapes import EscapeTable
from audit.escapes_text import render
from audit.tables import WIDTH, text_table
from audit.yield_table import render_text
from corpus.errors import CorpusError
from curation.errors import CurationError
from records.accounts import AccountsError
from records.store import StoreError
from sandbox.types import SandboxError
from served_model.types import ModelError

if TYPE_CHECKING:
    from flows.doctor import Finding
    from flows.plan import RunPlan
    from flows.rehearse import Rehearsed
    from flows.settle import Published

MENDABLE = (CorpusError, CurationError, ModelError, SandboxError, AccountsError, StoreError, OSError)
"""Errors outside flows that reach the command line as one line and never as a traceback."""


def one_line(error: BaseException) -> str:
    """The error as one line with a remedy."""
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return "the disk is full; free space and run the same command again: what is finished stays valid"
    if isinstance(error, OSError):
        name = f": {error.filename}" if error.filename else ""
        return f"{error.strerror or type(error).__name__}{name}; mend it and run again: what is finished stays valid"
    if isinstance(error, AccountsError):
        return f"the accounts do not balance, which is a defect of provender; please report it: {error}"
    return " ".join(str(error).split())


def exit_status(error: BaseException) -> int:
    """2 for what stands in the config, 1 for what failed while working."""
    return 2 if isinstance(error, CorpusError | CurationError) else 1


def published_json(published: Published, out: Path) -> dict[str, Any]:
    """The end of a run, for scripts."""
    return {
        "out": str(out),
        "accepted": dict(published.accepted),
        "ended": dict(published.ended),
        "exports": dict(published.exports),
        "accounts": published.accounts.to_list(),
        "prefix_cache": {url: dict(use) for url, use in published.caches.items()},
    }


def published_text(published: Published, out: Path) -> str:
    """The end of a run, for people."""
    ends = [
        f"{name}: {count:,} accepted, ended by {published.ended[name]}" for name, count in published.accepted.items()
    ]
    return "\n".join(
        [
            render_text(published.accounts, min(WIDTH, width())).rstrip(),
            "",
            *ends,
            *_cache_lines(published.caches),
            "",
            *_paths(published, out),
        ]
    )


def _cache_lines(caches: Mapping[str, Mapping[str, int]]) -> list[str]:
    return [
        f"prefix cache of {url}: {use['hits'] / use['queries']:.1%} of {use['queries']:,} prompt tokens"
        for url, use in caches.items()
    ]


def _paths(published: Published, out: Path) -> list[str]:
    written = {name: count for name, count in published.exports.items() if count}
    lines = [f"dataset  {out}/dataset/{name}  ({count:,} rows)" for name, count in written.items()]
    return [*lines, f"attempts {out}/shards", f"losses   {out}/drops.parquet", f"report   {out}/report/index.html"]


def rehearsed_json(rehearsed: Rehearsed) -> dict[str, Any]:
    """The end of a rehearsal, for scripts."""
    return published_json(rehearsed.published, rehearsed.out) | {"escapes": escapes_json(rehearsed.escapes)}


def rehearsed_text(rehearsed: Rehearsed) -> str:
    """The end of a rehearsal, for people."""
    note = "Rehearsal output: made by a test double with planted faults, not by a language model."
    return "\n".join(
        [published_text(rehearsed.published, rehearsed.out), "", render(rehearsed.escapes, width()).rstrip(), "", note]
    )


def deployed_text(names: Sequence[str], work_pool: str) -> str:
    """What was registered, and what makes it run."""
    return "\n".join(
        [
            *(f"deployed {name}" for name in names),
            "",
            f"worker   prefect worker start --pool {work_pool}",
            f"run one  prefect deployment run {names[0]}",
        ]
    )


def config_text(plan: RunPlan) -> str:
    """The whole configuration as TOML that `make` takes again: defaults and recipe settings filled in."""
    data = plan.config.model_dump(mode="json")
    for recipe, resolved in zip(data["recipes"], plan.recipes, strict=True):
        recipe["settings"] = resolved.settings.model_dump(mode="json")
        recipe["corpus"] = resolved.pattern
    return tomli_w.dumps(_without_none(data)).rstrip()


def _without_none(value: Any) -> Any:
    """TOML has no null: what is not set is left out."""
    if isinstance(value, dict):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_none(item) for item in value]
    return value


def findings_text(findings: Sequence[Finding]) -> str:
    """What the doctor found, one line each."""
    rows = [("ok" if one.ok else "MISSING", one.name, one.detail) for one in findings]
    return text_table(("", "part", "finding"), rows, min(WIDTH, width()), stack=True).rstrip()


def escapes_json(table: EscapeTable) -> dict[str, Any]:
    """The escape table, for scripts."""
    return {
        "rows": [asdict(row) for row in table.rows],
        "planted": table.planted,
        "caught": table.caught,
        "escaped": table.escaped,
        "escaped_though_decidable": table.escaped_though_decidable,
        "unaccounted": table.unaccounted,
        "good": table.good,
        "outvoted": table.outvoted,
        "wrongly_rejected": dict(table.wrongly_rejected),
    }


def width() -> int:
    """Columns for tables: the terminal's, and no bound where output goes to a file or a pipe."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else 10_000
