"""Puts a dataset into a repository of the Hugging Face Hub, in one commit: a reader sees all of it or nothing of it.

Files that the Hub has already, from an earlier push or from one that was killed, are not sent again: it knows them by
their SHA-256. A repository that does not exist is made, and is private.
"""

from __future__ import annotations

import importlib
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

from exports import EXPORTS
from exports.push import Pushed, PushError, dataset_files, version_of
from exports.swap import CARD, CROISSANT

SCHEME = "hf://"
URL = re.compile(r"hf://datasets/(?P<repo>[\w.-]+/[\w.-]+)(@(?P<revision>[\w./-]+))?/?")
FORM = "hf://datasets/OWNER/NAME, or with @BRANCH behind it"


def push_to_hub(folder: Path, url: str, token: str | None) -> Pushed:
    """Put the dataset folder into the repository as one commit. Raises PushError."""
    match = URL.fullmatch(url)
    if match is None:
        raise PushError(f"{url}: write {FORM}")
    files = list(dataset_files(folder))
    try:
        hub: Any = importlib.import_module("huggingface_hub")
        utils: Any = importlib.import_module("huggingface_hub.utils")
    except ImportError as error:
        raise PushError(f'hf:// needs its library: pip install "provender[hub]" ({error})') from error
    utils.disable_progress_bars()
    api = hub.HfApi(token=token or False)
    try:
        before = _sent_before(api, match["repo"], match["revision"])
        api.create_repo(match["repo"], repo_type="dataset", private=True, exist_ok=True)
        if match["revision"]:
            api.create_branch(match["repo"], branch=match["revision"], repo_type="dataset", exist_ok=True)
        api.upload_folder(
            repo_id=match["repo"],
            repo_type="dataset",
            revision=match["revision"],
            folder_path=str(folder),
            allow_patterns=[one.path for one in files],
            delete_patterns=[CARD, CROISSANT, *(f"{name}/*.parquet" for name in EXPORTS)],
            commit_message=f"Dataset {version_of(files)}",
        )
    except _errors() as error:
        raise PushError(f"{url}: {_explained(error)}") from error
    sent = sum(before.get(one.path) != one.sha256 for one in files)
    return Pushed(url, version_of(files), len(files), sent)


def _sent_before(api: Any, repo: str, revision: str | None) -> dict[str, str]:
    """The SHA-256 of the large files that the repository has; nothing where it does not exist."""
    from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

    try:
        found = api.list_repo_tree(repo, repo_type="dataset", revision=revision, recursive=True)
        return {one.path: one.lfs.sha256 for one in found if getattr(one, "lfs", None)}
    except (RepositoryNotFoundError, RevisionNotFoundError):
        return {}


def _errors() -> tuple[type[Exception], ...]:
    """What the library raises: its own errors are of these kinds, and those of its HTTP client, whichever it is."""
    errors: list[type[Exception]] = [OSError, RuntimeError, ValueError]
    for name in ("httpx2", "httpx"):
        with suppress(ImportError):
            errors.append(importlib.import_module(name).HTTPError)
    return tuple(errors)


def _explained(error: BaseException) -> str:
    if isinstance(error, RuntimeError) and error.__cause__ is not None:
        return _explained(error.__cause__)  # "Error while uploading" says not why
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status in (401, 403):
        return f"the Hub refuses (HTTP {status}): set HF_TOKEN to a token that may write there"
    return " ".join(str(error).split())[:300] or type(error).__name__
