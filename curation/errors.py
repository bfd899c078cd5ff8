"""How curation can fail: one clear line that names file, line and remedy."""

from __future__ import annotations

from pathlib import Path


class CurationError(Exception):
    """A dataset or a benchmark file cannot be read as asked. The text is one line, fit for a user's eyes."""

    def __init__(self, file: Path, line: int | None, remedy: str) -> None:
        place = str(file) if line is None else f"{file}:{line}"
        super().__init__(f"{place}: {' '.join(remedy.split())}")
        self.file = file
        self.line = line
