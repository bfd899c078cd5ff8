"""What a corpus format is to a run: how it is read, where its default lies, and what identifies its content."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from corpus.errors import CorpusError
from records.types import Drop, Seed
from sandbox.types import Sandbox

OpenSandbox = Callable[[], Sandbox]
"""Opens the sandbox of a run: of its backend and image, with its libraries. Equal ones open equal sandboxes."""


@dataclass(frozen=True)
class Reader:
    """One corpus format. `read(pattern, run_seed, licence)` yields seeds, and a Drop for whatever it leaves out.

    One that `executes` takes an `OpenSandbox` as fourth argument: what it tries, it tries where the run will.
    """

    name: str
    read: Callable[..., Iterator[Seed | Drop]]
    fingerprint: Callable[[str], str]  # hash of what the pattern names, so that a changed corpus is a new run
    default: str  # pattern of the corpus that is on every machine
    endless: bool  # gives ever new seeds, so that a run needs a target or a number of seeds
    executes: bool = False


def hash_files(files: Iterable[Path]) -> str:
    """SHA-256 over the names and contents of files. Raises CorpusError for one that cannot be read."""
    digest = hashlib.sha256()
    for file in files:
        try:
            data = file.read_bytes()
        except OSError as error:
            raise CorpusError(str(file), None, None, f"cannot be read: {error.strerror}") from error
        digest.update(f"{file.name}\0{len(data)}\0".encode() + data)
    return digest.hexdigest()
