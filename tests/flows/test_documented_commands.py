"""Every command of the README and the tutorials is run, on a model double and with smaller numbers."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from served_model.rehearsal.launch import RehearsalServer
from tests.flows.conftest import ROOT, started_place

PAGES = ("README.md", *(f"docs/{name}.md" for name in ("first_dataset", "own_domain", "training", "nightly")))
BLOCK = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
ELSEWHERE = (
    "make ", "python3 -m venv", "pip install",  # continuous integration itself begins with them
    "export PREFECT_API_URL", "prefect server start", "prefect worker start",  # by the place, and test_deploy.py
)  # fmt: skip
SMALLER = (
    (r"http://127\.0\.0\.1:800[01]/v1", "{url}"),
    (r"my-embedder", "rehearsal"),
    (r"s3://my-bucket", "memory://bucket"),
    (r'name = "my-model".*', 'name = "rehearsal"'),
    (r"target = [\d_]+", "target = 2"),
    (r"--seeds 50", "--seeds 1"),
    (r"--seeds 20", "--seeds 2 --recipes math/solve"),
)
FINDS = ("provender audit", "provender doctor")
"""Commands whose exit status may be 1: they tell what they find."""


def commands(page: Path) -> Iterator[str]:
    for language, text in BLOCK.findall(page.read_text()):
        if language == "sh":
            for line in text.replace("\\\n", " ").splitlines():
                words = shlex.split(line, comments=True)
                if words:
                    yield shlex.join(words)


def small(text: str, url: str) -> str:
    for pattern, value in SMALLER:
        text = re.sub(pattern, value.format(url=url), text)
    return text


def prepare(place: Path, url: str) -> None:
    """What the pages tell the reader to have: their configs, a recipe, questions, benchmarks, sources."""
    for page in PAGES:
        for language, text in BLOCK.findall((ROOT / page).read_text()):
            name = re.search(r'^name = "([\w-]+)"', text)
            if language == "toml" and name and "[[recipes]]" in text:
                (place / f"{name[1]}.toml").write_text(small(text, url))
            if language == "toml" and (named := re.match(r"# ([\w-]+\.toml)$", text, re.MULTILINE)):
                (place / named[1]).write_text(text)
            if language == "python" and "Recipe(" in text:
                (place / "unit_prices.py").write_text(text)
    (place / "nightly-code.toml").rename(place / "nightly.toml")
    models = "\n".join(f'[models.{role}]\nbase_url = ["{url}"]\nname = "rehearsal"' for role in ("default", "guard"))
    (place / "run.toml").write_text(f'name = "run"\n[[recipes]]\nuse = "math/solve"\n{models}\n')
    shutil.copytree(ROOT / "examples", place / "examples")
    (place / "examples" / "math.toml").write_text(small((ROOT / "examples" / "math.toml").read_text(), url))
    questions = [f'{{"question": "What is {n} + {n}?", "answer": "{2 * n}"}}' for n in range(30, 50)]
    (place / "questions.jsonl").write_text("\n".join(questions) + "\n")
    (place / "benchmarks.jsonl").write_text('{"question": "How many apples are there in the whole orchard today?"}\n')
    (place / "src").mkdir()
    shutil.copy(ROOT / "audit" / "tables.py", place / "src" / "tables.py")


@pytest.mark.heavy
@pytest.mark.timeout(900)
def test_every_command_of_the_documentation_runs(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    with RehearsalServer(seed=1) as url, started_place(tmp_path / "home", tmp_path / "work") as server:
        prepare(server.work, url)
        ran = 0
        for page in PAGES:
            for command in commands(ROOT / page):
                if command.startswith(ELSEWHERE):
                    continue
                module = {"provender": "flows", "prefect": "prefect"}[command.split()[0]]
                words = [sys.executable, "-m", module, *shlex.split(small(command, url))[1:]]
                done = subprocess.run(
                    words,
                    cwd=server.work,
                    env=server.environment,
                    capture_output=True,
                    text=True,
                    timeout=400,
                    check=False,
                )
                fine = (0, 1) if command.startswith(FINDS) else (0,)
                assert done.returncode in fine and "Traceback" not in done.stderr, (page, command, done.stderr[-2000:])
                ran += 1
        assert ran >= 14
        assert (server.work / "out" / "first" / "report" / "index.html").exists()
        assert (server.work / "out" / "clean" / "kept.parquet").exists()
        assert (server.work / "out" / "labelled" / "curate.json").exists()
