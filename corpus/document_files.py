"""Documents out of files: plain text, Markdown, HTML, PDF, Parquet, JSON lines, and the interpreter's own topics.

A document is one page: a file, a page of a PDF, a row of a table. What comes out is plain text in which blank lines
part the paragraphs. Rows have `text` (required), `title`, `source`, `licence` or `license` (optional).
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from corpus.errors import CorpusError

PYDOC = "pydoc"
MAX_FILE_BYTES = 256 << 20
BATCH = 256  # rows of a table read at a time
NOT_CONTENT = ("script", "style", "template", "noscript", "nav", "header", "footer", "aside", "form", "iframe", "svg")
BLOCKS = (
    "p", "div", "section", "article", "li", "ul", "ol", "dl", "dt", "dd", "table", "tr", "blockquote", "pre", "figure",
    "h1", "h2", "h3", "h4", "h5", "h6", "br", "hr", "main", "body",
)  # fmt: skip
ROW_FORM = 'each row needs a text such as {"text": "...", "title": "..."}'


class Unreadable(Exception):
    """A file that gives no documents; the message is the drop's reason."""


@dataclass(frozen=True, slots=True)
class Document:
    """One page. `source` names it below the corpus; an empty `licence` means that of the corpus."""

    source: str
    title: str
    text: str
    licence: str = ""


def read_file(path: Path, name: str) -> Iterator[Document]:
    """The documents of one file. Raises Unreadable, and CorpusError for a row without the field it needs."""
    try:
        if path.stat().st_size > MAX_FILE_BYTES and path.suffix not in STREAMED:
            raise Unreadable("file_too_large")
        yield from FORMATS[path.suffix.lower()](path, name)
    except OSError as error:
        raise Unreadable("unreadable_file") from error


def read_topics() -> Iterator[Document]:
    """The reference topics that `help("TOPIC")` shows, as this interpreter ships them."""
    from pydoc_data.topics import topics

    label = f"{sys.implementation.name}-{sys.version_info.major}.{sys.version_info.minor} pydoc"
    for name, text in sorted(topics.items()):
        yield Document(f"{label}: {name}", name, text, "PSF-2.0")


def _text(path: Path, name: str) -> Iterator[Document]:
    yield Document(name, path.stem, _decode(path))


def _decode(path: Path) -> str:
    data = path.read_bytes()
    if b"\0" in data:
        raise Unreadable("undecodable_file")
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise Unreadable("undecodable_file") from error


def _markdown(path: Path, name: str) -> Iterator[Document]:
    """The words of the Markdown, without its marks; raw HTML in it is left out."""
    from markdown_it import MarkdownIt

    tokens = MarkdownIt("commonmark").enable("table").parse(_decode(path))
    title, parts = path.stem, list[str]()
    for before, token in zip([None, *tokens], tokens, strict=False):
        if token.type == "inline":
            words = "".join(_inline(child) for child in token.children or ())
            parts.append(words)
            if before is not None and before.tag == "h1" and title == path.stem:
                title = words
        elif token.type in ("fence", "code_block"):
            parts.append(token.content.rstrip("\n"))
    yield Document(name, title, "\n\n".join(parts))


def _inline(token: Any) -> str:
    if token.type in ("softbreak", "hardbreak"):
        return "\n"
    return str(token.content) if token.type in ("text", "code_inline", "image") else ""


def _html(path: Path, name: str) -> Iterator[Document]:
    """The content of the page, without scripts, menus and the like."""
    yield Document(name, *html_text(_decode(path), path.stem))


def html_text(page: str, title: str) -> tuple[str, str]:
    """Title and text of an HTML page."""
    from bs4 import BeautifulSoup

    soup = BeautifulSoup(page, "html.parser")
    for node in soup(NOT_CONTENT):
        node.decompose()
    found = soup.title.get_text(" ", strip=True) if soup.title else ""
    body = soup.find("main") or soup.find("article") or soup.body or soup
    for block in body.find_all(BLOCKS):
        block.insert_before("\n\n")
        block.insert_after("\n\n")
    paragraphs = re.split(r"\n\s*\n", body.get_text())
    return found or title, "\n\n".join(kept for part in paragraphs if (kept := part.strip("\n")).strip())


def _pdf(path: Path, name: str) -> Iterator[Document]:
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    try:
        reader = PdfReader(path)
        title = str((reader.metadata.title if reader.metadata else None) or path.stem)
        for number, page in enumerate(reader.pages, 1):
            yield Document(f"{name}#page={number}", title, page.extract_text())
    except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        # A damaged PDF shows as any of these from within the library.
        raise Unreadable("broken_pdf") from error


def _jsonl(path: Path, name: str) -> Iterator[Document]:
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield _row(_parsed(line, name, number), name, number)


def _parsed(line: bytes, name: str, number: int) -> Mapping[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise CorpusError(name, number, None, f"not JSON ({error}); {ROW_FORM}") from error
    if not isinstance(row, dict):
        raise CorpusError(name, number, None, f"not a JSON object; {ROW_FORM}")
    return row


def _parquet(path: Path, name: str) -> Iterator[Document]:
    try:
        with pq.ParquetFile(path, pre_buffer=False) as file:
            columns = [
                column
                for column in ("text", "title", "source", "licence", "license")
                if column in file.schema_arrow.names
            ]
            rows = (row for batch in file.iter_batches(BATCH, columns=columns) for row in batch.to_pylist())
            for number, row in enumerate(rows, 1):
                yield _row(row, name, number)
    except pa.ArrowInvalid as error:
        raise Unreadable("broken_parquet") from error


def _row(row: Mapping[str, Any], name: str, number: int) -> Document:
    text = row.get("text")
    if not isinstance(text, str):
        raise CorpusError(name, number, "text", f"missing or no text; {ROW_FORM}")
    said = {field: str(row.get(field) or "") for field in ("title", "source", "licence", "license")}
    text = text.encode("utf-8", "replace").decode("utf-8").replace("\r\n", "\n")
    return Document(said["source"] or f"{name}:{number}", said["title"], text, said["licence"] or said["license"])


STREAMED = (".jsonl", ".ndjson", ".parquet")
FORMATS: Mapping[str, Callable[[Path, str], Iterator[Document]]] = {
    ".txt": _text,
    ".text": _text,
    ".rst": _text,
    ".md": _markdown,
    ".markdown": _markdown,
    ".html": _html,
    ".htm": _html,
    ".pdf": _pdf,
    ".parquet": _parquet,
    ".jsonl": _jsonl,
    ".ndjson": _jsonl,
}
