"""The table of corpus formats: one line each. A recipe names the format that its seeds come in."""

from __future__ import annotations

from collections.abc import Mapping

from corpus import (
    attempts,
    documents,
    mined_calls,
    questions,
    source_code,
    texts,
    tool_chains,
    tool_environments,
    tool_files,
    tools,
)
from corpus.reader import Reader

READERS: Mapping[str, Reader] = {
    reader.name: reader
    for reader in (
        source_code.READER,
        questions.READER,
        attempts.READER,
        documents.READER,
        tools.READER,
        mined_calls.READER,
        tool_chains.READER,
        tool_environments.READER,
        tool_files.READER,
        texts.READER,
    )
}
