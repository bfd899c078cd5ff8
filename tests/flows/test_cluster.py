"""A real Dask cluster of two workers, on a folder and on S3: the bytes of threads, whoever is killed in mid-run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from flows.cluster import require_runner
from flows.engine_settings import EngineSettings
from flows.errors import ConfigError
from flows.rehearse import write_knowledge
from records.store import Store
from served_model.rehearsal.launch import RehearsalServer
from tests.flows.run_files import data_files, journaled

ROOT = Path(__file__).resolve().parents[2]

CONFIG = """
name = "scaled"
seed = 5
shard_size = 4
[engine]
{engine}
[models.default]
base_url = "{url}"
name = "rehearsal"
max_in_flight = 4
[[recipes]]
use = "math/solve"
seeds = 24
[[recipes]]
use = "code/solve_with_tests"
seeds = 1
"""


@dataclass(frozen=True)
class Place:
    """The rehearsal model, the file in which it counts its replies, and a run of this process's threads."""

    url: str
    key_file: Path
    threads: Path

    def answered(self) -> list[str]:
        """Journal keys of the replies that were sent, in order; wire faults are no replies."""
        lines = [json.loads(line) for line in self.key_file.read_text().splitlines()]
        return [line["key"] for line in lines if not line.get("wire")]

    def config(self, path: Path, engine: str) -> Path:
        """A config file."""
        path.write_text(CONFIG.format(engine=engine, url=self.url))
        return path


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, prefect_home: Path) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("served")
    knowledge, key_file = folder / "knowledge.jsonl", folder / "answers.jsonl"
    write_knowledge(knowledge)
    with RehearsalServer(seed=5, fault_rate=0.3, knowledge=knowledge, answer_key=key_file, latency_ms=150) as url:
        place = Place(url, key_file, folder / "threads")
        finish(make(prefect_home, place.config(folder / "run.toml", ""), place.threads))
        yield place


@pytest.fixture
def bucket() -> Iterator[dict[str, str]]:
    """An S3-compatible server with one bucket; gives the environment in which it is found."""
    server = pytest.importorskip("moto.server").ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    environment = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "not-to-be-found-anywhere",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        Store.open("s3://bucket").files.mkdir("bucket")
        yield environment
    server.stop()


def in_store() -> set[str]:
    """Keys of the replies that are safe there."""
    store = Store.open("s3://bucket/runs")
    names = [name for name in store.names("") if "/log/" in name]
    lines = [json.loads(line) for text in store.get_all(names) for line in text.splitlines()]
    return {line["key"] for line in lines if "text" in line}


def make(home: Path, config: Path, out: Path, **environment: str) -> subprocess.Popen[bytes]:
    """`provender make` in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "flows", "make", str(config), "--out", str(out), "--quiet"],
        cwd=ROOT,
        env={**os.environ, "PREFECT_HOME": str(home), "PYTHONPATH": str(ROOT), **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def finish(process: subprocess.Popen[bytes]) -> None:
    """Its end must be a good one."""
    _, errors = process.communicate(timeout=600)
    assert process.returncode == 0, errors.decode()


def workers(parent: int) -> list[int]:
    """Worker processes of a flow's own cluster."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "stat").read_text().rpartition(")")[2].split()
                line = (entry / "cmdline").read_bytes()
            except OSError:
                continue  # it ended while we looked
            if int(words[1]) == parent and b"spawn_main" in line:
                found.append(int(entry.name))
    return sorted(found)


def wait_until(true: Callable[[], bool], process: subprocess.Popen[bytes] | None = None) -> None:
    """Or fail after minutes, or as soon as the process has ended."""
    deadline = time.monotonic() + 240
    while not true():
        assert time.monotonic() < deadline
        assert process is None or process.poll() is None
        time.sleep(0.1)


def is_alive(pid: int) -> bool:
    """Whether the process runs."""
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.heavy
@pytest.mark.timeout(900)
def test_two_workers_make_the_same_dataset_and_the_death_of_one_changes_nothing(
    place: Place, tmp_path: Path, prefect_home: Path
) -> None:
    pytest.importorskip("prefect_dask")
    dask, in_all, first = tmp_path / "dask", len(journaled(place.threads)), len(place.answered())
    process = make(prefect_home, place.config(tmp_path / "run.toml", 'runner = "dask"'), dask)
    wait_until(lambda: len(journaled(dask)) >= in_all // 4, process)
    before, count = journaled(dask), len(place.answered())
    pids = workers(process.pid)
    assert len(pids) == 2
    os.kill(pids[0], signal.SIGKILL)
    finish(process)
    assert not before & set(place.answered()[count:])
    assert len(before) < in_all, "the worker was killed after the run's end"
    repeated = sum(number - 1 for number in Counter(place.answered()[first:]).values())
    assert repeated < in_all // 4  # only what was in flight in the killed process
    assert data_files(dask) == data_files(place.threads)
    assert len(data_files(dask)) > 15
    assert journaled(dask) == journaled(place.threads)
    usage = [json.loads((out / "run.json").read_text())["budget"]["usage"] for out in (place.threads, dask)]
    assert usage[0] == usage[1]


@pytest.mark.heavy
@pytest.mark.timeout(900)
def test_a_run_in_a_bucket_survives_a_worker_and_then_its_machine(
    place: Place, tmp_path: Path, prefect_home: Path, bucket: dict[str, str]
) -> None:
    pytest.importorskip("prefect_dask")
    pytest.importorskip("s3fs")
    one, other, in_all = tmp_path / "one", tmp_path / "other", len(journaled(place.threads))
    config = place.config(tmp_path / "run.toml", 'runner = "dask"\nstorage = "s3://bucket/runs"')
    process = make(prefect_home, config, one, **bucket)
    wait_until(lambda: len(in_store()) >= in_all // 5, process)
    before, count = in_store(), len(place.answered())
    pids = workers(process.pid)
    assert len(pids) == 2
    os.kill(pids[0], signal.SIGKILL)
    wait_until(lambda: len(in_store()) >= in_all // 2, process)
    assert not before & set(place.answered()[count:])
    pids = workers(process.pid)
    process.kill()
    process.communicate()
    wait_until(lambda: not any(map(is_alive, pids)))
    before, count = in_store(), len(place.answered())
    assert len(before) < in_all, "the flow was killed after the run's end"
    finish(make(prefect_home, config, other, **bucket))
    assert not before & set(place.answered()[count:])
    assert data_files(other) == data_files(place.threads)
    assert journaled(other) == journaled(place.threads)
    for path in [*other.rglob("*.json*"), *other.rglob("*.md"), *other.rglob("*.html")]:
        assert bucket["AWS_SECRET_ACCESS_KEY"] not in path.read_text()
    store = Store.open("s3://bucket/runs")
    names = {name.partition("/")[2] for name in store.names("")}
    assert {"run.json", "report/index.html", "drops.parquet", "dataset/README.md"} <= names


def test_a_runner_without_its_extra_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "prefect_ray", None)
    with pytest.raises(ConfigError, match=r'engine.runner = "ray" needs the extra ray, here and on the workers: pip'):
        require_runner(EngineSettings(runner="ray"))
    require_runner(EngineSettings(address="tcp://10.0.0.1:8786"))


def test_workers_elsewhere_need_a_prefect_server_that_they_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "prefect_dask", json)  # any module: that it is there is all that counts
    require_runner(EngineSettings(runner="dask", address="127.0.0.1:8786"))
    require_runner(EngineSettings(runner="dask"))
    for api in ("", "http://127.0.0.1:4200/api"):
        monkeypatch.setenv("PREFECT_API_URL", api)
        with pytest.raises(ConfigError, match="prefect server start"):
            require_runner(EngineSettings(runner="dask", address="tcp://10.0.0.1:8786"))
