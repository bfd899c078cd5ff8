"""Puts a dataset into a bucket or folder (any URL that fsspec knows) so that nobody ever reads half of one.

    URL/versions/<version>/README.md, sft/train-00000-of-00001.parquet, ...
    URL/manifest.json

A version is named by the hash of its contents and never changes. The manifest names one version and its files with
their SHA-256; it is one object, written when all of them are there. So a reader that takes its files from the manifest
sees the old dataset or the new one, and a push that is killed goes on where it was: what lies there is not sent again.
Earlier versions stay, for readers that still have their manifest.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from exports.swap import CARD, CROISSANT
from records.store import Store, StoreError
from records.types import canonical_json, stable_hash

MANIFEST = "manifest.json"
FORMAT = "provender-dataset/1"
AT_ONCE = 4  # uploads; one fills most links, a few hide the latency of small files


class PushError(Exception):
    """The dataset could not be put there; what is there stays readable. The message is one line."""


@dataclass(frozen=True, slots=True)
class PushedFile:
    """One file of a version."""

    path: str  # from the dataset folder
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Pushed:
    """What is there now."""

    url: str
    version: str
    files: int
    sent: int  # of the files; the others were there already


def push_to_store(folder: Path, url: str) -> Pushed:
    """Put the dataset folder below `url`. Credentials come from the environment, as the store's library reads them.

    Raises PushError.
    """
    files = list(dataset_files(folder))
    version = version_of(files)
    try:
        store = Store.open(url)
        below = f"versions/{version}"
        missing = _missing(store, below, files)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(lambda one: store.upload(folder / one.path, f"{below}/{one.path}"), missing))
        if left := _missing(store, below, files):
            raise PushError(f"{url}: {left[0].path} is not there as it was sent; push again")
        manifest = _manifest(version, files)
        if store.get(MANIFEST) != manifest:
            store.put(MANIFEST, manifest)
    except StoreError as error:
        raise PushError(f"{error}; push again: what is there is not sent twice") from error
    return Pushed(url, version, len(files), len(missing))


def dataset_files(folder: Path) -> Iterator[PushedFile]:
    """The card, the metadata and the data, by path. Raises PushError where there is no dataset."""
    if not (folder / CARD).is_file():
        raise PushError(f"{folder}: no dataset there; export one first")
    paths = [*sorted(folder.glob("*/*.parquet")), *(folder / name for name in (CARD, CROISSANT))]
    for path in (one for one in paths if one.is_file()):
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        yield PushedFile(path.relative_to(folder).as_posix(), digest, path.stat().st_size)


def version_of(files: Sequence[PushedFile]) -> str:
    """The name of a version: equal for equal datasets."""
    return stable_hash(*(text for one in files for text in (one.path, one.sha256)))


def _missing(store: Store, below: str, files: Sequence[PushedFile]) -> list[PushedFile]:
    """Files that are not there in their size. A put is whole or absent, and a version's names are for its contents."""
    sizes = store.sizes(below)
    return [one for one in files if sizes.get(f"{below}/{one.path}") != one.size]


def _manifest(version: str, files: Sequence[PushedFile]) -> bytes:
    about = {"format": FORMAT, "version": version, "folder": f"versions/{version}"}
    return canonical_json({**about, "files": [asdict(one) for one in files]}).encode() + b"\n"


def read_manifest(text: bytes) -> tuple[str, list[PushedFile]]:
    """A manifest's folder and files. Raises PushError for anything else."""
    try:
        data = json.loads(text)
        if data["format"] != FORMAT:
            raise PushError(f"{MANIFEST}: format {data['format']!r}, not {FORMAT}")
        return data["folder"], [PushedFile(**one) for one in data["files"]]
    except (ValueError, KeyError, TypeError) as error:
        raise PushError(f"{MANIFEST}: not the manifest of a dataset ({error})") from error
