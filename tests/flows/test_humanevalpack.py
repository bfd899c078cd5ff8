"""HumanEvalPack in six languages by `verify code`: canonical solutions pass their tests, buggy ones fail."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from flows.verify_dataset import verify_rows

pytestmark = pytest.mark.heavy

DATA = Path(__file__).parents[3] / "shared" / "data" / "code"
FILES = {"python": "python", "javascript": "js", "java": "java", "go": "go", "cpp": "cpp", "rust": "rust"}
COMMANDS = {"python": "python3", "javascript": "node", "java": "javac", "go": "go", "cpp": "g++", "rust": "rustc"}
# Rows that no machine of ours can run as they are, and why.
EXCEPTIONS: dict[str, str] = {
    "JavaScript/162": "needs js-md5, which Debian does not package: unjudged",
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


@pytest.mark.timeout(900)
@pytest.mark.parametrize("language", FILES)
async def test_canonical_passes_and_buggy_fails(tmp_path: Path, language: str) -> None:
    if not shutil.which(COMMANDS[language], path="/usr/local/bin:/usr/bin:/bin"):
        pytest.skip(f"{COMMANDS[language]} is not installed below /usr: scripts/toolchains installs it")
    rows = as_rows(language, rows_of(language))
    source, out = tmp_path / "rows.jsonl", tmp_path / "verdicts.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    await verify_rows("code", source, out)
    verdicts = [json.loads(line) for line in out.read_text().splitlines()]
    assert [verdict["id"] for verdict in verdicts] == [row["id"] for row in rows]
    wrong = [
        (verdict["id"], verdict["outcome"], verdict["reason"], verdict["evidence"].get("stderr", "")[-300:])
        for verdict in verdicts
        if verdict["id"].split()[0] not in EXCEPTIONS and verdict["outcome"] != SETTLED[verdict["id"].split()[1]]
    ]
    assert not wrong
    settled = [verdict for verdict in verdicts if verdict["id"].split()[0] in EXCEPTIONS]
    assert all(verdict["outcome"] != "pass" for verdict in settled), settled
