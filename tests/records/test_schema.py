"""A record that goes into a shard comes back the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from records.schema import DROPS, RECORDS, SEEDS, drop_row, record_row, row_drop, row_record, row_seed, seed_row
from records.tables import read_rows, write_table
from records.types import Call, Candidate, Check, Drop, Message, MessageCall, Outcome, Record, Seed, Verdict

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=5,
)


@dataclass(frozen=True)
class Probe(Check):
    kind: ClassVar[str] = "probe"
    expected: str


def decode(kind: str, fields: Mapping[str, Any]) -> Check:
    assert kind == "probe"
    return Probe(**fields)


seeds = st.builds(Seed, text, text, text, text, st.dictionaries(text, text, max_size=2))
calls = st.builds(
    Call, text, text, text, text, text, st.floats(0, 2), st.floats(0, 1), st.integers(0, 2**31), text
)  # fmt: skip
verdicts = st.builds(
    Verdict, st.just("probe"), st.sampled_from(Outcome), text, st.dictionaries(text, json_values, max_size=2)
)
messages = st.builds(
    Message,
    st.sampled_from(["user", "assistant", "tool"]),
    text,
    st.lists(st.builds(MessageCall, text, text, text), max_size=2).map(tuple),
    st.none() | text,
    st.none() | text,
)
candidates = st.builds(
    Candidate,
    id=text,
    chain_id=text,
    seed=seeds,
    recipe=text,
    messages=st.lists(messages, max_size=3).map(tuple),
    parts=st.dictionaries(text, text, max_size=2),
    checks=st.lists(st.builds(Probe, text), max_size=2).map(tuple),
    calls=st.lists(calls, max_size=2).map(tuple),
    attempt=st.integers(0, 5),
    revises=st.none() | text,
    metadata=st.dictionaries(text, json_values, max_size=2),
    tools=text,
)
records = st.builds(Record, candidates, st.lists(verdicts, max_size=2).map(tuple))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.lists(records, max_size=3))
def test_records_survive_the_shard(tmp_path: Path, given_records: list[Record]) -> None:
    path = tmp_path / "shard.parquet"
    write_table(path, RECORDS, [record_row(record, True, "provender test") for record in given_records])
    assert [row_record(row, decode) for row in read_rows([path])] == given_records


def test_a_row_of_version_1_is_a_row_without_tools() -> None:
    seed = Seed("s", "text", "source", "MIT")
    said = (Message("user", "hi"), Message("assistant", "ho"))
    record = Record(Candidate("a", "a", seed, "math/solve", said, {}, (), ()), ())
    row = record_row(record, True, "provender test")
    old = {**row, "messages": [{"role": one.role, "content": one.content} for one in said]}
    del old["tools"]
    assert row_record(old, decode) == record


@given(seeds)
def test_seeds_survive(seed: Seed) -> None:
    assert row_seed(seed_row(seed)) == seed
    assert set(seed_row(seed)) == set(SEEDS.names)


@given(st.builds(Drop, text, text, text, text, st.dictionaries(text, json_values, max_size=2)))
def test_drops_survive(drop: Drop) -> None:
    assert row_drop(drop_row(drop)) == drop
    assert set(drop_row(drop)) == set(DROPS.names)
