"""Seed windows from real source code: 1 to 15 consecutive lines of a document (OSS-Instruct, arXiv 2312.02120)."""

from __future__ import annotations

import hashlib
import random
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from corpus.reader import Reader
from corpus.source_files import LANGUAGES, STDLIB, Corpus, find_files
from corpus.source_lines import code_lines, is_generated
from records.types import Drop, Seed, stable_hash, stable_seed

MAX_LINES = 15  # Magicoder's bound on a snippet
MAX_WINDOW_CHARS = 2_000  # longer windows are tables or minified code
MAX_FILE_BYTES = 1 << 20
DRAWS = 12  # tries per document and pass to hit a window that holds code


@dataclass(frozen=True, slots=True)
class Document:
    """One readable file: its lines without line ends, and which of them hold code."""

    path: str  # relative to the corpus root
    language: str
    lines: tuple[str, ...]
    code: frozenset[int]  # indices of lines


class Unusable(Exception):
    """A file that gives no seeds at all; the message is the drop's reason."""


def read(
    pattern: str = STDLIB, run_seed: int = 0, licence: str = "unknown", passes: int | None = None
) -> Iterator[Seed | Drop]:
    """One random window per document and pass, in an order and at places that depend on `run_seed` alone.

    `pattern` is "stdlib" (the standard library of the running interpreter), a folder, a file, or a glob. `licence` is
    what the user states for their own files; the standard library's is known. Without `passes` the stream ends after a
    pass in which no document had a new window left. What cannot be used comes as a Drop at stage "corpus".
    Raises CorpusError where there is nothing to read.
    """
    corpus = find_files(pattern, licence)
    seen: set[str] = set()
    usable = dict.fromkeys(corpus.files, True)
    for number in count() if passes is None else range(passes):
        order = sorted(path for path, good in usable.items() if good)
        random.Random(stable_seed(str(run_seed), "order", str(number))).shuffle(order)
        fresh = 0
        for path in order:
            item, usable[path] = _visit(corpus, path, (run_seed, number), seen)
            fresh += isinstance(item, Seed)
            yield item
        if not fresh:
            return


def fingerprint(pattern: str) -> str:
    """Hash of the paths and contents of the files that the pattern names. Raises CorpusError where it names none."""
    corpus = find_files(pattern, "")
    digest = hashlib.sha256(corpus.label.encode())
    for path in corpus.files:
        try:
            data = (corpus.root / path).read_bytes()
        except OSError:
            data = b"unreadable"  # such a file is a Drop of the run, no reason to end it
        digest.update(f"\0{path}\0{len(data)}\0".encode("utf-8", "surrogateescape") + data)
    return digest.hexdigest()


def _visit(corpus: Corpus, path: str, draw: tuple[int, int], seen: set[str]) -> tuple[Seed | Drop, bool]:
    """The document's window of this pass, or why there is none; and whether to come back in the next pass."""
    run_seed, number = draw
    try:
        document = _load(corpus, path)
    except Unusable as error:
        return _drop(corpus, path, str(error)), False
    rng = random.Random(stable_seed(str(run_seed), "window", path, str(number)))
    duplicates = 0
    for _ in range(DRAWS):
        first, last = _draw(document, rng)
        text = "\n".join(document.lines[first:last])
        if document.code.isdisjoint(range(first, last)) or len(text) > MAX_WINDOW_CHARS:
            continue  # counted below, as one exclusion per document and pass
        mark = stable_hash("".join(text.split()))
        if mark not in seen:
            seen.add(mark)
            return _seed(corpus, document, first, last), True
        duplicates += 1
    return _drop(corpus, path, "duplicate_window" if duplicates else "no_code_in_window", number), True


def _draw(document: Document, rng: random.Random) -> tuple[int, int]:
    """A random half-open range of line indices, without blank lines at its ends."""
    length = min(rng.randint(1, MAX_LINES), len(document.lines))
    first = rng.randint(0, len(document.lines) - length)
    last = first + length
    while first < last - 1 and not document.lines[first].strip():
        first += 1
    while last - 1 > first and not document.lines[last - 1].strip():
        last -= 1
    return first, last


def _load(corpus: Corpus, path: str) -> Document:
    language = LANGUAGES.get(Path(path).suffix)
    if language is None:
        raise Unusable("unknown_language")
    text = _decode(corpus.root / path)
    if not text.strip():
        raise Unusable("empty_file")
    if is_generated(text):
        raise Unusable("generated_file")
    # Only "\n" ends a line: str.splitlines would also cut at form feeds, and the numbers would not be an editor's.
    lines = tuple(line.removesuffix("\r") for line in text.split("\n"))
    code = code_lines(lines, language)
    if not code:
        raise Unusable("no_code")
    return Document(path, language, lines, code)


def _decode(file: Path) -> str:
    try:
        if file.stat().st_size > MAX_FILE_BYTES:
            raise Unusable("file_too_large")
        data = file.read_bytes()
    except OSError as error:
        raise Unusable("unreadable_file") from error
    if b"\0" in data:
        raise Unusable("undecodable_file")
    try:
        return data.decode(_encoding(file, data))
    except (UnicodeDecodeError, LookupError, SyntaxError) as error:
        raise Unusable("undecodable_file") from error


def _encoding(file: Path, data: bytes) -> str:
    """Python names its encoding in the first two lines (PEP 263); everything else is UTF-8 here."""
    if file.suffix != ".py":
        return "utf-8-sig"
    lines = iter(data.splitlines(keepends=True))
    return tokenize.detect_encoding(lambda: next(lines, b""))[0]


def _seed(corpus: Corpus, document: Document, first: int, last: int) -> Seed:
    text = "\n".join(document.lines[first:last])
    lines = f"{first + 1}-{last}"
    return Seed(
        id=stable_hash("source_code", corpus.label, document.path, lines, text),
        text=text,
        source=f"{corpus.label}: {document.path}:{lines}",
        licence=corpus.licence,
        fields={"language": document.language, "path": document.path, "lines": lines},
    )


def _drop(corpus: Corpus, path: str, reason: str, number: int = 0) -> Drop:
    return Drop(
        id=stable_hash("source_code", corpus.label, path, reason, str(number)),
        recipe="",
        stage="corpus",
        reason=reason,
        evidence={"source": f"{corpus.label}: {path}"},
    )


READER = Reader("source_code", read, fingerprint, default=STDLIB, endless=True)
