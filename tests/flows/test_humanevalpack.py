"""HumanEvalPack in six languages by `verify code`: canonical solutions pass their tests, buggy ones fail."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest

from flows.config import SandboxSettings
from flows.verify_dataset import verify_rows
from tests.sandbox.backends import why_no_docker

pytestmark = pytest.mark.heavy

DATA = Path(__file__).parents[3] / "shared" / "data" / "code"
FILES = {"python": "python", "javascript": "js", "java": "java", "go": "go", "cpp": "cpp", "rust": "rust"}
COMMANDS = {"python": "python3", "javascript": "node", "java": "javac", "go": "go", "cpp": "g++", "rust": "rustc"}
# Rows that no machine of ours can run as they are, and why.
EXCEPTIONS: dict[str, str] = {
    "JavaScript/162": "needs js-md5, which Debian does not package: unjudged",
    "Rust/32": "its test is written for rand 0.7, Debian has 0.8: does not compile",
    "Rust/50": "its test is written for rand 0.7, Debian has 0.8: does not compile",
    "Go/20": "uses math and sort, but neither its program nor its set-up imports them: does not compile",
}
SETTLED = {"canonical_solution": "pass", "buggy_solution": "fail"}


def rows_of(language: str) -> list[dict[str, Any]]:
    file = DATA / f"humanevalpack_{FILES[language]}.jsonl"
    if not file.is_file():
        pytest.skip("../shared/data/code is not here")
    return [json.loads(line) for line in file.read_text().splitlines()]


def as_rows(language: str, entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Both solutions of each entry as rows for `verify code`."""
    return [
        {
            "id": f"{entry['task_id']} {kind}",
            "language": language,
            "program": entry["prompt"] + entry[kind],
            "tests": entry["test"],
            "limits": {"cpu_s": 5, "wall_s": 240},
        }
        for entry in entries
        for kind in SETTLED
    ]


async def wrong_verdicts(
    rows: list[dict[str, Any]], folder: Path, backend: Literal["namespaces", "docker"]
) -> list[Any]:
    """Rows whose verdict is not as it should be; exceptions only must not pass."""
    source, out = folder / "rows.jsonl", folder / "verdicts.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    await verify_rows("code", source, out, SandboxSettings(backend=backend))
    verdicts = [json.loads(line) for line in out.read_text().splitlines()]
    assert [verdict["id"] for verdict in verdicts] == [row["id"] for row in rows]
    assert {verdict["evidence"].get("backend", backend) for verdict in verdicts} == {backend}
    wrong = []
    for verdict in verdicts:
        name, kind = verdict["id"].split()
        as_it_should = verdict["outcome"] != "pass" if name in EXCEPTIONS else verdict["outcome"] == SETTLED[kind]
        if not as_it_should:
            said = verdict["evidence"].get("stderr", "")[-300:]
            wrong.append((verdict["id"], verdict["outcome"], verdict["reason"], said))
    return wrong


async def require(backend: str, language: str) -> None:
    """Skip where the backend or the language is not here."""
    if backend == "docker" and (missing := await asyncio.to_thread(why_no_docker)):
        pytest.skip(missing)
    if backend == "namespaces" and not shutil.which(COMMANDS[language], path="/usr/local/bin:/usr/bin:/bin"):
        pytest.skip(f"{COMMANDS[language]} is not installed below /usr: scripts/toolchains installs it")


@pytest.mark.timeout(900)
@pytest.mark.parametrize("backend", ["namespaces", "docker"])
@pytest.mark.parametrize("language", FILES)
async def test_canonical_passes_and_buggy_fails(
    tmp_path: Path, language: str, backend: Literal["namespaces", "docker"]
) -> None:
    await require(backend, language)
    assert await wrong_verdicts(as_rows(language, rows_of(language)), tmp_path, backend) == []


@pytest.fixture
def busy_cores() -> Iterator[None]:
    """Two endless loops for each core."""
    count = 2 * len(os.sched_getaffinity(0))
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    yield
    for loop in loops:
        loop.kill()
        loop.wait()


@pytest.mark.timeout(900)
@pytest.mark.usefixtures("busy_cores")
@pytest.mark.parametrize("backend", ["namespaces", "docker"])
async def test_a_busy_machine_changes_no_verdict(tmp_path: Path, backend: Literal["namespaces", "docker"]) -> None:
    await require(backend, "python")
    rows = [{**row, "limits": {}} for row in as_rows("python", rows_of("python"))]  # the limits that are the default
    assert await wrong_verdicts(rows, tmp_path, backend) == []
