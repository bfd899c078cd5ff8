"""An estimate works the beginning of the run, says what the whole takes, and is not paid twice."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.estimate import mean_interval
from flows.run_folder import RunFolder
from served_model.journal import read_journal
from served_model.rehearsal.launch import RehearsalServer

CONFIG = """
name = "estimated"
[models.default]
base_url = "{url}"
name = "rehearsal"
price_out = 2.0
[[recipes]]
use = "math/solve"
corpus = "{corpus}"
{size}
"""


@given(st.lists(st.integers(0, 6), min_size=1, max_size=60))
def test_the_interval_holds_the_mean_and_is_never_empty(counts: list[int]) -> None:
    interval = mean_interval(counts)
    assert 0 <= interval.low <= interval.value <= interval.high
    assert interval.low < interval.high


def test_more_seeds_make_it_narrower() -> None:
    widths = [one.high - one.low for one in (mean_interval([0, 1, 2, 3] * n) for n in (2, 8, 32))]
    assert widths == sorted(widths, reverse=True)


@pytest.mark.usefixtures("prefect_home")
def test_estimate_then_make(provender: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path) -> None:
    corpus = tmp_path / "questions.jsonl"
    rows = [{"question": f"What is {n} + {n + 1}?", "answer": str(2 * n + 1)} for n in range(60)]
    corpus.write_text("\n".join(map(json.dumps, rows)))
    config, out, key_file = tmp_path / "run.toml", tmp_path / "run", tmp_path / "key.jsonl"
    with RehearsalServer(seed=1, fault_rate=0.2, wire_fault_rate=0.0, knowledge=corpus, answer_key=key_file) as url:
        config.write_text(CONFIG.format(url=url, corpus=corpus, size=""))
        result = provender("make", config, "--out", out, "--estimate", "--sample", "20", "--json")
        assert result.returncode == 0, result.stderr
        estimate = json.loads(result.stdout)["recipes"]["00-math-solve"]
        paid = key_file.read_text().splitlines()
        assert 80 <= len(paid) < 240  # at least four samples of 20 questions
        text = provender("make", config, "--out", out, "--estimate", "--sample", "20")
        assert "records per seed" in text.stdout
        assert key_file.read_text().splitlines() == paid  # replayed
        made = provender("make", config, "--out", out, "--json", "--quiet")
        assert made.returncode == 0, made.stderr
    asked = [json.loads(line)["key"] for line in key_file.read_text().splitlines()]
    assert len(asked) == len(set(asked)) > len(paid)
    assert estimate["seeds"]["value"] == 60
    total = json.loads(made.stdout)["accepted"]["00-math-solve"]
    assert estimate["records"]["low"] <= total <= estimate["records"]["high"]
    run = RunFolder(out).read_run()
    assert estimate["tokens"]["value"] == pytest.approx(run["budget"]["tokens"], rel=0.25)
    assert estimate["money"]["value"] > 0
    lines = [line for path in out.glob("journal/*.jsonl") for line in read_journal(path)]
    assert {line["key"] for line in lines} == set(asked)


def test_a_target_says_how_many_seeds_it_needs(
    provender: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    config = tmp_path / "run.toml"
    with RehearsalServer(seed=1) as url:
        config.write_text(CONFIG.format(url=url, corpus="default", size="target = 40"))
        result = provender("make", config, "--out", tmp_path / "run", "--estimate", "--sample", "8", "--json")
    estimate = json.loads(result.stdout)["recipes"]["00-math-solve"]
    assert estimate["records"]["value"] <= 40
    assert estimate["seeds"]["value"] >= 10
    assert not list((tmp_path / "run" / "shards").glob("*"))
