"""Replaces a dataset folder as a whole: a reader sees the old one or the new one, never a mixture."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from exports.file_series import TEST, TRAIN

CARD = "README.md"
CROISSANT = "croissant.json"
CARD_START = "---\npretty_name: "
CARD_TAG = "\n- provender\n"


@contextmanager
def replacing(folder: Path, names: Collection[str]) -> Iterator[Path]:
    """Hand out an empty folder beside `folder`; on success it takes the place of `folder`, on any error it goes.

    `names` are the sub-folders that a dataset may have. One writer at a time: the caller holds the run's lock. Raises
    FileExistsError where `folder` holds anything but a dataset, since that would be lost.
    """
    folder = folder.resolve()
    building = folder.with_name(f".{folder.name}.building")
    previous = folder.with_name(f".{folder.name}.previous")
    _mend(folder, building, previous)
    _require_dataset(folder, names)
    building.mkdir(parents=True)
    try:
        yield building
        if folder.exists():
            folder.rename(previous)
        building.rename(folder)
    finally:
        _mend(folder, building, previous)


def _mend(folder: Path, building: Path, previous: Path) -> None:
    """Bring back the old dataset where a writer was killed between its two renames, and remove what it left."""
    if previous.exists() and not folder.exists():
        previous.rename(folder)
    for leftover in (building, previous):
        if leftover.exists():
            shutil.rmtree(leftover)


def _require_dataset(folder: Path, names: Collection[str]) -> None:
    if not folder.exists():
        return
    if not folder.is_dir():
        raise FileExistsError(f"{folder}: is a file; take another folder for the dataset")
    for entry in sorted(folder.iterdir()):
        if not _is_ours(entry, names):
            raise FileExistsError(f"{folder}: holds {entry.name}, which is no part of a dataset; take another folder")


def _is_ours(entry: Path, names: Collection[str]) -> bool:
    if entry.name == CARD:
        return _is_card(entry)
    if entry.name == CROISSANT:
        return entry.is_file() and '"http://mlcommons.org/croissant/' in entry.read_text("utf-8", "replace")
    return entry.name in names and entry.is_dir() and all(_is_data(file) for file in entry.iterdir())


def _is_data(file: Path) -> bool:
    return file.name.startswith((f"{TRAIN}-", f"{TEST}-")) and file.suffix == ".parquet"


def require_card(path: Path) -> None:
    """Raise FileExistsError where `path` is a file that no dataset card of ours is."""
    if path.exists() and not _is_card(path):
        raise FileExistsError(f"{path}: is not a dataset card of provender and would be lost; take another folder")


def _is_card(path: Path) -> bool:
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    return text.startswith(CARD_START) and CARD_TAG in text
