"""The built-in tools as a corpus: seeds with real results, records that are accepted, and clear refusals."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pytest

from corpus.errors import CorpusError
from corpus.tools import fingerprint, read
from records.types import Drop, Seed
from sandbox import open_sandbox
from sandbox.types import Sandbox
from verifiers.toolbox.box import Toolbox


@dataclass(frozen=True)
class WithLibraries:
    def __call__(self) -> Sandbox:
        return open_sandbox(site=sys.prefix)


def items(pattern: str, count: int) -> list[Seed | Drop]:
    return list(islice(read(pattern, 0, "MIT", WithLibraries()), count))


def documents(folder: Path) -> str:
    folder.mkdir()
    (folder / "tides.md").write_text("# Tides\n\nThe spring tide follows the full moon by about a day.\n")
    (folder / "kelp.txt").write_text("Giant kelp grows half a metre a day in cold, nutritious water.\n")
    (folder / "notes.pdf").write_bytes(b"%PDF-1.7 nothing follows")
    return str(folder)


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("builtin:python", {"run_python"}),
        ("builtin:algebra", {"simplify_expression", "solve_equation", "differentiate", "integrate", "evaluate"}),
    ],
)
def test_every_tool_is_a_target_with_results(pattern: str, names: set[str]) -> None:
    seeds = [one for one in items(pattern, len(names)) if isinstance(one, Seed)]
    assert {seed.fields["target"] for seed in seeds} == names
    for seed in seeds:
        box = Toolbox.read(seed.fields["toolbox"])
        assert box.is_executable
        assert box.files
        known = json.loads(seed.fields["examples"])
        assert {one["name"] for one in known} == set(box.names)
        assert all(one["result"] not in (None, "", [], {}) for one in known)


def test_a_search_knows_the_users_documents_and_names_those_that_cannot_be_read(tmp_path: Path) -> None:
    pattern = f"builtin:search:{documents(tmp_path / 'docs')}"
    drop, *seeds = items(pattern, 3)
    assert isinstance(drop, Drop)
    assert "notes.pdf" in json.dumps(dict(drop.evidence))
    assert {one.fields["target"] for one in seeds if isinstance(one, Seed)} == {"search", "open_document"}
    assert isinstance(seeds[0], Seed)
    told = seeds[0].fields["examples"]
    assert "spring tide" in told
    assert "Giant kelp" in told
    before = fingerprint(pattern)
    (tmp_path / "docs" / "kelp.txt").write_text("Giant kelp grows fast.\n")
    assert fingerprint(pattern) != before


@pytest.mark.parametrize("pattern", ["builtin:", "builtin:web", "builtin:python:x", "builtin:search:"])
def test_what_is_not_there_is_named(pattern: str) -> None:
    with pytest.raises(CorpusError, match="there are builtin:python"):
        items(pattern, 1)


def test_a_tool_whose_library_is_missing_is_refused() -> None:
    found = read("builtin:algebra", 0, "MIT", open_sandbox)
    drops = list(islice(found, 5))
    assert {one.reason for one in drops if isinstance(one, Drop)} == {"does_not_run"}
    with pytest.raises(CorpusError, match="see drops"):
        next(found)
