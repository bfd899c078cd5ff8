"""What `provender deploy` registers: one deployment per config, and one per flow to be filled in in the UI's form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, get_type_hints

from prefect import Flow
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule
from prefect.deployments.runner import RunnerDeployment
from prefect.types.entrypoint import EntrypointType

from flows.audit_dataset import audit_dataset
from flows.config import load_config
from flows.curate_dataset import curate_dataset
from flows.engine import HEARTBEAT_S, TAG
from flows.errors import ConfigError
from flows.make_dataset import make_dataset
from flows.plan import resolve
from flows.rehearse import rehearse
from flows.verify_dataset import verify_dataset
from flows.version import VERSION

WORK_POOL = "provender"
ONE_AT_A_TIME = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW)
"""A run that is due while an earlier one still works is cancelled: after a pause of the worker, missed runs do not pile
up, and two runs never want the same folder."""


@dataclass(frozen=True)
class DeployOptions:
    """What all deployments of one call have in common."""

    work_pool: str = WORK_POOL
    cron: str | None = None
    interval: timedelta | None = None
    timezone: str = "UTC"
    tags: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()
    fresh: bool | None = None  # None: where there is a schedule
    working_dir: Path = field(default_factory=Path.cwd)


def deployments(configs: Sequence[Path], options: DeployOptions) -> list[RunnerDeployment]:
    """One deployment per config, then one per flow. Raises ConfigError, also for a name that stands twice."""
    if options.cron and options.interval:
        raise ConfigError("--cron and --interval: give one of them")
    made = [_of_config(path, options) for path in configs]
    names = [one.name for one in made]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ConfigError(f"{twice}: two of the configs have this name; a deployment is named by it")
    return [*made, *(_of_flow(flow, name, text, options) for flow, name, text in FLOWS)]


FLOWS: tuple[tuple[Flow[..., Any], str, str], ...] = (
    (make_dataset, "any-config", "Make a dataset from a configuration that is filled in here."),
    (
        rehearse,
        "rehearse",
        "The whole pipeline on the rehearsal model: no GPU, no key, every planted fault counted.",
    ),
    (verify_dataset, "verify", "Prove rows that anybody made; one verdict per row."),
    (curate_dataset, "curate", "Drop repetition, contamination and duplicates from any dataset."),
    (audit_dataset, "audit", "Look over a dataset; fails on artefacts, repeated phrases, poor clusters and drift."),
)
"""Every flow with a deployment whose parameters are filled in when it is run."""


def _of_config(path: Path, options: DeployOptions) -> RunnerDeployment:
    config = load_config(path, options.overrides)
    resolve(config)
    schedule = _schedule(options)
    fresh = bool(schedule) if options.fresh is None else options.fresh
    recipes = ", ".join(recipe.use for recipe in config.recipes)
    text = f"{recipes}; from {path}. " + (
        "Each run makes a dataset of its own." if fresh else "A run resumes the one before it."
    )
    parameters = {"config": config.model_dump(mode="json", exclude_none=True), "fresh": fresh}
    more = {"schedule": schedule, "parameters": parameters}
    return _deployment(make_dataset, config.name, text, options, more)


def _of_flow(flow: Flow[..., Any], name: str, text: str, options: DeployOptions) -> RunnerDeployment:
    return _deployment(flow, name, text, options, {})


def _deployment(
    flow: Flow[..., Any], name: str, text: str, options: DeployOptions, more: Mapping[str, Any]
) -> RunnerDeployment:
    deployment = RunnerDeployment.from_flow(
        flow,
        name,
        description=text,
        tags=sorted({TAG, flow.name, *options.tags}),
        version=VERSION,
        concurrency_limit=ONE_AT_A_TIME,
        work_pool_name=options.work_pool,
        job_variables={
            "working_dir": str(options.working_dir),
            "env": {"PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(HEARTBEAT_S)},
        },
        entrypoint_type=EntrypointType.MODULE_PATH,
        **more,
    )
    _label(deployment, flow)
    return deployment


def _label(deployment: RunnerDeployment, flow: Flow[..., Any]) -> None:
    """Give the form the titles and descriptions of the parameters, which Prefect takes from docstrings only."""
    shown = deployment._parameter_openapi_schema.properties
    for name, annotation in get_type_hints(flow.fn, include_extras=True).items():
        for info in getattr(annotation, "__metadata__", ()):
            title = info.title or name.replace("_", " ").capitalize()
            shown[name] |= {"title": title, "description": info.description or ""}


def _schedule(options: DeployOptions) -> CronSchedule | IntervalSchedule | None:
    try:
        if options.cron:
            return CronSchedule(cron=options.cron, timezone=options.timezone)
        if options.interval:
            return IntervalSchedule(interval=options.interval, timezone=options.timezone)
    except ValueError as error:
        raise ConfigError(f"--cron {options.cron}, --timezone {options.timezone}: not a schedule: {error}") from error
    return None
