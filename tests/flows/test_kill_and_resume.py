"""SIGKILL at any moment, run again: the same bytes, and no reply that was journaled is asked for again."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from flows.rehearse import write_knowledge
from served_model.rehearsal.launch import RehearsalServer
from tests.flows.run_files import data_files, journaled

ROOT = Path(__file__).resolve().parents[2]
KILLS = int(os.environ.get("PROVENDER_TEST_KILLS", "10"))
"""Kills of one run; more than a test suite has time for show more moments."""

CONFIG = """
name = "killed"
seed = 5
shard_size = 6
lookahead = {lookahead}
[models.default]
base_url = {urls}
name = "rehearsal"
max_in_flight = {in_flight}
"""
CODE_AND_MATH = """
[[recipes]]
use = "code/solve_with_tests"
seeds = 14
[[recipes]]
use = "math/solve"
seeds = 14
"""
NEUTRAL_SEEDS = 120
NEUTRAL = """
[[recipes]]
use = "{root}/benchmarks/neutral_recipe.py:NEUTRAL"
corpus = "{questions}"
seeds = {seeds}
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
def test_rehearse_survives_kills(tmp_path: Path, prefect_home: Path) -> None:
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
    assert kills >= KILLS // 4  # what is done is not done again, so later starts end sooner
    assert data_files(out) == data_files(reference)
    assert len(data_files(out)) > 8


@pytest.mark.heavy
@pytest.mark.timeout(3600)
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
            settings = CONFIG.format(urls=json.dumps(urls), in_flight=in_flight, lookahead=lookahead)
            config.write_text(settings + CODE_AND_MATH)
            return command(prefect_home, "make", config, "--out", out, "--quiet")

        started = time.monotonic()
        finish(make(tmp_path / "reference", 64, [one], 16))
        longest = time.monotonic() - started
        out = tmp_path / "killed"
        kills = 0
        for _ in range(max(4, KILLS - 6)):
            in_flight, lookahead = rng.randint(1, 64), rng.randint(1, 16)
            urls = rng.choice([[one], [two], [one, two], [two, one]])
            before, counts = journaled(out), [len(answered(file)) for file in keys]
            kills += kill_at_random(make(out, in_flight, urls, lookahead), rng, longest)
            for file, count in zip(keys, counts, strict=True):
                assert not before & set(answered(file)[count:])
        finish(make(out, 9, [two], 3))
    assert kills
    assert data_files(out) == data_files(tmp_path / "reference")
    assert len(list(out.glob("shards/*.parquet"))) == 6


@contextmanager
def answering_server() -> Iterator[str]:
    """A model server that only counts; its base URL."""
    arguments = [sys.executable, "-m", "benchmarks.answering_server", "--delay-ms=40", "--no-metrics"]
    with subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}/v1"
        process.kill()


def answered_by(urls: list[str]) -> int:
    """Requests that the servers have answered, once none is at work any more."""
    for _ in range(200):
        stats = [json.load(urllib.request.urlopen(f"{url.removesuffix('v1')}stats", timeout=10)) for url in urls]
        if not any(one["running"] for one in stats):
            return sum(one["answered"] for one in stats)
        time.sleep(0.05)
    raise AssertionError("the servers do not come to rest")


@pytest.mark.heavy
@pytest.mark.timeout(3600)
def test_the_server_counts_no_request_twice_but_those_in_flight(tmp_path: Path, prefect_home: Path) -> None:
    """The neutral job, counted at the server: after a kill at most the requests in flight are asked again."""
    config, rng, out = tmp_path / "run.toml", random.Random(11), tmp_path / "killed"
    questions = tmp_path / "questions.jsonl"
    rows = ({"id": f"s{n}", "question": f"What is the use of component number {n}?"} for n in range(NEUTRAL_SEEDS))
    questions.write_text("".join(json.dumps(row) + "\n" for row in rows))
    job = NEUTRAL.format(root=ROOT, questions=questions, seeds=NEUTRAL_SEEDS)

    def make(out: Path, in_flight: int, urls: list[str], lookahead: int) -> subprocess.Popen[bytes]:
        settings = CONFIG.format(urls=json.dumps(urls), in_flight=in_flight, lookahead=lookahead)
        config.write_text(settings.replace('name = "rehearsal"', 'name = "m"') + job)
        return command(prefect_home, "make", config, "--out", out, "--quiet")

    with answering_server() as one, answering_server() as two:
        started = time.monotonic()
        finish(make(tmp_path / "reference", 64, [one, two], 16))
        longest = time.monotonic() - started
        seen = answered_by([one, two])
        assert seen == 2 * NEUTRAL_SEEDS
        kills = 0
        for _ in range(max(3, KILLS - 7)):
            in_flight, lookahead = rng.randint(1, 64), rng.randint(1, 16)
            held = len(journaled(out))
            kills += kill_at_random(
                make(out, in_flight, rng.choice([[one], [two], [one, two]]), lookahead), rng, longest
            )
            asked, seen = answered_by([one, two]) - seen, answered_by([one, two])
            assert asked <= len(journaled(out)) - held + in_flight
        held = len(journaled(out))
        finish(make(out, 9, [two], 3))
        assert answered_by([one, two]) - seen == 2 * NEUTRAL_SEEDS - held
    assert kills
    assert data_files(out) == data_files(tmp_path / "reference")


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
