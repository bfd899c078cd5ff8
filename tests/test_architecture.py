"""The structure holds: import layers, sizes, one home for our packages, and everything in the tables is documented."""

from __future__ import annotations

import ast
import importlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from verifiers import VERIFIERS

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = (
    "flows", "generators", "corpus", "curation", "exports", "audit", "verifiers", "served_model", "sandbox", "records",
)  # fmt: skip
LONGEST_FUNCTION = 40
LONGEST_FILE = 300


def sources() -> Iterator[Path]:
    for package in PACKAGES:
        yield from sorted((ROOT / package).rglob("*.py"))


def lint_imports(root: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("lint-imports")
    return subprocess.run([program, "--no-cache"], cwd=root, capture_output=True, text=True, check=False)


def test_import_layers_hold() -> None:
    result = lint_imports(ROOT)
    assert result.returncode == 0, result.stdout
    assert "0 broken" in result.stdout


@pytest.mark.parametrize(
    ("file", "forbidden"),
    [
        ("records/types.py", "import served_model.types"),
        ("sandbox/types.py", "import records.types"),
        ("verifiers/base.py", "import generators.recipe"),
        ("generators/recipe.py", "import corpus.errors"),
        ("served_model/types.py", "import prefect"),
    ],
)
def test_a_forbidden_import_breaks_the_contract(tmp_path: Path, file: str, forbidden: str) -> None:
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    target = tmp_path / file
    target.write_text(target.read_text() + f"\n{forbidden}\n")
    result = lint_imports(tmp_path)
    assert result.returncode != 0
    assert "BROKEN" in result.stdout


@pytest.mark.parametrize("package", PACKAGES)
def test_our_packages_come_from_one_place(package: str) -> None:
    """A distribution named `verifiers` exists; if it came first, foreign code would give the verdicts."""
    module = importlib.import_module(package)
    assert Path(module.__file__ or "").resolve().parent == ROOT / package


def test_files_and_functions_fit_a_screen() -> None:
    too_long = []
    for path in sources():
        text = path.read_text()
        lines = text.count("\n")
        if lines > LONGEST_FILE:
            too_long.append(f"{path.relative_to(ROOT)}: {lines} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                span = (node.end_lineno or node.lineno) - node.lineno + 1
                if span > LONGEST_FUNCTION:
                    too_long.append(f"{path.relative_to(ROOT)}: {node.name}: {span} lines")
    assert not too_long


def test_every_module_says_what_it_is() -> None:
    silent = [str(path.relative_to(ROOT)) for path in sources() if not ast.get_docstring(ast.parse(path.read_text()))]
    assert not silent


OUR_BOUNDARIES = {"verifiers/__init__.py", "flows/verify_dataset.py"}
IN_THE_JAIL = ("sandbox/program.py", "sandbox/harness/", "corpus/mining/inside.py", "verifiers/toolbox/")
"""Code that runs a hostile program, where anything at all may be raised and becomes what is reported of it."""


def test_only_marked_boundaries_catch_everything() -> None:
    """A broad except is a boundary where a defect of ours must become UNJUDGED; nobody adds one in passing."""
    marked = {
        str(path.relative_to(ROOT))
        for path in sources()
        if any("BLE001" in line for line in path.open(encoding="utf-8"))
    }
    assert {path for path in marked if not path.startswith(IN_THE_JAIL)} == OUR_BOUNDARIES


def test_verifiers_that_ask_a_model_are_marked() -> None:
    """`provender verify records` leaves these out where there is no judge; a missing mark would leave rows unjudged."""
    asking = {path.stem for path in (ROOT / "verifiers").glob("*.py") if "resources.model" in path.read_text()}
    marked = {entry.check.__module__.rpartition(".")[2] for entry in VERIFIERS.values() if entry.asks_model}
    assert asking == marked
