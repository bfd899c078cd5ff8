"""`provender doctor`: tries the parts of this machine for real and says what is missing and how to get it."""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import records
import verifiers
from flows.config import load_config
from flows.endpoints import describe_endpoints
from flows.plan import resolve
from flows.preflight import LEAST_FREE_BYTES
from sandbox import probe


@dataclass(frozen=True)
class Finding:
    """One part that was tried: whether it works, and if not, what to do."""

    name: str
    ok: bool
    detail: str


def examine(config: Path | None) -> list[Finding]:
    """Try everything; with a config its recipes and endpoints, too. Raises ConfigError for an invalid config."""
    findings = [_python(), _packages(), *_sandbox(), _disk()]
    if config is not None:
        settings = load_config(config)
        resolve(settings)
        endpoints = asyncio.run(describe_endpoints(settings))
        findings += [
            Finding(f"models.{role}", problem is None, problem or f"{url} answers") for role, url, problem in endpoints
        ]
    return findings


def _python() -> Finding:
    ok = sys.version_info >= (3, 11) and sys.platform == "linux"
    return Finding(
        "python",
        ok,
        f"Python {sys.version.split()[0]} on {sys.platform}" + ("" if ok else "; use Python 3.11+ on Linux"),
    )


def _packages() -> Finding:
    """Another distribution is named `verifiers`; if it shadows ours, every verdict would come from foreign code."""
    homes = {Path(module.__file__ or "").resolve().parents[1] for module in (records, verifiers)}
    ok = len(homes) == 1
    detail = (
        f"Prefect {version('prefect')}, all packages from one place"
        if ok
        else "a foreign package shadows ours; uninstall it"
    )
    return Finding("packages", ok, detail)


def _sandbox() -> Iterator[Finding]:
    for found in asyncio.run(probe()):
        remedy = f"; {found.remedy}" if found.remedy else ""
        yield Finding(f"sandbox {found.name}", found.ok, found.detail + remedy)


def _disk() -> Finding:
    free = shutil.disk_usage(Path.cwd()).free
    return Finding("disk", free >= LEAST_FREE_BYTES, f"{free >> 30} GiB free in this folder")
