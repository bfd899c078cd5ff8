"""Whole documents, for recipes that look for what is stated in them: one seed per page, nothing cut or filtered.

Unlike `documents`, which cuts snippets of prose and filters artefacts, this keeps formulas, lists and short pages; what
is in them is for the recipe to find, and for its checks to hold against the text.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources
from pathlib import Path

from corpus.document_files import FORMATS, Document, Unreadable, read_file
from corpus.reader import Reader, hash_files
from corpus.source_files import find_files
from records.types import Drop, Seed, stable_hash

DEFAULT = "default"  # the pattern that names the set that comes with the product


def read(pattern: str, run_seed: int, licence: str) -> Iterator[Seed | Drop]:
    """A seed per page, in the order of files and pages; a page that was there before, or is empty, is a Drop.

    `licence` is for documents that name none. Raises CorpusError where there is nothing to read.
    """
    seen: set[str] = set()
    for path, name in _files(pattern):
        try:
            for page in read_file(path, name):
                yield _item(page, licence, seen)
        except Unreadable as error:
            yield _drop(name, str(error))


def fingerprint(pattern: str) -> str:
    """Hash of the files' names and contents. Raises CorpusError."""
    return hash_files(path for path, _ in _files(pattern))


def _files(pattern: str) -> list[tuple[Path, str]]:
    """Files with the names that their pages are known by. Raises CorpusError."""
    if pattern == DEFAULT:
        path = Path(str(resources.files("corpus").joinpath("defaults", "math_texts.jsonl")))
        return [(path, path.name)]
    corpus = find_files(pattern, "", FORMATS.keys())
    known = [name for name in corpus.files if Path(name).suffix.lower() in FORMATS]
    return [(corpus.root / name, f"{corpus.label}: {name}") for name in known]


def _item(page: Document, licence: str, seen: set[str]) -> Seed | Drop:
    text = page.text.strip()
    mark = stable_hash("".join(text.split()))
    if not text or mark in seen:
        return _drop(page.source, "duplicate_text" if text else "empty")
    seen.add(mark)
    fields = {"title": page.title} if page.title else {}
    return Seed(stable_hash("texts", page.source, text), text, page.source, page.licence or licence, fields)


def _drop(source: str, reason: str) -> Drop:
    return Drop(stable_hash("texts", source, reason), "", "corpus", reason, {"source": source})


READER = Reader("texts", read, fingerprint, default=DEFAULT, endless=False)
