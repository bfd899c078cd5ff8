"""The inside of a container, as far as it can be tried without one."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import container
from sandbox.engine import boot_bytes


@pytest.fixture
def area() -> Iterator[Path]:
    """In memory, as a container's is; a disk takes its time for each directory."""
    folder = Path(tempfile.mkdtemp(dir="/dev/shm"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def test_the_work_area_is_emptied_whatever_lies_in_it(area: Path, tmp_path: Path) -> None:
    deep = os.open(area, os.O_DIRECTORY)
    for _ in range(3000):  # deeper than any path name, and than the interpreter's stack
        os.mkdir("d" * 20, dir_fd=deep)
        inner = os.open("d" * 20, os.O_DIRECTORY, dir_fd=deep)
        os.close(os.open("f", os.O_CREAT | os.O_WRONLY, dir_fd=inner))
        os.close(deep)
        deep = inner
    os.close(deep)
    outside = tmp_path / "outside"
    outside.write_text("stays")
    (area / "more").mkdir()
    (area / "more" / "link").symlink_to(tmp_path)
    (area / "link").symlink_to(outside)
    (area / "a\nb").write_text("x")
    os.mkfifo(area / "pipe")
    container.empty(str(area))
    assert list(area.iterdir()) == []
    assert outside.read_text() == "stays"


def test_the_agents_modules_travel_with_it_and_the_hosts_side_does_not_run() -> None:
    boot = boot_bytes({"first_uid": 1})
    assert b'"sandbox.container"' in boot and b'"sandbox": ""' in boot
