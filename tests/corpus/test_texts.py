"""Whole documents as seeds, and what attempts tell about skills."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import corpus
from corpus.attempts import read_shards
from corpus.errors import CorpusError
from corpus.texts import READER
from records.schema import RECORDS, record_row
from records.tables import write_table
from records.types import Candidate, Check, Drop, Message, Outcome, Record, Seed, Verdict


def test_the_default_texts_are_there_whole_and_licensed():
    items = list(READER.read("default", 0, "unknown"))
    seeds = [item for item in items if isinstance(item, Seed)]
    assert len(seeds) > 140 and {seed.licence for seed in seeds} == {"Apache-2.0"}
    assert all(item.reason == "duplicate_text" for item in items if isinstance(item, Drop))
    assert items == list(READER.read("default", 1, "unknown"))  # a run's seed changes nothing
    assert corpus.READERS["texts"] is READER and len(READER.fingerprint("default")) == 64


def test_own_documents_are_read_whole_with_what_is_left_out_named(tmp_path: Path):
    (tmp_path / "a.md").write_text("# Notes\n\nWhat is 2 + 2?\n\nThe answer is 4.")
    (tmp_path / "b.txt").write_text("What is 3 + 3?")
    (tmp_path / "c.txt").write_text("What  is 3 +\n3?")
    (tmp_path / "d.txt").write_bytes(b"\0\0")
    (tmp_path / "e.jsonl").write_text(json.dumps({"text": "What is 4 + 4?", "licence": "CC0-1.0"}) + "\n")
    items = list(READER.read(str(tmp_path), 0, "MIT"))
    assert [item.text for item in items if isinstance(item, Seed)][1:] == ["What is 3 + 3?", "What is 4 + 4?"]
    assert sorted(item.reason for item in items if isinstance(item, Drop)) == ["duplicate_text", "undecodable_file"]
    assert [item.licence for item in items if isinstance(item, Seed)] == ["MIT", "MIT", "CC0-1.0"]
    with pytest.raises(CorpusError):
        list(READER.read(str(tmp_path / "absent"), 0, "MIT"))


def shard(path: Path, rows: list[tuple[str, str, str]]) -> Path:
    """Rows of (seed, skill, outcome)."""
    made = []
    for number, (seed, skill, outcome) in enumerate(rows):
        metadata = {"skill": skill} if skill else {}
        candidate = Candidate(
            f"{path.stem}-{number}", f"{path.stem}-{number}", Seed(seed, "q", "t", "MIT"), "math/solve",
            (Message("user", "q"),), {}, (Check(),), (), metadata=metadata,
        )  # fmt: skip
        made.append(record_row(Record(candidate, (Verdict("math_answer", Outcome(outcome), "r"),)), True, "test"))
    write_table(path, RECORDS, made)
    return path


def test_seeds_of_attempts_carry_the_pass_rate_of_their_skill_over_all_shards(tmp_path: Path):
    first = shard(tmp_path / "one.parquet", [("a", "geometry", "pass")] * 3 + [("b", "primes", "fail")] * 2)
    second = shard(tmp_path / "two.parquet", [("c", "primes", "fail"), ("c", "primes", "pass"), ("d", "", "pass")])
    seeds = {json.loads(seed.fields["chains"])[0][0]["seed_id"]: seed for seed in read_shards([first, second])}
    assert seeds["a"].fields["skill_rate"] == "1.000000" and seeds["b"].fields["skill_rate"] == "0.250000"
    assert seeds["b"].fields["skill_weight"] == seeds["c"].fields["skill_weight"]
    assert float(seeds["b"].fields["skill_weight"]) > 1 > float(seeds["a"].fields["skill_weight"])
    assert "skill_weight" not in seeds["d"].fields
    alone = {json.loads(seed.fields["chains"])[0][0]["seed_id"]: seed for seed in read_shards([first])}
    assert alone["b"].id == seeds["b"].id  # the weight is no part of what a seed is
