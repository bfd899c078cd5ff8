"""The page of `provender audit`: its views, and the documents that they name; one file without network."""

from __future__ import annotations

from pathlib import Path

from audit.findings import Audit
from audit.page import render_page
from audit.survey import Document
from audit.views import shown_documents, slice_views
from records.tables import write_text

MOST_DOCUMENTS = 400


def write_audit_page(out: Path, name: str, audit: Audit) -> None:
    """Write the page to `out`, atomically. The same audit gives the same page. Raises OSError."""
    views = slice_views(audit)
    sampled = {document.id: document for _, part in audit.survey.named() for document in part.sample}
    wanted = [sampled[one] for one in shown_documents(views) if one in sampled][:MOST_DOCUMENTS]
    pairs = [pair.document for view in views for pair in view.pairs]
    documents: dict[str, Document] = {document.id: document for document in [*wanted, *pairs]}
    context = {
        "name": name,
        "findings": audit.findings,
        "views": views,
        "documents": list(documents.values()),
        "anchors": set(documents),
    }
    write_text(out, render_page("audit.html.j2", context))
