"""Registers the flows with a Prefect server: work pool, deployments with schedules, and the automation for crashes."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import httpx
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.objects import StateType
from prefect.deployments.runner import DeploymentApplyError, RunnerDeployment
from prefect.events.actions import ChangeFlowRunState
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound, PrefectHTTPStatusError
from prefect.settings import PREFECT_API_URL
from prefect.workers.process import ProcessWorker

from flows.deployments import DeployOptions, deployments
from flows.engine import HEARTBEAT_S, TAG
from flows.errors import ConfigError, UserError

CRASHES = "provender: a run without signs of life has crashed"
NO_SIGN = "No sign of life; Retry resumes the run."
_MEANING = {"description", "trigger", "actions", "enabled"}
"""What says whether an automation that exists is the same."""
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def parse_interval(text: str) -> timedelta:
    """`90s`, `30m`, `6h`, `1d`. Raises ConfigError."""
    match = re.fullmatch(r"(\d+)([smhd])", text.strip())
    if match is None or not int(match[1]):
        raise ConfigError(f"--interval {text}: write a number with s, m, h or d, for example 6h")
    return timedelta(**{UNITS[match[2]]: int(match[1])})


def deploy(configs: Sequence[Path], options: DeployOptions) -> list[str]:
    """Register everything and return the deployments' names. Raises ConfigError, UserError."""
    wanted = deployments(configs, options)
    url = PREFECT_API_URL.value()
    if not url:
        raise UserError(
            "PREFECT_API_URL is not set; start a server with `prefect server start`, then "
            "`export PREFECT_API_URL=http://127.0.0.1:4200/api` here and for the worker"
        )
    try:
        return asyncio.run(_register(wanted, options))
    except httpx.TransportError as error:
        raise UserError(f"{url}: no Prefect server answers there ({type(error).__name__}); is it started?") from error
    except (DeploymentApplyError, PrefectHTTPStatusError) as error:
        raise UserError(f"{url}: the Prefect server refuses: {error}") from error


async def _register(wanted: Sequence[RunnerDeployment], options: DeployOptions) -> list[str]:
    async with get_client() as client:
        await _have_work_pool(client, options.work_pool)
        await _have_crash_detection(client)
    for one in wanted:
        await one.aapply()
    return [one.full_name for one in wanted]


async def _have_work_pool(client: PrefectClient, name: str) -> None:
    """A pool that exists stays as it is, of whatever kind: a team may run its workers in containers."""
    try:
        await client.read_work_pool(name)
    except ObjectNotFound:
        template = ProcessWorker.get_default_base_job_template()
        text = "Runs provender's flows as processes where `prefect worker start` stands."
        pool = WorkPoolCreate(name=name, type="process", description=text, base_job_template=template)
        with suppress(ObjectAlreadyExists):  # a worker that starts now makes it as well
            await client.create_work_pool(pool)


async def _have_crash_detection(client: PrefectClient) -> None:
    """A run whose machine or worker is gone says nothing more; after three missed signs of life it is Crashed."""
    ends = {f"prefect.flow-run.{state}" for state in ("Completed", "Failed", "Cancelled", "Crashed")}
    heartbeat = "prefect.flow-run.heartbeat"
    automation = AutomationCore(
        name=CRASHES,
        description="Registered by provender deploy. A crashed run is resumed by Retry.",
        trigger=EventTrigger(
            after={heartbeat},
            expect={heartbeat, *ends},
            match=ResourceSpecification({"prefect.resource.id": "prefect.flow-run.*"}),
            # Runs of other flows on the server may give their signs of life more rarely.
            match_related=ResourceSpecification(
                {"prefect.resource.role": "tag", "prefect.resource.id": f"prefect.tag.{TAG}"}
            ),
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=timedelta(seconds=3 * HEARTBEAT_S),
        ),
        actions=[ChangeFlowRunState(state=StateType.CRASHED, message=NO_SIGN)],
    )
    known = await client.read_automations_by_name(CRASHES)
    if not known:
        await client.create_automation(automation)
    elif known[0].model_dump(include=_MEANING) != automation.model_dump(include=_MEANING):
        # Only then: an update forgets which runs it waits for, and those that are silent already would stay Running.
        await client.update_automation(known[0].id, automation)
