"""SIGKILL at any moment, run again: the same bytes, and no reply that was journaled is asked for again."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.rehearse import write_knowledge
from served_model.rehearsal.launch import RehearsalServer
from tests.flows.run_files import data_files, journaled

ROOT = Path(__file__).resolve().parents[2]
KILLS = 10

CONFIG = """
name = "killed"
seed = 5
shard_size = 6
lookahead = {lookahead}
[models.default]
base_url = {urls}
name = "rehearsal"
max_in_flight = {in_flight}
[[recipes]]
use = "code/solve_with_tests"
seeds = 14
[[recipes]]
use = "math/solve"
seeds = 14
"""


def answered(key_file: Path) -> list[str]:
    """Journal keys of the replies that the server sent, in order; wire faults are no replies."""
    if not key_file.exists():
        return []
    lines = [json.loads(line) for line in key_file.read_text().splitlines()]
    return [line["key"] for line in lines if not line.get("wire")]


def command(prefect_home: Path, *arguments: str | Path) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PREFECT_HOME": str(prefect_home), "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-m", "flows", *map(str, arguments)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def finish(process: subprocess.Popen[bytes]) -> None:
    _, errors = process.communicate(timeout=600)
    assert process.returncode == 0, errors.decode()


def kill_at_random(process: subprocess.Popen[bytes], rng: random.Random, longest: float) -> bool:
    """SIGKILL the process itself, not its children; whether it was still at work."""
    try:
        process.wait(rng.uniform(0.2, longest))
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
    process.communicate()
    return process.returncode == -signal.SIGKILL


def ours(mark: str) -> Iterator[str]:
    """Command lines of living processes that carry the mark."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                line = ""  # it ended while we looked
            if mark in line:
                yield line


def wait_until_none(mark: str) -> list[str]:
    """What is still alive of a killed run after a grace of 15 s."""
    deadline = time.monotonic() + 15
    while (left := list(ours(mark))) and time.monotonic() < deadline:
        time.sleep(0.2)
    return left


@pytest.mark.heavy
@pytest.mark.timeout(900)
def test_rehearse_survives_ten_kills(tmp_path: Path, prefect_home: Path) -> None:
    def rehearse(out: Path) -> subprocess.Popen[bytes]:
        return command(prefect_home, "rehearse", "--out", out, "--seeds", "25", "--seed", "3", "--quiet")

    reference, out = tmp_path / "reference", tmp_path / "killed"
    started = time.monotonic()
    finish(rehearse(reference))
    longest = time.monotonic() - started
    rng = random.Random(20261121)
    kills = 0
    for _ in range(KILLS):
        before, count = journaled(out), len(answered(out / "rehearsal" / "answer_key.jsonl"))
        kills += kill_at_random(rehearse(out), rng, longest)
        assert not before & set(answered(out / "rehearsal" / "answer_key.jsonl")[count:])
        assert not wait_until_none(str(out)), "a process of the killed run is left"
    finish(rehearse(out))
    assert kills >= KILLS // 2
    assert data_files(out) == data_files(reference)
    assert len(data_files(out)) > 8


@pytest.mark.heavy
@pytest.mark.timeout(900)
def test_make_survives_kills_with_another_concurrency_and_other_endpoints_each_time(
    tmp_path: Path, prefect_home: Path
) -> None:
    write_knowledge(tmp_path / "knowledge.jsonl")
    keys = [tmp_path / "one.jsonl", tmp_path / "two.jsonl"]
    config = tmp_path / "run.toml"
    rng = random.Random(7)

    def server(key_file: Path) -> RehearsalServer:
        knowledge = tmp_path / "knowledge.jsonl"
        return RehearsalServer(seed=5, fault_rate=0.3, knowledge=knowledge, answer_key=key_file, latency_ms=30)

    with server(keys[0]) as one, server(keys[1]) as two:

        def make(out: Path, in_flight: int, urls: list[str], lookahead: int) -> subprocess.Popen[bytes]:
            config.write_text(CONFIG.format(urls=json.dumps(urls), in_flight=in_flight, lookahead=lookahead))
            return command(prefect_home, "make", config, "--out", out, "--quiet")

        started = time.monotonic()
        finish(make(tmp_path / "reference", 64, [one], 16))
        longest = time.monotonic() - started
        out = tmp_path / "killed"
        for in_flight, urls, lookahead in ((2, [one], 2), (64, [one, two], 16), (5, [two], 1), (17, [two, one], 4)):
            before, counts = journaled(out), [len(answered(file)) for file in keys]
            kill_at_random(make(out, in_flight, urls, lookahead), rng, longest)
            for file, count in zip(keys, counts, strict=True):
                assert not before & set(answered(file)[count:])
        finish(make(out, 9, [two], 3))
    assert data_files(out) == data_files(tmp_path / "reference")
    assert len(list(out.glob("shards/*.parquet"))) == 6


@pytest.mark.heavy
def test_ctrl_c_stops_cleanly_and_resumes(tmp_path: Path, prefect_home: Path) -> None:
    out = tmp_path / "run"
    process = command(prefect_home, "rehearse", "--out", out, "--seeds", "60", "--quiet")
    deadline = time.monotonic() + 120
    while not journaled(out) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors.decode()
    assert errors.decode() == "provender: stopped; run the same command again to resume\n"
    assert not wait_until_none(str(out))
    finish(command(prefect_home, "rehearse", "--out", out, "--seeds", "60", "--quiet"))
