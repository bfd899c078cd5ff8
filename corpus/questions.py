"""Reads math questions from JSON lines: {"question": "How many ...?", "answer": "... #### 18", "skill": "rates"}.

`question` is required; `answer`, `id`, `source`, `licence`, `skill` are optional. An answer in GSM8K's form counts from
its last `####`. A question without an answer is for recipes that vote.
"""

from __future__ import annotations

import glob
import json
from collections import Counter
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

from corpus.errors import CorpusError
from corpus.reader import Reader, hash_files
from records.types import Seed, stable_hash

DEFAULT = "default"  # the pattern that names the set that comes with the product
FIELDS = ("question", "answer", "id", "source", "licence", "skill")
FORM = 'each line must be an object such as {"question": "...", "answer": "..."}'


def read(pattern: str, run_seed: int, licence: str) -> Iterator[Seed]:
    """Seeds of all files that a path or glob pattern names, in the order of their names; "default" is our own set.

    `licence` is for rows that name none; the run's seed changes nothing. Raises CorpusError for a pattern that names
    no file and for the first line that cannot be read.
    """
    seen: Counter[str] = Counter()
    for path in _files(pattern):
        for number, row in _rows(path):
            seed = _seed(row, path, number, licence)
            seen[seed.id] += 1
            if seen[seed.id] > 1 and "id" in row:
                raise CorpusError(
                    str(path), number, "id", f"{seed.id!r} stands twice in the corpus; ids must be unique"
                )
            yield seed if seen[seed.id] == 1 else _renamed(seed, seen[seed.id])


def fingerprint(pattern: str) -> str:
    """Hash of the files' names and contents. Raises CorpusError."""
    return hash_files(_files(pattern))


def answer_key() -> Iterator[tuple[str, str]]:
    """Question and right answer of the whole default set, also where the set itself states none.

    For the rehearsal model only: what the pipeline reads must not hold these answers.
    """
    folder = _default_file().parent
    hidden = {row["id"]: row["answer"] for _, row in _rows(folder / "math_answer_key.jsonl")}
    for _, row in _rows(_default_file()):
        yield row["question"], row.get("answer") or hidden[row["id"]]


def _default_file() -> Path:
    return Path(str(resources.files("corpus").joinpath("defaults", "math_questions.jsonl")))


def _files(pattern: str) -> list[Path]:
    if pattern == DEFAULT:
        return [_default_file()]
    names = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207 - a pattern may be absolute
    files = [path for path in map(Path, names) if path.is_file()]
    if not files:
        raise CorpusError(pattern, None, "corpus", "no such file; name a JSON-lines file, a glob, or 'default'")
    return files


def _rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    number = 0
    try:
        with path.open(encoding="utf-8-sig") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    yield number, _row(line, path, number)
    except UnicodeDecodeError as error:
        raise CorpusError(str(path), number + 1, None, "not UTF-8 text; save the file as UTF-8") from error
    except OSError as error:
        raise CorpusError(str(path), None, None, f"cannot be read: {error.strerror}") from error


def _row(line: str, path: Path, number: int) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise CorpusError(str(path), number, None, f"not JSON ({error}); {FORM}") from error
    if not isinstance(row, dict):
        raise CorpusError(str(path), number, None, f"not a JSON object; {FORM}")
    return row


def _seed(row: dict[str, Any], path: Path, number: int, licence: str) -> Seed:
    values = {field: _text(row, field, path, number) for field in FIELDS}
    question = values["question"]
    if not question:
        raise CorpusError(str(path), number, "question", f"missing or empty; {FORM}")
    answer = values["answer"].rsplit("####", 1)[-1].strip()
    fields = {"question": question, "answer": answer, "skill": values["skill"]}
    return Seed(
        id=values["id"] or stable_hash("question", question),
        text=question,
        source=values["source"] or path.name,
        licence=values["licence"] or licence,
        fields={name: value for name, value in fields.items() if value},
    )


def _text(row: dict[str, Any], field: str, path: Path, number: int) -> str:
    """A field as stripped text: a number becomes its JSON text, null and a missing field the empty text."""
    value = row.get(field)
    if value is None:
        return ""
    if isinstance(value, (bool, list, dict)):
        raise CorpusError(str(path), number, field, f"must be text, not {type(value).__name__}")
    text = str(value).strip()
    if not text.isprintable() and any("\ud800" <= character <= "\udfff" for character in text):
        raise CorpusError(str(path), number, field, "holds half of a surrogate pair, which is no character")
    return text


def _renamed(seed: Seed, occurrence: int) -> Seed:
    """A question that stands in the corpus several times, without ids, is as many seeds."""
    return Seed(f"{seed.id}-{occurrence}", seed.text, seed.source, seed.licence, seed.fields)


READER = Reader(name="questions", read=read, fingerprint=fingerprint, default=DEFAULT, endless=False)
