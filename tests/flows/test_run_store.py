"""A run in a store: shards worked anywhere come back as they were, and one start at a time works."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

pytest.importorskip("fsspec")

from flows.config import RunConfig, validate_config
from flows.errors import ConfigError
from flows.make_dataset import run
from flows.orders import Beat, Heart, StoreBoard, Taken
from flows.rehearse import write_knowledge
from flows.run_folder import RunFolder
from flows.run_store import RunStore, run_store
from records.store import Store, StoreError
from served_model.meter import Meter
from served_model.rehearsal.launch import RehearsalServer
from tests.flows.run_files import data_files, journaled


@dataclass(frozen=True)
class Served:
    """The rehearsal model."""

    url: str
    key_file: Path

    @property
    def replies(self) -> int:
        """So many it has sent."""
        return len(self.key_file.read_text().splitlines())


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("rehearsal")
    knowledge, key_file = folder / "knowledge.jsonl", folder / "answers.jsonl"
    write_knowledge(knowledge)
    with RehearsalServer(seed=1, fault_rate=0.3, wire_fault_rate=0.0, knowledge=knowledge, answer_key=key_file) as url:
        yield Served(url, key_file)


def config(url: str, **engine: object) -> RunConfig:
    models = {"default": {"base_url": url, "name": "rehearsal"}}
    recipes = [{"use": "math/solve", "seeds": 12}]
    base = {"name": "stored", "models": models, "recipes": recipes, "shard_size": 5, "engine": engine}
    return validate_config(base, "test")


async def test_a_run_goes_on_from_the_store_in_an_empty_folder(served: Served, tmp_path: Path) -> None:
    base = f"memory://{uuid4().hex}"
    await run(config(served.url), str(tmp_path / "plain"))
    made = await run(config(served.url, storage=base), str(tmp_path / "first"))
    assert data_files(tmp_path / "first") == data_files(tmp_path / "plain")
    (name,) = {path.split("/")[0] for path in Store.open(base).names("")} - {".probes"}
    store = Store.open(f"{base}/{name}")
    assert "dataset/sft/train-00000-of-00001.parquet" in store.names("dataset")
    # One shard is lost from the store with all that says it is done, but for its replies.
    store.remove("done/00-math-solve-00001.json")
    asked = served.replies
    again = await run(config(served.url, storage=base), str(tmp_path / "second"))
    assert served.replies == asked
    assert again.accepted == made.accepted
    assert data_files(tmp_path / "second") == data_files(tmp_path / "plain")
    assert journaled(tmp_path / "second") == journaled(tmp_path / "plain")
    assert store.has("done/00-math-solve-00001.json")


async def test_a_run_that_began_without_a_store_is_brought_there(served: Served, tmp_path: Path) -> None:
    base = f"memory://{uuid4().hex}"
    await run(config(served.url), str(tmp_path / "first"))
    RunFolder(tmp_path / "first").shard("00-math-solve", 2).unlink()
    asked = served.replies
    await run(config(served.url, storage=base), str(tmp_path / "first"))
    await run(config(served.url, storage=base), str(tmp_path / "second"))
    assert served.replies == asked
    assert data_files(tmp_path / "second") == data_files(tmp_path / "first")


def test_what_is_not_what_was_put_is_refused(tmp_path: Path) -> None:
    store = RunStore(Store.open(f"memory://{uuid4().hex}"), "run")
    one, other = RunFolder(tmp_path / "one"), RunFolder(tmp_path / "other")
    path = one.shard("00-x", 0)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"rows")
    manifest = store.put_shard(one, "00-x", 0)
    ((name, _),) = manifest.values()
    store.fetch_shard(other, manifest)
    assert other.shard("00-x", 0).read_bytes() == b"rows"
    other.shard("00-x", 0).unlink()
    store.store.put(name, b"rots")
    with pytest.raises(StoreError, match="not what was put there"):
        store.fetch_shard(other, manifest)
    assert not other.shard("00-x", 0).exists()


async def test_a_second_start_is_refused_while_the_first_lives_and_takes_over_when_it_is_gone() -> None:
    store = Store.open(f"memory://{uuid4().hex}")
    first = Heart(StoreBoard(store), Meter())
    async with first.beating():
        with pytest.raises(Taken, match="another start of this run is at work"):
            await Heart(StoreBoard(store, lost_s=6), Meter()).beat()
    third = Heart(StoreBoard(store, lost_s=600), Meter())  # need not wait: the first has said that it left
    async with third.beating():
        pass
    store.put("beat.json", Beat("gone", 7).to_json().encode())
    second = Heart(StoreBoard(store, lost_s=0.01), Meter())
    async with second.beating():
        there = StoreBoard(store).read()
        assert there is not None and there.start == second.start
        gone = Heart(StoreBoard(store), Meter(), start="gone", count=7)
        with pytest.raises(Taken):
            await gone.beat()


def test_storage_that_cannot_be_is_refused() -> None:
    for storage, part in (
        ("s3://key:secret@bucket/runs", "no credentials in the URL"),
        ("file:///tmp/runs", "a shared disk needs no storage"),
        ("runs", "storage"),
        ("s3://bucket?x=y", "storage"),
    ):
        with pytest.raises(ConfigError, match=part):
            config("http://127.0.0.1:9/v1", storage=storage)
    with pytest.raises(ConfigError, match=r"engine\.storage: nonsense:// is no kind of store"):
        run_store(config("http://127.0.0.1:9/v1", storage="nonsense://bucket"), "run")
    assert run_store(config("http://127.0.0.1:9/v1"), "run") is None
