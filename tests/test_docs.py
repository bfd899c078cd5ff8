"""The documentation says what is true: links lead somewhere, commands exist, the reference is that of the code."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main

from docs.make_reference import REFERENCE, reference
from flows.__main__ import app
from flows.config import load_config, validate_config
from flows.plan import resolve

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), ROOT / "benchmarks" / "README.md"])
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
BLOCK = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(page: Path, *languages: str) -> Iterator[str]:
    return (text for language, text in BLOCK.findall(page.read_text()) if language in languages)


def anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text()):
        if target.startswith(("http://", "https://")):
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name) if name else page
        assert file.exists(), target
        if anchor and file.suffix == ".md":
            assert anchor in anchors(file), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_exists_with_its_options(page: Path) -> None:
    group = typer.main.get_command(app)
    for block in blocks(page, "sh"):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if words[:1] == ["provender"] and len(words) > 1:
                command = group.commands[words[1]]  # type: ignore[attr-defined]
                command.make_context(words[1], words[2:], resilient_parsing=True)
                words = words[: words.index("--")] if "--" in words else words  # what follows is vLLM's
                known = {name for one in command.params for name in (*one.opts, *one.secondary_opts)}
                given = {word.partition("=")[0] for word in words[2:] if word.startswith("--")}
                assert given <= known | {"--help"}, line


def test_the_configs_of_the_tutorials_are_valid(tmp_path: Path) -> None:
    checked = 0
    for page in PAGES:
        for block in blocks(page, "toml"):
            if "[[recipes]]" in block and "name =" in block:
                path = tmp_path / "config.toml"
                path.write_text(block)
                load_config(path)
                checked += 1
    assert checked >= 2


def test_the_recipe_of_the_tutorial_is_a_recipe(tmp_path: Path) -> None:
    page = ROOT / "docs" / "own_domain.md"
    (tmp_path / "unit_prices.py").write_text(next(blocks(page, "python")))
    data = tomllib.loads(next(blocks(page, "toml")))
    data["recipes"][0]["use"] = f"{tmp_path}/unit_prices.py:PRICES"
    (recipe,) = resolve(validate_config(data, "tutorial")).recipes
    assert recipe.recipe.name == "shop/unit_prices"


def test_the_reference_is_that_of_the_code() -> None:
    assert REFERENCE.read_text() == reference(), "run: python -m docs.make_reference"


def test_pictures_are_small() -> None:
    pictures = list((ROOT / "docs" / "images").glob("*.png"))
    assert pictures
    assert all(picture.stat().st_size < 200_000 for picture in pictures)


def build(config: Path, out: Path) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-m",
        "mkdocs",
        "build",
        "--strict",
        "--config-file",
        str(config),
        "--site-dir",
        str(out),
    ]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200, check=False)


def test_the_site_is_built_with_every_page(tmp_path: Path) -> None:
    result = build(ROOT / "mkdocs.yml", tmp_path)
    assert result.returncode == 0, result.stderr
    for name in ("", "first_dataset", "reference", "architecture", "threats", "benchmarks"):
        assert "<h1" in (tmp_path / name / "index.html").read_text(), name
    assert "fonts.googleapis" not in (tmp_path / "index.html").read_text()


@pytest.mark.parametrize("link", ["[x](nowhere.md)", "[x](reference.md#no-such-heading)", "[x](../NOWHERE.md)"])
def test_a_dead_link_breaks_the_site(tmp_path: Path, link: str) -> None:
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    settings = (ROOT / "mkdocs.yml").read_text().replace("hooks: [docs/site_hooks.py]\n", "")
    nav = settings[settings.index("nav:") : settings.index("validation:")]
    (tmp_path / "mkdocs.yml").write_text(settings.replace(nav, ""))
    for page in (tmp_path / "docs").glob("*.md"):  # without the hook the links out of docs/ would be dead as well
        page.write_text(page.read_text().replace("](../", "](https://127.0.0.1/"))
    assert build(tmp_path / "mkdocs.yml", tmp_path / "sound").returncode == 0
    (tmp_path / "docs" / "training.md").write_text(f"# Training\n\n{link}\n")
    result = build(tmp_path / "mkdocs.yml", tmp_path / "broken")
    assert result.returncode == 1 and "strict mode" in result.stderr + result.stdout
