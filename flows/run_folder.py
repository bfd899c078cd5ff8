"""The folder of one run: where things lie, who may write, and the fingerprint that says what it is a run of."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows.errors import ConfigError, UserError
from records.tables import sweep_partial, write_text
from records.types import canonical_json, stable_hash


@dataclass(frozen=True)
class RunFolder:
    """Paths below a run's `--out`. Nothing here is created before it is written."""

    root: Path

    def seeds(self, slug: str, shard: int) -> Path:
        """The seeds of one shard, written before it is worked."""
        return self.root / "seeds" / f"{slug}-{shard:05d}.parquet"

    def shard(self, slug: str, shard: int) -> Path:
        """Every attempt of one shard. Its existence says that the shard is done."""
        return self.root / "shards" / f"{slug}-{shard:05d}.parquet"

    def journal(self, slug: str, shard: int) -> Path:
        """Model replies of one shard."""
        return self.root / "journal" / f"{slug}-{shard:05d}.jsonl"

    def drops_of(self, path: Path) -> Path:
        """The drops that belong to a seeds or shards file; apart, so that each folder reads as one table."""
        return self.root / "drops" / path.parent.name / path.name

    def shards(self) -> list[Path]:
        """All finished shards, in the order of recipe and shard number."""
        return sorted((self.root / "shards").glob("*.parquet"))

    def used_shards(self, used: Mapping[str, int]) -> list[Path]:
        """By slug so many first shards. A folder may hold more, where an earlier start had a higher target."""
        return [self.shard(slug, number) for slug, shards in sorted(used.items()) for number in range(shards)]

    def drop_files(self, slug: str, shards: int) -> list[Path]:
        """Drops of the corpus and of the loop, for the first so many shards of a recipe, in order."""
        numbers = range(shards)
        return [self.drops_of(name(slug, number)) for name in (self.seeds, self.shard) for number in numbers]

    @property
    def batches(self) -> Path:
        """Requests and results of `make --batch`."""
        return self.root / "batch"

    @property
    def dataset(self) -> Path:
        """The exported dataset."""
        return self.root / "dataset"

    @property
    def drops(self) -> Path:
        """All drops of the run in one table."""
        return self.root / "drops.parquet"

    @property
    def report(self) -> Path:
        """The report's first page."""
        return self.root / "report" / "index.html"

    @property
    def answer_key(self) -> Path:
        """What the rehearsal model planted; only in the folder of a rehearsal."""
        return self.root / "rehearsal" / "answer_key.jsonl"

    @property
    def run_json(self) -> Path:
        """What the run is and how it ended."""
        return self.root / "run.json"

    def read_run(self) -> dict[str, Any]:
        """The contents of `run.json`. Raises ConfigError where the folder holds no run."""
        try:
            data = json.loads(self.run_json.read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigError(f"{self.root}: not a run folder: {self.run_json.name}: {error.strerror}") from error
        except ValueError as error:
            raise ConfigError(
                f"{self.run_json}: not valid JSON ({error}); restore it or start in a new folder"
            ) from error
        if not isinstance(data, dict):
            raise ConfigError(f"{self.run_json}: not the description of a run; restore it or start in a new folder")
        return data

    def write_run(self, data: Mapping[str, Any]) -> None:
        """Write `run.json` atomically."""
        write_text(self.run_json, json.dumps(data, indent=2, sort_keys=True, ensure_ascii=False) + "\n")


def fingerprint(inputs: Mapping[str, Any]) -> str:
    """Twelve characters that depend only on what affects rows."""
    return stable_hash(canonical_json(dict(inputs)))[:12]


@contextmanager
def locked(folder: RunFolder) -> Iterator[None]:
    """Hold the folder for this process. A second run on it is refused; a killed holder leaves no lock behind."""
    require_writable(folder.root)
    with (folder.root / ".lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UserError(
                f"{folder.root}: another run is working in this folder; wait for it or take another --out"
            ) from error
        sweep_partial(folder.root)
        yield


def require_writable(root: Path) -> None:
    """Make the folder. Raises ConfigError where nothing can be written there."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        probe = root / f".writable.{os.getpid()}"
        probe.write_text("")
        probe.unlink()
    except OSError as error:
        raise ConfigError(f"--out {root}: cannot write there: {error.strerror}; take another folder") from error


def require_same_run(folder: RunFolder, inputs: Mapping[str, Any]) -> dict[str, Any] | None:
    """The earlier `run.json` where the folder holds one. Raises ConfigError naming what differs from it."""
    if not folder.run_json.exists():
        return None
    earlier = folder.read_run()
    if earlier.get("fingerprint") != fingerprint(inputs):
        changes = "; ".join(_differences(earlier.get("inputs", {}), inputs))[:400]
        raise ConfigError(
            f"--out {folder.root}: holds a different run ({changes}); take another folder or restore the config"
        )
    return earlier


def _differences(old: Any, new: Any, path: str = "") -> Iterator[str]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in sorted({*old, *new}):
            yield from _differences(old.get(key), new.get(key), f"{path}.{key}" if path else str(key))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from _differences(one, other, f"{path}.{index}")
    elif old != new:
        yield f"{path} was {_short(old)}, is {_short(new)}"


def _short(value: Any) -> str:
    text = canonical_json(value)
    return text if len(text) <= 40 else text[:37] + "..."
