"""The escape table as plain text."""

from __future__ import annotations

from collections.abc import Sequence

from audit.escapes import EscapeRow, EscapeTable
from audit.tables import text_table


def render(table: EscapeTable, width: int | None = None) -> str:
    """The table as plain text, one line per kind of fault, with the sums and the refused good work below.

    It is fitted to a terminal where the terminal's width is given.
    """
    header = ("prompt", "fault", "decided by", "planted", "caught", "escaped", "unused", "lost", "caught at")
    rows = [header, *(_cells(row) for row in table.rows)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(header) - 1)]
    lines = [_line(row, widths) for row in rows]
    if width is not None and max(map(len, lines)) > width:
        lines = text_table(header, rows[1:], width, stack=True).splitlines()
    lines.append("")
    lines.append(
        f"{table.planted} faults planted: {table.caught} caught, {table.escaped} escaped "
        f"({table.escaped_though_decidable} of kinds that execution or equivalence decides), "
        f"{table.planted - table.caught - table.escaped - table.unaccounted} unused, {table.unaccounted} unaccounted"
    )
    refused = sum(table.wrongly_rejected.values())
    lines.append(f"{table.good} good attempts and drops: {refused} wrongly refused, {table.outvoted} outvoted")
    lines += [f"  {count} at {where}" for where, count in table.wrongly_rejected.items()]
    odd = [row for row in table.benign if row.refused]
    lines += [f"  {row.refused} of {row.good} with the odd but right form {row.kind} ({row.prompt})" for row in odd]
    return "\n".join(lines) + "\n"


def _cells(row: EscapeRow) -> tuple[str, ...]:
    counts = (row.planted, sum(row.caught.values()), row.escaped, row.unused, row.unaccounted)
    stages = ", ".join(f"{stage} {count}" for stage, count in row.caught.items())
    return (row.prompt, row.kind, row.decidable_by, *map(str, counts), stages)


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    """Names to the left, numbers to the right, the stages at the end."""
    cells = [
        cell.ljust(width) if column < 3 else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(row, widths, strict=False))
    ]
    return "  ".join([*cells, row[-1]]).rstrip()
