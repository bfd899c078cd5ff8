"""A disk that fills up at any moment: one clear line, exit 1, and a rerun with space finishes with the same bytes."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Provender = Callable[..., subprocess.CompletedProcess[str]]

SPACE_LEFT_KB = (0, 100, 250, 450)
"""At these the disk is full for the answer key, a journal, a shard, and the dataset or report."""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A tmpfs of 70 MiB; only root can mount one."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("mounting a tmpfs needs root")
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=70m", "tmpfs", str(folder)]
    if subprocess.run(command, check=False, capture_output=True).returncode != 0:
        pytest.skip("this machine does not let us mount a tmpfs")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


SMALL = ("--seeds", "25", "--recipes", "code/solve_with_tests,math/solve", "--quiet")


def fill_once_started(run: Path, left_kb: int) -> threading.Thread:
    """Take the disk's space, but for so many KiB, as soon as the first seeds are written."""

    def fill() -> None:
        deadline = time.monotonic() + 100
        while not list(run.glob("seeds/*.parquet")) and time.monotonic() < deadline:
            time.sleep(0.01)
        with (run.parent / "filler").open("wb") as file:
            while (room := shutil.disk_usage(run).free - left_kb * 1024) > 0:
                with contextlib.suppress(OSError):  # the run has written in between: look again
                    os.posix_fallocate(file.fileno(), 0, room)
                    break

    thread = threading.Thread(target=fill)
    thread.start()
    return thread


@pytest.mark.heavy
@pytest.mark.timeout(900)
def test_a_full_disk_is_one_line_and_a_rerun_finishes(provender: Provender, small_disk: Path, tmp_path: Path) -> None:
    reference = tmp_path / "reference"
    assert provender("rehearse", "--out", reference, *SMALL).returncode == 0
    for left_kb in SPACE_LEFT_KB:
        run = small_disk / "run"
        filler = fill_once_started(run, left_kb)
        result = provender("rehearse", "--out", run, *SMALL)
        filler.join()
        assert result.returncode == 1, (left_kb, result.stderr)
        [line] = result.stderr.strip().splitlines()
        assert line.startswith("provender: ")
        (small_disk / "filler").unlink()
        again = provender("rehearse", "--out", run, *SMALL)
        assert again.returncode == 0, (left_kb, again.stderr)
        for folder in ("shards", "dataset"):
            made = {file.relative_to(run): file.read_bytes() for file in (run / folder).rglob("*.parquet")}
            assert made == {
                file.relative_to(reference): file.read_bytes() for file in (reference / folder).rglob("*.parquet")
            }
        shutil.rmtree(run)


def test_a_disk_that_is_full_from_the_start_is_refused(provender: Provender, small_disk: Path) -> None:
    with (small_disk / "filler").open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, 60 << 20)
    result = provender("rehearse", "--out", small_disk / "run", "--quiet")
    assert result.returncode == 2
    assert "MiB free" in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
