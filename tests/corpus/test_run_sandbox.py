"""A corpus that executes does so where the run says, and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import corpus
from corpus.reader import OpenSandbox, Reader
from flows.config import validate_config
from flows.plan import resolve
from flows.run_folder import RunFolder
from flows.sandboxes import SandboxOpener
from records.types import Drop, Seed
from sandbox.types import Sandbox, SandboxUnavailable

EXECUTING = [reader for reader in corpus.READERS.values() if reader.executes]


def nowhere() -> Sandbox:
    raise SandboxUnavailable("the run's own")


@pytest.mark.parametrize("reader", EXECUTING, ids=lambda reader: reader.name)
def test_no_seed_is_made_where_the_runs_sandbox_does_not_start(reader: Reader) -> None:
    with pytest.raises(SandboxUnavailable, match="the run's own"):
        while isinstance(next(reader.read(reader.default, 0, "unknown", nowhere)), Drop):
            pass


def test_the_readers_of_tools_are_the_ones_that_execute() -> None:
    assert {one.name for one in EXECUTING} == {"tools", "tool_chains", "mined_calls", "tool_environments", "tool_files"}


def test_a_run_gives_its_settings_to_the_corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[OpenSandbox] = []

    def read(pattern: str, run_seed: int, licence: str, sandbox: OpenSandbox) -> Iterator[Seed | Drop]:
        asked.append(sandbox)
        return iter(())

    monkeypatch.setitem(corpus.READERS, "tools", Reader("tools", read, lambda _: "", "x", True, True))  # type: ignore[index]
    given: dict[str, Any] = {
        "name": "run",
        "models": {"default": {"base_url": ["http://127.0.0.1:9/v1"], "name": "m"}},
        "sandbox": {"backend": "docker", "image": "mine:1"},
        "recipes": [{"use": "tool_use/single", "target": 1}],
    }
    config = validate_config(given, "test")
    plan = resolve(config).recipes[0].seed_plan(config, RunFolder(tmp_path), 1)
    assert list(plan.write_shards()) == []
    assert asked == [SandboxOpener(config.sandbox)]
    assert config.sandbox.image == "mine:1"
