"""`provender audit`: looks over any dataset, fails on what is outside the limits, and remembers what it saw.

What passes becomes the baseline of the next audit; what fails does not, or a drift would be hidden by its own audit.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from prefect import flow, task
from prefect.artifacts import acreate_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed
from pydantic import Field, ValidationError

from audit.audit_page import write_audit_page
from audit.chains import reply_of, scan, shard_files
from audit.findings import Audit, Finding, Limits, finish
from audit.survey import Document, Survey
from audit.tables import markdown_table, percent, text_table
from curation.dataset_rows import DatasetRow, dataset_files, read_rows
from flows.config_errors import describe
from flows.errors import ConfigError, UserError
from records.tables import write_text
from records.types import canonical_json

BASELINE, RESULT, LOG, PAGE = "baseline.json", "audit.json", "findings.jsonl", "index.html"
SLICE_FIELDS = ("recipe", "source", "dataset", "subset", "language")
COLUMNS = ("id", "recipe", "is_final", "outcome", "messages", "seed_text")
NO_LIMITS = Limits()


def audit_files(dataset: Path, out: Path, limits: Limits = NO_LIMITS, field: str | None = None) -> Audit:
    """Audit a run folder (the last attempt of every chain), a Parquet file or folder, or JSON lines.

    Writes `audit.json`, `index.html`, and one line per finding to `findings.jsonl`. Raises CurationError for a dataset
    that cannot be read, ConfigError for a baseline that is damaged.
    """
    survey = Survey()
    survey.add(_of_run(dataset) if (dataset / "run.json").is_file() else _of_dataset(dataset, field))
    if not survey.slices:
        raise ConfigError(f"{dataset}: holds no document to audit")
    audit = finish(survey, limits, _baseline(out / BASELINE))
    text = canonical_json(audit.to_json()) + "\n"
    write_text(out / RESULT, text)
    write_audit_page(out / PAGE, dataset.name, audit)
    _log(out / LOG, dataset, audit.findings)
    if not audit.findings:
        write_text(out / BASELINE, text)
    return audit


def default_out(dataset: Path) -> Path:
    """Beside what is audited where that is a run, else below `audits`; named by the dataset, so that drift is seen."""
    return dataset / "audit" if (dataset / "run.json").is_file() else Path("audits") / (dataset.stem or "dataset")


def parse_limits(settings: Sequence[str]) -> Limits:
    """`NAME=VALUE` items. Raises ConfigError."""
    values = dict(item.partition("=")[::2] for item in settings)
    try:
        return Limits.model_validate(values)
    except ValidationError as error:
        raise ConfigError(f"--limit: {describe(error, Limits)}") from error


def _of_run(root: Path) -> Iterator[Document]:
    for row in scan(shard_files(root), COLUMNS):
        if row["is_final"]:
            good = None if row["outcome"] == "unjudged" else row["outcome"] == "pass"
            yield Document(row["id"], row["recipe"], reply_of(row["messages"]), row["seed_text"], good)


def _of_dataset(dataset: Path, field: str | None) -> Iterator[Document]:
    for row in read_rows(dataset_files(dataset), field):
        outcome = row.values.get("outcome")
        good = outcome == "pass" if outcome in ("pass", "fail") else None
        yield Document(row.id, _slice(row), "\n".join(row.taught), "\n".join(row.prompts), good)


def _slice(row: DatasetRow) -> str:
    for name in SLICE_FIELDS:
        value = row.values.get(name)
        if isinstance(value, str) and value:
            return value[:80]
    return "all"


def _baseline(path: Path) -> Mapping[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8"))["slices"])
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{path}: not the result of an audit ({error}); restore it or remove it") from error


def _log(path: Path, dataset: Path, findings: Sequence[Finding]) -> None:
    """Findings of all audits in one file, with their time: a log, and no evidence on records."""
    path.parent.mkdir(parents=True, exist_ok=True)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    with path.open("a", encoding="utf-8") as lines:
        for finding in findings:
            lines.write(canonical_json({"at": now, "dataset": str(dataset), **finding.to_json()}) + "\n")


def slices_table(audit: Audit) -> tuple[Sequence[str], list[tuple[object, ...]]]:
    """What was looked at, one line per slice."""
    rows: list[tuple[object, ...]] = [
        (
            name,
            part.documents,
            "-" if part.quality is None else percent(part.good, part.judged),
            part.characters // max(1, part.documents),
            sum(part.artefacts.values()),
            sum(finding.slice == name for finding in audit.findings),
        )
        for name, part in audit.survey.named()
    ]
    return ("slice", "documents", "quality", "mean length", "artefacts", "findings"), rows


def text(audit: Audit, out: Path) -> str:
    """For a terminal."""
    lines = [text_table(*slices_table(audit)).rstrip(), ""]
    lines += [finding.line() for finding in audit.findings] or ["nothing is outside the limits"]
    return "\n".join([*lines, "", f"page     {out / PAGE}"])


def verdict_line(findings: Sequence[Finding]) -> str:
    """The end of an audit in one line."""
    if not findings:
        return "nothing is outside the limits"
    names = dict.fromkeys(finding.name for finding in findings)
    return f"{len(findings)} findings: {', '.join(names)}; first: {findings[0].line()}"


def run_audit(dataset: Path, out: Path | None, limits: Limits, field: str | None) -> tuple[Audit, Path]:
    """For the command line."""
    place = out or default_out(dataset)
    return audit_files(dataset, place, limits, field), place


@task(name="audit", task_run_name="audit {dataset}", cache_policy=NO_CACHE, persist_result=False)
async def audit_task(dataset: str, out: str, limits: Limits, field: str | None) -> Audit:
    """Audit in a thread of its own, so that the flow can be cancelled."""
    return await asyncio.to_thread(audit_files, Path(dataset), Path(out), limits, field)


Out = Annotated[str | None, Field(title="Folder", description="For the result, the page, the log and the baseline.")]


@flow(name="audit", flow_run_name="audit {dataset}", persist_result=False)
async def audit_dataset(
    dataset: Annotated[str, Field(description="A run folder, a Parquet file or folder, or JSON lines.")],
    out: Out = None,
    limits: Annotated[Limits, Field(description="What is still well.")] = NO_LIMITS,
    field: Annotated[str | None, Field(description="Column that holds the text; none: guessed.")] = None,
) -> State[Any]:
    """Look over a dataset: artefacts, repeated phrases, poor clusters, drift. Fails on what is outside the limits."""
    place = Path(out) if out else default_out(Path(dataset))
    audit = await audit_task(dataset, str(place), limits, field)
    rows = [(one.name, one.slice, f"{one.value:.3g}", f"{one.limit:.3g}", one.detail) for one in audit.findings]
    tables = [markdown_table(("finding", "slice", "value", "limit", "detail"), rows)] if rows else []
    await acreate_markdown_artifact(key="findings", markdown="\n".join([*tables, markdown_table(*slices_table(audit))]))
    state = Failed if audit.findings else Completed
    return state(message=verdict_line(audit.findings), data=None if audit.findings else audit.to_json())


def require_none(findings: Sequence[Finding]) -> None:
    """Raises UserError where something was found."""
    if findings:
        raise UserError(verdict_line(findings))
