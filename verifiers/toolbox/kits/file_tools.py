"""Runs inside the sandbox: tools that read files of twelve types. A file is hostile: all of this happens in the jail.

Every reason for which a file gives nothing is an error with one of these beginnings: no such file, unknown type,
broken, encrypted, bomb, library missing. Sizes are looked at before anything is unpacked; what gets through all the
same meets the limits of the sandbox.
"""

# ruff: noqa: PTH113, PTH118, PTH119, PTH122, PTH123, PTH202, PTH208
from __future__ import annotations

import csv
import importlib
import io
import json
import os
import re
import statistics
import sys
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

FOLDER = "files"
PAGE_CHARS = 3_000
MAX_UNPACKED = 100 << 20  # bytes of an archive's members, or of a PDF page's stream
MAX_RATIO = 200  # of unpacked to packed size, for archives above MAX_RATIO_FROM
MAX_RATIO_FROM = 10 << 20
MAX_CELLS = 200_000
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # what Office wraps an encrypted document in, and its files before 2007


class Unreadable(Exception):
    """A file that gives nothing; the text says why."""


def list_files() -> list[dict[str, Any]]:
    """List the uploaded files with their sizes in bytes."""
    return [{"name": name, "bytes": os.path.getsize(os.path.join(FOLDER, name))} for name in sorted(os.listdir(FOLDER))]


def read_file(name: str, page: int = 1) -> dict[str, Any]:
    """Read the text of an uploaded file, one page of about 3000 characters at a time.

    Args:
        name: Name of the file.
        page: Number of the page, from 1.
    """
    text = text_of(name)
    pages = max(1, -(-len(text) // PAGE_CHARS))
    if not 1 <= page <= pages:
        raise ValueError(f"there are {pages} pages")
    return {"page": page, "pages": pages, "text": text[(page - 1) * PAGE_CHARS : page * PAGE_CHARS]}


def find_in_file(name: str, words: str) -> dict[str, Any]:
    """Find the lines of an uploaded file that hold some words, without regard to case.

    Args:
        name: Name of the file.
        words: Words to look for, as they stand next to each other.
    """
    wanted = words.casefold().strip()
    if not wanted:
        raise ValueError("give some words to look for")
    lines = [line.strip() for line in text_of(name).splitlines() if wanted in line.casefold()]
    return {"count": len(lines), "lines": [line[:300] for line in lines[:10]]}


def get_column_statistics(name: str, column: str) -> dict[str, Any]:
    """Compute count, sum, mean, smallest and largest value of a column of numbers in a table file.

    Args:
        name: Name of a .csv, .tsv, .xlsx, .json or .jsonl file.
        column: Heading of the column.
    """
    values = []
    for row in rows_of(name):
        if column not in row:
            raise ValueError(f"there is no column {column!r}; there are: {', '.join(map(str, row))[:200]}")
        number = _number(row[column])
        if number is not None:
            values.append(number)
    if not values:
        raise ValueError(f"the column {column!r} holds no number")
    mean = round(statistics.fmean(values), 6)
    return {"count": len(values), "sum": round(sum(values), 6), "mean": mean, "min": min(values), "max": max(values)}


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or value is None:
        return None
    try:
        number = float(str(value).replace(",", ""))
    except ValueError:
        return None
    return number if abs(number) < 1e15 else None


def text_of(name: str) -> str:
    """The text of a file. Raises Unreadable."""
    data, kind = _load(name)
    reader = TEXTS.get(kind)
    if reader is None:
        raise Unreadable(f"unknown type: {kind or 'no suffix'}; there are: {' '.join(sorted(TEXTS))}")
    text: str = _guarded(reader, data)
    return text


def rows_of(name: str) -> list[dict[str, Any]]:
    """The rows of a table file. Raises Unreadable."""
    data, kind = _load(name)
    reader = ROWS.get(kind)
    if reader is None:
        raise Unreadable(f"unknown type: {kind or 'no suffix'} is no table; tables are: {' '.join(sorted(ROWS))}")
    rows: list[dict[str, Any]] = _guarded(reader, data)
    if not rows:
        raise Unreadable("broken: the table has no row")
    return rows


def _load(name: str) -> tuple[bytes, str]:
    path = os.path.join(FOLDER, name)
    if os.path.basename(name) != name or not os.path.isfile(path):
        raise Unreadable(f"no such file: {name[:80]}")
    with open(path, "rb") as file:
        return file.read(), os.path.splitext(name)[1].lower()


def _guarded(reader: Callable[[bytes], Any], data: bytes) -> Any:
    """What a library raises on a file that is not what its name says is one reason: broken."""
    try:
        return reader(data)
    except (Unreadable, MemoryError):
        raise
    except ImportError as error:
        raise Unreadable(f"library missing: {error.name}; let `sandbox.site` name an environment that has it") from None
    except Exception as error:  # noqa: BLE001 - libraries raise anything on files that are broken
        words = " ".join(str(error).split())[:120]
        raise Unreadable(f"broken: {type(error).__name__}: {words}") from None


def _plain(data: bytes) -> str:
    if b"\0" in data[:4096] and not data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise Unreadable("broken: not a text")
    for encoding in ("utf-8-sig", "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "cp1252"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise Unreadable("broken: not a text in UTF-8, UTF-16 or Windows-1252")


def _delimited(delimiter: str) -> Callable[[bytes], list[dict[str, Any]]]:
    def read(data: bytes) -> list[dict[str, Any]]:
        return [
            dict(row) for row in csv.DictReader(io.StringIO(_plain(data), newline=""), delimiter=delimiter, strict=True)
        ]

    return read


def _json(data: bytes) -> Any:
    return json.loads(_plain(data))


def _json_lines(data: bytes) -> list[Any]:
    return [json.loads(line) for line in _plain(data).split("\n") if line.strip()]


def _json_rows(data: bytes) -> list[dict[str, Any]]:
    value = _json(data)
    lists = [value, *(value.values() if isinstance(value, dict) else ())]
    return next((one for one in lists if isinstance(one, list) and all(isinstance(row, dict) for row in one)), [])


def _html(data: bytes) -> str:
    soup = importlib.import_module("bs4").BeautifulSoup(data, "html.parser")
    for hidden in soup(["script", "style"]):
        hidden.decompose()
    return _lines(soup.get_text("\n"))


def _xml(data: bytes) -> str:
    tree = importlib.import_module("defusedxml.ElementTree")
    try:
        root = tree.fromstring(data)
    except importlib.import_module("defusedxml.common").DefusedXmlException as error:
        raise Unreadable(f"bomb: {type(error).__name__}: entities and document types are not expanded") from None
    return _lines("\n".join(root.itertext()))


def _pdf(data: bytes) -> str:
    pypdf = importlib.import_module("pypdf")
    reader = pypdf.PdfReader(io.BytesIO(data), strict=False)
    if reader.is_encrypted:
        raise Unreadable("encrypted: the PDF needs a password")
    try:
        return _lines("\n".join(page.extract_text() for page in reader.pages))
    except importlib.import_module("pypdf.errors").LimitReachedError as error:
        raise Unreadable(f"bomb: {str(error)[:100]}") from None


def _archive(data: bytes) -> None:
    """Refuse what is encrypted or would fill the memory, by the archive's own directory. Raises Unreadable."""
    if data.startswith(OLE):
        raise Unreadable("encrypted: the Office document needs a password (or is of a format before 2007)")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = archive.infolist()
    if any(member.flag_bits & 1 for member in members):
        raise Unreadable("encrypted: the archive needs a password")
    size = sum(member.file_size for member in members)
    if size > MAX_UNPACKED or (size > MAX_RATIO_FROM and size > MAX_RATIO * len(data)):
        raise Unreadable(f"bomb: {len(data)} bytes would unpack to {size}")


def _docx(data: bytes) -> str:
    _archive(data)
    document = importlib.import_module("docx").Document(io.BytesIO(data))
    cells = ["\t".join(cell.text for cell in row.cells) for table in document.tables for row in table.rows]
    return _lines("\n".join([*(paragraph.text for paragraph in document.paragraphs), *cells]))


def _pptx(data: bytes) -> str:
    _archive(data)
    deck = importlib.import_module("pptx").Presentation(io.BytesIO(data))
    texts = [shape.text_frame.text for slide in deck.slides for shape in slide.shapes if shape.has_text_frame]
    return _lines("\n".join(texts))


def _sheet_rows(data: bytes) -> Iterator[tuple[Any, ...]]:
    _archive(data)
    book = importlib.import_module("openpyxl").load_workbook(io.BytesIO(data), read_only=True, data_only=True)
    cells = 0
    for sheet in book.worksheets:
        for row in sheet.iter_rows(values_only=True):
            cells += len(row)
            if cells > MAX_CELLS:
                raise Unreadable(f"bomb: more than {MAX_CELLS} cells")
            yield row


def _xlsx(data: bytes) -> str:
    return _lines("\n".join("\t".join("" if cell is None else str(cell) for cell in row) for row in _sheet_rows(data)))


def _xlsx_rows(data: bytes) -> list[dict[str, Any]]:
    head, *rows = list(_sheet_rows(data)) or [()]
    return [dict(zip(map(str, head), row, strict=False)) for row in rows]


def _lines(text: str) -> str:
    return re.sub(r"\n\s*\n+", "\n", text).strip()


TEXTS: dict[str, Callable[[bytes], str]] = {
    **dict.fromkeys((".txt", ".csv", ".tsv", ".py"), _plain),
    ".json": lambda data: json.dumps(_json(data), indent=1, ensure_ascii=False),
    ".jsonl": lambda data: "\n".join(json.dumps(row, ensure_ascii=False) for row in _json_lines(data)),
    ".html": _html,
    ".xml": _xml,
    ".pdf": _pdf,
    ".docx": _docx,
    ".pptx": _pptx,
    ".xlsx": _xlsx,
}
ROWS: dict[str, Callable[[bytes], list[dict[str, Any]]]] = {
    ".csv": _delimited(","),
    ".tsv": _delimited("\t"),
    ".json": _json_rows,
    ".jsonl": _json_lines,
    ".xlsx": _xlsx_rows,
}
csv.field_size_limit(1 << 20)
sys.setrecursionlimit(2_000)  # of parsers that recurse into a hostile file
