"""How reading a corpus can fail: one clear line that names file, line, field and remedy."""

from __future__ import annotations


class CorpusError(Exception):
    """A corpus cannot be read as asked. The text is fit for a user's eyes; a run ends with it."""

    def __init__(self, file: str, line: int | None, field: str | None, remedy: str) -> None:
        place = file if line is None else f"{file}:{line}"
        super().__init__(f"{place}: {remedy}" if field is None else f"{place}: {field}: {remedy}")
        self.file = file
        self.line = line
        self.field = field
        self.remedy = remedy
