"""Puts a finished dataset where others read it: a bucket, a folder, a repository of the Hugging Face Hub."""

from __future__ import annotations

import asyncio
from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE
from pydantic import ValidationError

from exports.push import Pushed, PushError, push_to_store
from exports.push_hub import SCHEME, push_to_hub
from flows.config import hub_token
from flows.errors import ConfigError, UserError
from flows.export_settings import ExportSettings


def push(folder: Path, url: str) -> Pushed:
    """Put the dataset in `folder` to `url`. Raises ConfigError for a URL that says nothing, UserError."""
    require_url(url)
    try:
        return push_to_hub(folder, url, hub_token()) if url.startswith(SCHEME) else push_to_store(folder, url)
    except PushError as error:
        raise UserError(f"push: {error}") from error


def require_url(url: str) -> None:
    """Raises ConfigError for a URL that cannot be meant."""
    try:
        ExportSettings(push=url)
    except ValidationError as error:
        what = error.errors(include_url=False, include_input=False)[0]["msg"].removeprefix("Value error, ")
        form = "write s3://bucket/prefix, gs://bucket/prefix, file:///folder or hf://datasets/OWNER/NAME"
        raise ConfigError(f"--push {url.rpartition('@')[2]}: {what}; {form}") from error


@task(name="push", task_run_name="push to {url}", cache_policy=NO_CACHE, persist_result=False)
async def push_dataset(folder: str, url: str) -> Pushed:
    """Put a run's dataset to a URL, in a thread of its own."""
    return await asyncio.to_thread(push, Path(folder), url)


def pushed_line(pushed: Pushed) -> str:
    """What happened, in one line."""
    return f"pushed version {pushed.version} to {pushed.url}: {pushed.files} files, {pushed.sent} of them sent"
