"""The store of one run: what workers and a later machine need of it, and how a shard's files get there and back.

Files of a shard are put under names that no other worker uses. Which of them count is said by a small *manifest*, and
that is written by the flow alone, for the worker whose result it took. Below the run's URL lie `run.json`, `beat.json`,
`seeds/` and `drops/` (as in the run folder), `log/<shard>/` (segments of its journal), `work/` (shards as workers put
them), `done/<shard>.json` (manifests), and at the end `dataset/`, `report/`, `drops.parquet`.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import orjson

from flows.config import RunConfig
from flows.errors import ConfigError, UserError
from flows.run_folder import RunFolder
from records.store import Store, StoreError
from served_model.segments import SegmentLog, fetch_journal

if TYPE_CHECKING:
    from flows.workbench import Workbench  # opens models and a sandbox: not for a config's check

RESULTS = ("dataset", "report")

Manifest = Mapping[str, tuple[str, str]]
"""By path below the run folder: the object's name, and the SHA-256 of its bytes."""


@dataclass(frozen=True)
class RunStore:
    """One run below its own URL. Its methods block."""

    store: Store
    name: str  # of the run

    def log(self, folder: RunFolder, slug: str, shard: int) -> SegmentLog:
        """The shard's journal: the folder's file and the store agree, and this process writes. Raises JournalError."""
        return SegmentLog.open(self._log(slug, shard), folder.journal(slug, shard))

    def put_seeds(self, folder: RunFolder, slug: str, shard: int) -> None:
        """For workers and later starts, unless they are there. Raises StoreError."""
        path = folder.seeds(slug, shard)
        if not self.store.has(_name(folder, path)):
            self.store.upload(folder.drops_of(path), _name(folder, folder.drops_of(path)))
            self.store.upload(path, _name(folder, path))

    def fetch_seeds(self, folder: RunFolder, slug: str, shard: int) -> None:
        """Into a worker's own folder. Raises StoreError."""
        path = folder.seeds(slug, shard)
        self.store.download(_name(folder, path), path)

    def put_shard(self, folder: RunFolder, slug: str, shard: int) -> Manifest:
        """Put what a finished shard has left, under names of our own. Raises StoreError."""
        token = uuid4().hex
        manifest = {}
        for path in _files(folder, slug, shard):
            if path.exists():
                object_name = f"work/{token}/{_name(folder, path)}"
                manifest[_name(folder, path)] = (object_name, _sha256(path))
                self.store.upload(path, object_name)
        return manifest

    def fetch_shard(self, folder: RunFolder, manifest: Manifest) -> None:
        """Into the flow's folder, the shard itself last. Raises StoreError."""
        for path, (name, digest) in manifest.items():
            target = folder.root / path
            self.store.download(name, target)
            if _sha256(target) != digest:
                target.unlink()
                raise StoreError(f"{self.store.url}/{name}: not what was put there")

    def put_done(self, slug: str, shard: int, manifest: Manifest) -> None:
        """Say that the shard is done, and by which files. Only the flow says so. Raises StoreError."""
        self.store.put(f"done/{slug}-{shard:05d}.json", orjson.dumps(manifest))

    def is_done(self, slug: str, shard: int) -> bool:
        """Whether that was said. Raises StoreError."""
        return self.store.has(f"done/{slug}-{shard:05d}.json")

    def fetch_run(self, folder: RunFolder) -> None:
        """Bring to the folder what the store has and the folder lacks. Raises StoreError."""
        for name in self.store.names("seeds") + self.store.names("drops/seeds"):
            if not (folder.root / name).exists():
                self.store.download(name, folder.root / name)
        done = self.store.names("done")
        for name, text in zip(done, self.store.get_all(done), strict=True):
            shard = folder.root / "shards" / f"{Path(name).stem}.parquet"
            if not shard.exists():
                self.fetch_shard(folder, orjson.loads(text))
        for name in sorted({name.split("/")[1] for name in self.store.names("log")}):
            journal = folder.root / "journal" / f"{name}.jsonl"
            if not journal.exists():
                fetch_journal(self.store.below(f"log/{name}"), journal)
        if not folder.run_json.exists() and self.store.has("run.json"):
            self.store.download("run.json", folder.run_json)

    def put_run(self, folder: RunFolder) -> None:
        """The description of the run as it is. Raises StoreError."""
        self.store.upload(folder.run_json, "run.json")

    def put_results(self, folder: RunFolder) -> None:
        """What the run ends with; `run.json`, which says that it is complete, last. Raises StoreError."""
        files = [path for name in RESULTS for path in sorted((folder.root / name).rglob("*")) if path.is_file()]
        for path in [*files, folder.drops, folder.root / "README.md"]:
            if path.exists():
                self.store.upload(path, _name(folder, path))
        self.put_run(folder)

    def _log(self, slug: str, shard: int) -> Store:
        return self.store.below(f"log/{slug}-{shard:05d}")


def run_store(config: RunConfig, run: str) -> RunStore | None:
    """The store of a run with that name (its own and its fingerprint); None where the config names no storage.

    Raises UserError where the library for it is missing.
    """
    if config.engine.storage is None:
        return None
    try:
        return RunStore(Store.open(config.engine.storage).below(run), run)
    except StoreError as error:
        raise ConfigError(f"engine.storage: {error}") from error


def require_store(config: RunConfig) -> None:
    """Try the store, before anything is paid. Raises UserError."""
    store = run_store(config, ".probes")
    try:
        if store is not None:
            store.store.require_usable()
    except StoreError as error:
        raise UserError(f"engine.storage: {error}") from error


@asynccontextmanager
async def mirrored(store: RunStore, bench: Workbench, folder: RunFolder, shard: tuple[str, int]) -> AsyncIterator[None]:
    """While inside, the shard's replies are in the store before they are used. Raises JournalError."""
    log = await asyncio.to_thread(store.log, folder, *shard)
    journal = folder.journal(*shard)
    bench.durable[journal] = log.durable
    try:
        yield
    finally:
        del bench.durable[journal]


def _files(folder: RunFolder, slug: str, shard: int) -> tuple[Path, ...]:
    path = folder.shard(slug, shard)
    return folder.journal(slug, shard), folder.drops_of(path), path


def _name(folder: RunFolder, path: Path) -> str:
    return path.relative_to(folder.root).as_posix()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
