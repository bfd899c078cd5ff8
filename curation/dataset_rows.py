"""Reads any dataset, Parquet or JSON lines, as rows with the text that curation looks at."""

from __future__ import annotations

import codecs
import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from curation.errors import CurationError
from records.tables import ROWS_PER_GROUP
from records.types import canonical_json

JSON_LINES = (".jsonl", ".ndjson")
PARQUET = ".parquet"
DIALOGUE_FIELDS = ("messages", "conversations")
PROMPT_FIELDS = ("prompt", "question", "problem", "instruction", "query", "input")
TEXT_FIELDS = (
    "text",
    "content",
    *PROMPT_FIELDS,
    "response",
    "completion",
    "answer",
    "output",
    "solution",
    "chosen",
    "rejected",
)
ID_FIELDS = ("id", "task_id", "question_id")
FORM = f"give each row a list `messages` with role and content, or text in one of: {', '.join(TEXT_FIELDS)}"
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of a row; the role is "" where the row is no dialogue."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class DatasetRow:
    """One row: its name for drops, its texts, and the raw values they were read from."""

    id: str
    turns: tuple[Turn, ...]
    prompts: tuple[str, ...]  # what a benchmark would ask: user turns, prompt fields, or the only text
    values: Mapping[str, Any]

    @property
    def text(self) -> str:
        """All turns, one below the other."""
        return "\n".join(turn.content for turn in self.turns)

    @property
    def asked(self) -> str:
        """What it asks: its prompts, or all its text where it has none."""
        return "\n".join(self.prompts) or self.text

    @property
    def taught(self) -> tuple[str, ...]:
        """What a model would learn to write: assistant turns, or every text where there is no dialogue."""
        written = tuple(turn.content for turn in self.turns if turn.role in ("assistant", "gpt"))
        return written or tuple(turn.content for turn in self.turns)


@dataclass(frozen=True, slots=True)
class Chunk:
    """Rows read together and the stored form of each: an Arrow batch, or the lines as they stand in the file."""

    rows: tuple[DatasetRow, ...]
    stored: pa.RecordBatch | tuple[bytes, ...]


def words(text: str) -> list[str]:
    """Words and numbers without case or punctuation, in compatibility form: what n-grams are made of here."""
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def dataset_files(dataset: Path) -> list[Path]:
    """The files of a dataset: the file itself, or all of a folder by name. A run folder stands for its SFT dataset.

    Hidden files are left out. Raises CurationError where there is none, or both formats in one folder.
    """
    if dataset.is_file():
        if dataset.suffix not in (PARQUET, *JSON_LINES):
            raise CurationError(dataset, None, f"unknown format; name a {PARQUET} or {' or '.join(JSON_LINES)} file")
        return [dataset]
    folder = dataset / "dataset" / "sft" if (dataset / "dataset" / "sft").is_dir() else dataset
    if not folder.is_dir():
        raise CurationError(dataset, None, "no such file or folder")
    files = sorted(
        path for path in folder.iterdir() if path.suffix in (PARQUET, *JSON_LINES) and not path.name.startswith(".")
    )
    if not files:
        raise CurationError(folder, None, f"holds no {PARQUET} or {' or '.join(JSON_LINES)} file")
    if len({path.suffix == PARQUET for path in files}) > 1:
        raise CurationError(folder, None, "holds Parquet and JSON lines together; name one file or keep them apart")
    return files


def dataset_schema(files: list[Path]) -> pa.Schema | None:
    """The one schema of Parquet files, with the first file's metadata; None for JSON lines. Raises CurationError."""
    if files[0].suffix != PARQUET:
        return None
    first = _schema(files[0])
    for path in files[1:]:
        if not _schema(path).equals(first):
            raise CurationError(path, None, f"has other columns or types than {files[0].name}; curate them apart")
    return first


def read_chunks(files: list[Path], field: str | None = None) -> Iterator[Chunk]:
    """All rows in order, about a thousand in memory at a time. `field` names the one text column to look at.

    Raises CurationError for a file that cannot be read and for the first row without text.
    """
    number = 0
    for path in files:
        for chunk in _parquet(path, field, number) if path.suffix == PARQUET else _json_lines(path, field, number):
            number += len(chunk.rows)
            yield chunk


def read_rows(files: list[Path], field: str | None = None) -> Iterator[DatasetRow]:
    """The rows alone. Raises CurationError."""
    for chunk in read_chunks(files, field):
        yield from chunk.rows


def _schema(path: Path) -> pa.Schema:
    try:
        return pq.read_schema(path)
    except (pa.ArrowException, OSError) as error:
        raise CurationError(path, None, f"cannot be read as Parquet: {error}") from error


def _parquet(path: Path, field: str | None, number: int) -> Iterator[Chunk]:
    try:
        # Read ahead, pyarrow would hold what it has read of the file until the end.
        with pq.ParquetFile(path, pre_buffer=False) as file:
            line = 0
            for batch in file.iter_batches(batch_size=ROWS_PER_GROUP):
                values = batch.to_pylist()
                rows = [_row(row, path, line + at, number + line + at, field) for at, row in enumerate(values, 1)]
                line += len(rows)
                yield Chunk(tuple(rows), batch)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise CurationError(path, None, f"cannot be read as Parquet: {error}") from error


def _json_lines(path: Path, field: str | None, number: int) -> Iterator[Chunk]:
    rows: list[DatasetRow] = []
    stored: list[bytes] = []
    try:
        with path.open("rb") as file:
            for at, line in enumerate(file, start=1):
                if line.strip():
                    number += 1
                    rows.append(_row(_object(line, path, at), path, at, number, field))
                    stored.append(line.rstrip(b"\r\n").removeprefix(codecs.BOM_UTF8))
                if len(rows) == ROWS_PER_GROUP:
                    yield Chunk(tuple(rows), tuple(stored))
                    rows, stored = [], []
    except OSError as error:
        raise CurationError(path, None, f"cannot be read: {error.strerror}") from error
    if rows:
        yield Chunk(tuple(rows), tuple(stored))


def _object(line: bytes, path: Path, at: int) -> dict[str, Any]:
    try:
        value = json.loads(line.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise CurationError(path, at, f"not JSON ({error}); {FORM}") from error
    if not isinstance(value, dict):
        raise CurationError(path, at, f"not a JSON object; {FORM}")
    return value


def _row(values: dict[str, Any], path: Path, at: int, number: int, field: str | None) -> DatasetRow:
    """One row; `at` is its place in the file and `number` that in the dataset, both from 1."""
    try:
        turns = _turns(values, field)
    except RecursionError as error:
        raise CurationError(path, at, "nested too deeply to be a message") from error
    if not turns:
        raise CurationError(path, at, f"no text in `{field}`" if field else f"no text; {FORM}")
    prompts = [turn.content for turn in turns if turn.role in ("user", "human")]
    prompts += [turn.content for name, turn in _fields(values, field) if name in PROMPT_FIELDS]
    if not prompts and len(turns) == 1:
        prompts = [turns[0].content]
    return DatasetRow(_id(values, number), turns, tuple(prompts), values)


def _turns(values: Mapping[str, Any], field: str | None) -> tuple[Turn, ...]:
    for name in DIALOGUE_FIELDS if field is None else (field,):
        dialogue = _dialogue(values.get(name))
        if dialogue:
            return dialogue
    return tuple(turn for _, turn in _fields(values, field))


def _fields(values: Mapping[str, Any], field: str | None) -> list[tuple[str, Turn]]:
    """The text fields of a row, in the order of their table; a message list in one of them counts by its text."""
    found = []
    for name in TEXT_FIELDS if field is None else (field,):
        value = values.get(name)
        if isinstance(value, str):
            found.append((name, Turn("", value)))
        elif field is None:
            found += [(name, turn) for turn in _dialogue(value)]
    return found


def _dialogue(value: Any) -> tuple[Turn, ...]:
    """Messages of the common form (role, content) or of ShareGPT's (from, value); other values give none."""
    if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value):
        return ()
    turns = []
    for item in value:
        role, content = item.get("role", item.get("from")), item.get("content", item.get("value"))
        said = [value if isinstance(value, str) else canonical_json(value) for value in (content,) if value]
        called = [canonical_json(item["tool_calls"])] if item.get("tool_calls") else []
        turns.append(Turn(role if isinstance(role, str) else "", "\n".join(said + called)))
    return tuple(turns)


def _id(values: Mapping[str, Any], number: int) -> str:
    for name in ID_FIELDS:
        if isinstance(values.get(name), str | int) and not isinstance(values.get(name), bool):
            return str(values[name])
    return f"row-{number}"
