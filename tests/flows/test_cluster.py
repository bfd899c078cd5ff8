"""A real Dask cluster of two worker processes: the same bytes as threads, also when a worker is killed in mid-run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from flows.cluster import require_runner
from flows.engine_settings import EngineSettings
from flows.errors import ConfigError
from flows.rehearse import write_knowledge
from served_model.journal import read_journal
from served_model.rehearsal.launch import RehearsalServer

ROOT = Path(__file__).resolve().parents[2]

CONFIG = """
name = "scaled"
seed = 5
shard_size = 6
[engine]
{engine}
[models.default]
base_url = "{url}"
name = "rehearsal"
[[recipes]]
use = "math/solve"
seeds = 42
[[recipes]]
use = "code/solve_with_tests"
seeds = 6
"""


def data_files(out: Path) -> dict[str, bytes]:
    """Everything that must be the same byte for byte: shards, seeds, drops and the dataset."""
    files = [*out.glob("shards/*.parquet"), *out.glob("seeds/*.parquet"), *out.glob("drops/*/*.parquet")]
    files += [*out.glob("dataset/**/*.parquet"), out / "drops.parquet"]
    return {str(file.relative_to(out)): file.read_bytes() for file in files}


def journaled(out: Path) -> set[str]:
    """Keys of the replies that are on disk."""
    return {line["key"] for path in out.glob("journal/*.jsonl") for line in read_journal(path) if "event" not in line}


def answered(key_file: Path) -> list[str]:
    """Journal keys of the replies that the server sent, in order; wire faults are no replies."""
    lines = [json.loads(line) for line in key_file.read_text().splitlines()] if key_file.exists() else []
    return [line["key"] for line in lines if not line.get("wire")]


@contextmanager
def served(folder: Path, latency_ms: int) -> Iterator[tuple[str, Path]]:
    """The rehearsal model, and the file in which it counts its replies."""
    write_knowledge(folder / "knowledge.jsonl")
    key_file = folder / "answers.jsonl"
    with RehearsalServer(
        seed=5, fault_rate=0.3, knowledge=folder / "knowledge.jsonl", answer_key=key_file, latency_ms=latency_ms
    ) as url:
        yield url, key_file


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


def wait_for(out: Path, replies: int) -> None:
    """Until so many replies are on disk."""
    deadline = time.monotonic() + 240
    while len(journaled(out)) < replies:
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.heavy
@pytest.mark.timeout(900)
def test_two_workers_make_the_same_dataset_and_the_death_of_one_changes_nothing(
    tmp_path: Path, prefect_home: Path
) -> None:
    pytest.importorskip("prefect_dask")
    config = tmp_path / "run.toml"
    threads, dask = tmp_path / "threads", tmp_path / "dask"
    with served(tmp_path, latency_ms=150) as (url, key_file):
        config.write_text(CONFIG.format(engine="", url=url))
        finish(make(prefect_home, config, threads))
        in_all = len(journaled(threads))
        first = len(answered(key_file))
        config.write_text(CONFIG.format(engine='runner = "dask"', url=url))
        process = make(prefect_home, config, dask)
        wait_for(dask, in_all // 4)
        before, count = journaled(dask), len(answered(key_file))
        pids = workers(process.pid)
        assert len(pids) == 2
        os.kill(pids[0], signal.SIGKILL)
        finish(process)
        assert not before & set(answered(key_file)[count:])
        assert len(before) < in_all, "the worker was killed after the run's end"
        repeated = sum(number - 1 for number in Counter(answered(key_file)[first:]).values())
        assert repeated < in_all // 4  # only what was in flight in the killed process
    assert data_files(dask) == data_files(threads)
    assert len(data_files(dask)) > 20
    assert journaled(dask) == journaled(threads)
    usage = [json.loads((out / "run.json").read_text())["budget"]["usage"] for out in (threads, dask)]
    assert usage[0] == usage[1]


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
