"""A hash of all that a row holds, so that what is chosen does not depend on the order in which rows are read."""

from __future__ import annotations

import hashlib

from curation.dataset_rows import DatasetRow
from records.types import canonical_json


def row_hash(row: DatasetRow) -> bytes:
    """32 bytes; equal for equal rows."""
    return hashlib.sha256(_stable_text(row).encode("utf-8", "surrogatepass")).digest()


def _stable_text(row: DatasetRow) -> str:
    try:
        return canonical_json(dict(row.values))
    except TypeError:  # columns that JSON lacks: dates, bytes, decimals
        return canonical_json({name: repr(value) for name, value in row.values.items()})
    except RecursionError:  # a column nested on purpose; the texts alone rank the row
        return row.text
