"""Joins what a rehearsal planted with what the run stored: the escape table, from the run folder alone."""

from __future__ import annotations

from collections.abc import Iterator

import verifiers
from audit.escapes import EscapeTable, escape_table, read_key_lines
from audit.report import ReportTable
from audit.tables import markdown_table
from flows.run_folder import RunFolder
from records.schema import row_drop, row_record
from records.tables import read_rows
from records.types import Record
from served_model.journal import read_journal

HEADERS = ("prompt", "fault", "decided by", "planted", "caught", "escaped", "unused", "unaccounted", "caught at")


def read_escapes(folder: RunFolder) -> EscapeTable:
    """The fate of every planted fault of a finished rehearsal."""
    replies = [line for path in sorted((folder.root / "journal").glob("*.jsonl")) for line in read_journal(path)]
    unreadable = {line["key"] for line in replies if "event" in line}
    journaled = {line["key"] for line in replies if "event" not in line}
    drops = [row_drop(row) for row in read_rows([folder.drops])]
    return escape_table(read_key_lines(folder.answer_key), list(_records(folder)), drops, unreadable, journaled)


def escape_tables(folder: RunFolder) -> tuple[ReportTable, ...]:
    """The escape table for the report; none where the run was no rehearsal."""
    if not folder.answer_key.exists():
        return ()
    table = read_escapes(folder)
    rows = [
        (
            row.prompt,
            row.kind,
            row.decidable_by,
            row.planted,
            sum(row.caught.values()),
            row.escaped,
            row.unused,
            row.unaccounted,
            ", ".join(f"{stage} {count}" for stage, count in sorted(row.caught.items())),
        )
        for row in table.rows
    ]
    wrongly = sum(table.wrongly_rejected.values())
    note = f"Of {table.good} good attempts and drops, {wrongly} were wrongly refused and {table.outvoted} outvoted."
    return (ReportTable("Planted faults", HEADERS, rows, note, examples=[row.examples for row in table.rows]),)


def escapes_markdown(folder: RunFolder) -> str:
    """The same for the Prefect UI."""
    tables = escape_tables(folder)
    return "\n".join(f"{table.note}\n\n{markdown_table(table.headers, table.rows)}" for table in tables)


def _records(folder: RunFolder) -> Iterator[Record]:
    return (row_record(row, verifiers.decode_check) for row in read_rows(folder.shards()))
