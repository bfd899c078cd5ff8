"""Takes the pages of the project's root into the documentation's site, and leads links among them there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
PAGES = {
    "ARCHITECTURE.md": "architecture.md",
    "CONTRIBUTING.md": "contributing.md",
    "sandbox/THREATS.md": "threats.md",
    "benchmarks/README.md": "benchmarks.md",
    "CHANGELOG.md": "changelog.md",
}
"""By their place below the root."""
_LINK = re.compile(r"\]\(([^)\s#]+)(#[^)\s]*)?\)")


def on_files(files: Files, config: MkDocsConfig, **_: Any) -> Files:
    """Add them."""
    for source, name in PAGES.items():
        text = _LINK.sub(lambda match, place=source: _led(match, ROOT / place), (ROOT / source).read_text("utf-8"))
        files.append(File.generated(config, name, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, **_: Any) -> str:
    """Lead the links of a page of docs/ that point out of it."""
    if page.file.abs_src_path is None or page.file.generated_by:
        return markdown
    place = Path(page.file.abs_src_path)
    return _LINK.sub(lambda match: _led(match, place), markdown)


def _led(match: re.Match[str], page: Path) -> str:
    """The link, to the page of the site where it names a file that is one."""
    target, anchor = match[1], match[2] or ""
    if "://" in target:
        return match[0]
    file = (page.parent / target).resolve()
    within = file.relative_to(ROOT).as_posix() if file.is_relative_to(ROOT) else ""
    return f"]({PAGES.get(within, target if page.parent.name == 'docs' else within.removeprefix('docs/'))}{anchor})"
