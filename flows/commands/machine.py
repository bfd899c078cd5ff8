"""Commands about this machine and its servers: deploy, doctor."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from flows import terminal
from flows.commands.options import Json, Quiet
from flows.errors import UserError


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
