"""Snippets from documents: consecutive paragraphs within size bounds, after the artefact filters (F1).

Every page passes the filters first; a page with line-number runs, damaged encoding, boilerplate or repetition gives no
snippet and becomes a Drop with that reason. Snippets of a few thousand pages are shuffled by the run's seed before the
next pages are read, so a run on few seeds sees many documents and memory stays bounded. A snippet's `related` field
holds other snippets of the same page that share most words with it: a second opinion on what it says.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import islice

from corpus.document_files import FORMATS, PYDOC, Document, Unreadable, read_file, read_topics
from corpus.reader import Reader
from corpus.source_files import find_files
from records.types import Drop, Seed, stable_hash, stable_seed
from verifiers.repetition import find_repetition
from verifiers.text_artefacts import find_artefact

MIN_CHARS = 200  # of a snippet; shorter ones hold no context
MAX_CHARS = 700
LEAST_WORDS = 40
BLOCK = 2000  # pages whose snippets are shuffled together
RELATED = 2
PROSE_SHARE = 0.6  # of a snippet's characters without white space that must be letters: no grammar, no tables
SENTENCE = re.compile(r"[A-Z0-9\"'“(][^.!?\n]*(?:\n[^.!?\n]+)*[.!?](?=\s|$|[\"'”)])")
LEAST_SENTENCES = 2
WORD = re.compile(r"[^\W\d_]{4,}")
UNDERLINE = re.compile(r"^([*=~^\"'#`+-])\1{2,}[ \t]*$", re.MULTILINE)


def read(pattern: str, run_seed: int, licence: str) -> Iterator[Seed | Drop]:
    """All snippets that the pattern's documents give, in an order that depends on the run's seed.

    `pattern` is "pydoc" (the reference topics of the running interpreter), a folder, a file, or a glob. `licence` is
    for documents that name none. Raises CorpusError where there is nothing to read.
    """
    for number, block in enumerate([_topics()] if pattern == PYDOC else _blocks(pattern, licence)):
        items = [*block]
        random.Random(stable_seed(str(run_seed), "documents", str(number))).shuffle(items)
        yield from items


def _blocks(pattern: str, licence: str) -> Iterator[list[Seed | Drop]]:
    seen: set[str] = set()
    stream = pages(pattern)
    while block := list(islice(stream, BLOCK)):
        yield [item for page in block for item in _items(page, licence, seen)]


@cache
def _topics() -> tuple[Seed | Drop, ...]:
    """The default corpus, which a run reads several times: it is small and never changes."""
    seen: set[str] = set()
    return tuple(item for page in read_topics() for item in _items(page, "", seen))


def fingerprint(pattern: str) -> str:
    """Hash of the names and contents of what the pattern names. Raises CorpusError."""
    if pattern == PYDOC:
        return stable_hash(*(part for page in read_topics() for part in (page.source, page.text)))
    corpus = find_files(pattern, "", FORMATS.keys())
    parts = [corpus.label]
    for name in corpus.files:
        try:
            parts += [name, stable_hash((corpus.root / name).read_bytes().hex())]
        except OSError:
            parts += [name, "unreadable"]  # such a file is a Drop of the run, no reason to end it
    return stable_hash(*parts)


def pages(pattern: str) -> Iterator[Document | Drop]:
    """The documents of files, whole, and a Drop for each file that gives none. Raises CorpusError."""
    corpus = find_files(pattern, "", FORMATS.keys())
    for name in corpus.files:
        source = f"{corpus.label}: {name}"
        if (corpus.root / name).suffix.lower() not in FORMATS:
            yield _drop(source, "unknown_format")
            continue
        try:
            yield from read_file(corpus.root / name, source)
        except Unreadable as error:
            yield _drop(source, str(error))


def _items(page: Document | Drop, licence: str, seen: set[str]) -> Iterator[Seed | Drop]:
    if isinstance(page, Drop):
        yield page
        return
    fault = _fault(page.text)
    if fault is not None:
        yield _drop(page.source, fault[0], fault[1])
        return
    snippets = list(cut(page.text))
    fresh = [text for text in snippets if _mark(text) not in seen]
    seen.update(map(_mark, fresh))
    if not fresh:
        yield _drop(page.source, "duplicate_text" if snippets else "no_prose")
    words = [frozenset(word.lower() for word in WORD.findall(text)) for text in fresh]
    for place in range(len(fresh)):
        yield _seed(page, fresh[place], _related(place, fresh, words), licence)


def _fault(text: str) -> tuple[str, str] | None:
    """Why a page is unfit, and where; None for a sound one."""
    artefact = find_artefact(text)
    if artefact is not None:
        return artefact.reason, artefact.detail
    if len(text.split()) < LEAST_WORDS:
        return "too_short", ""
    repetition = find_repetition(text)
    return None if repetition is None else (f"repetition_{repetition.reason}", f"{repetition.share:.3f}")


def cut(text: str) -> Iterator[str]:
    """Disjoint snippets: paragraphs joined until the next would pass MAX_CHARS; what is no prose is left out."""
    part: list[str] = []
    for paragraph in _paragraphs(text):
        if part and sum(map(len, part)) + 2 * len(part) + len(paragraph) > MAX_CHARS:
            yield from _if_prose(part)
            part = []
        part.append(paragraph)
    yield from _if_prose(part)


def _paragraphs(text: str) -> Iterator[str]:
    """Paragraphs without the underlines of headings; one that is too long by itself is cut at its sentences."""
    for paragraph in re.split(r"\n[ \t]*\n", UNDERLINE.sub("", text)):
        if len(paragraph) <= MAX_CHARS:
            if paragraph.strip():
                yield paragraph.strip("\n")
            continue
        piece = ""
        for sentence in re.split(r"(?<=[.!?])\s+", paragraph.strip()):
            if piece and len(piece) + len(sentence) + 1 > MAX_CHARS:
                yield piece
                piece = ""
            piece = f"{piece} {sentence}"[:MAX_CHARS].strip()
        yield piece


def _if_prose(part: Sequence[str]) -> Iterator[str]:
    text = "\n\n".join(part)
    solid = "".join(text.split())
    letters = sum(character.isalpha() for character in solid)
    prose = letters >= PROSE_SHARE * len(solid) and len(SENTENCE.findall(text)) >= LEAST_SENTENCES
    if prose and len(text) >= MIN_CHARS and find_repetition(text) is None:
        yield text


def _mark(text: str) -> str:
    return stable_hash("".join(text.split()).lower())


def _seed(page: Document, text: str, related: Sequence[str], licence: str) -> Seed:
    fields = {"title": page.title, "related": json.dumps(related, ensure_ascii=False) if related else ""}
    return Seed(
        id=stable_hash("documents", page.source, text),
        text=text,
        source=page.source,
        licence=page.licence or licence,
        fields={name: value for name, value in fields.items() if value},
    )


def _related(place: int, snippets: Sequence[str], words: Sequence[frozenset[str]]) -> list[str]:
    """Other snippets of the page, those that share most words first; of equals the earlier."""
    others = [(len(words[place] & words[index]), -index) for index in range(len(snippets)) if index != place]
    return [snippets[-index] for shared, index in sorted(others, reverse=True)[:RELATED] if shared]


def _drop(source: str, reason: str, detail: str = "") -> Drop:
    evidence = {"source": source, "detail": detail} if detail else {"source": source}
    return Drop(stable_hash("documents", source, reason), "", "corpus", reason, evidence)


READER = Reader("documents", read, fingerprint, default=PYDOC, endless=False)
