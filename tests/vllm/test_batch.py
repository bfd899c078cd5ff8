"""`make --batch` answered by the real `vllm run-batch`: the results enter the journal that a run over HTTP uses."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from served_model.batch_files import keys_of
from served_model.vllm.environment import find_environment
from served_model.vllm.settings import ServeSettings, variables
from tests.vllm.conftest import ENGINE, ROOT, Serving
from tests.vllm.test_whole_runs import assert_balanced, counting, journaled

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(900)]

SEEDS = 12
CONFIG = """
name = "offline"
[models.default]
base_url = "{url}"
name = "tiny"
[[recipes]]
use = "math/solve"
seeds = {seeds}
settings = {{ max_tokens = 100 }}
"""


def make(config: Path, run: Path, *options: str) -> dict[str, Any]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PREFECT_HOME": str(run.with_name("prefect"))}
    words = [sys.executable, "-m", "flows", "make", str(config), "--out", str(run), "--json", *options]
    made = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    said: dict[str, Any] = json.loads(made.stdout)
    return said


def run_batch(env: Path, model: Path, requests: Path) -> None:
    """As the documentation says, with the settings of `provender serve` for a CPU."""
    found = find_environment(env)
    assert found is not None
    results = requests.with_name(requests.name.replace(".requests.", ".results."))
    words = ["-i", requests, "-o", results, "--model", model, "--served-model-name", "tiny", *ENGINE]
    settings = ServeSettings(str(model), threads=1)
    ended = subprocess.run(
        [found.python, "-m", "vllm.entrypoints.openai.run_batch", *map(str, words), "--no-enable-chunked-prefill"],
        env=variables("cpu", settings, os.environ),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0 and results.exists(), ended.stderr[-2000:]


async def test_vllm_run_batch_answers_the_files_of_make(
    vllm_env: Path, models: Path, chat: Serving, tmp_path: Path
) -> None:
    config, run = tmp_path / "run.toml", tmp_path / "run"
    config.write_text(CONFIG.format(url="http://127.0.0.1:9/v1", seeds=SEEDS))  # nobody listens there
    first = make(config, run, "--batch")
    assert set(first["ended"].values()) == {"batch: its requests wait for results"}
    file = run / "batch" / "0001.requests.jsonl"
    asked = keys_of(file)
    assert len(asked) == len(set(asked)) >= SEEDS
    run_batch(vllm_env, models / "tiny", file)
    made = make(config, run, "--batch")
    assert {line["key"] for line in journaled(run)} == set(asked)
    assert sum(line["usage"][1] for line in journaled(run)) > 0
    assert not (run / "batch" / "0002.requests.jsonl").exists()
    assert_balanced(made, run, SEEDS)
    journals = {path: path.read_bytes() for path in run.glob("journal/*")}
    async with counting(chat.root) as (counter, url):
        config.write_text(CONFIG.format(url=url, seeds=SEEDS))
        again = await asyncio.to_thread(make, config, run)  # over HTTP now, and nothing is left to ask
    assert not counter.answered and again["accounts"] == made["accounts"]
    assert {path: path.read_bytes() for path in run.glob("journal/*")} == journals
