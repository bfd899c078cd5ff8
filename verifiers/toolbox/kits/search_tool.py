"""Runs inside the sandbox: full-text search over the user's documents, by SQLite's FTS5 with its BM25 ranking."""

from __future__ import annotations

import json
import re
import sqlite3
from functools import cache
from typing import Any

MAX_SNIPPET = 400


@cache
def _index() -> sqlite3.Connection:
    database = sqlite3.connect(":memory:")
    database.execute("create virtual table documents using fts5(title, body, tokenize = 'porter unicode61')")
    with open("documents.json", encoding="utf-8") as file:  # noqa: PTH123 - see `driver`
        rows = [(one["title"], one["text"]) for one in json.load(file)]
    database.executemany("insert into documents values (?, ?)", rows)
    return database


def search(query: str, limit: int = 3) -> list[dict[str, Any]]:
    """Search the documents and give the best matches, each with its title and the passage around the words found.

    Args:
        query: Words to look for.
        limit: Most matches to give, 1 to 10.
    """
    words = re.findall(r"\w+", query)
    if not words:
        raise ValueError("the query holds no word")
    wanted = " OR ".join(f'"{word}"' for word in words[:32])
    rows = _index().execute(
        "select title, snippet(documents, 1, '', '', '...', 40) from documents where documents match ? "
        "order by bm25(documents), rowid limit ?",
        (wanted, min(max(limit, 1), 10)),
    )
    return [{"title": title, "passage": passage[:MAX_SNIPPET]} for title, passage in rows]


def open_document(title: str) -> str:
    """Show the beginning of a document.

    Args:
        title: Title of the document, as search gives it.
    """
    row = _index().execute("select body from documents where title = ?", (title,)).fetchone()
    if row is None:
        raise ValueError("there is no document of that title")
    text: str = row[0]
    return text[:3_000]
