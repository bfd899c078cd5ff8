"""Curation while a run chooses: the rules of `provender curate`, in seed order, before a record counts."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.errors import CurationError
from curation.screens import ScreenRules, Screens, benchmark_reports
from curation.selection import Selection
from records.limits import Limits

NEAR = ScreenRules(near_duplicates=True)
WORDS = [f"{one}{number}" for one in ("river", "stone", "matrix", "value") for number in range(60)]


def text(seed: int, changed: int = 0) -> str:
    """A hundred words; of those of the same seed all but the last `changed` are the same."""
    random, other = Random(seed), Random(f"{seed} {changed}")
    drawn = [random.choice(WORDS) for _ in range(100)]
    return " ".join([*drawn[: 100 - changed], *(other.choice(WORDS) for _ in range(changed))])


def row(name: str, answer: str, question: str = "q", kind: str = "") -> dict[str, Any]:
    messages = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    metadata = json.dumps({"kind": kind, "question": question})
    record = {"id": name, "recipe": "r", "outcome": "pass", "is_final": True}
    return record | {"messages": messages, "metadata": metadata}


def chosen(rules: ScreenRules, *rows: dict[str, Any], target: int | None = None) -> Selection:
    selection = Selection(target, screens=Screens(rules))
    selection.add(rows)
    return selection


def reasons(selection: Selection) -> dict[str, str]:
    return {drop.id: drop.reason for drop in selection.drops}


def test_of_near_duplicates_the_first_stands_and_does_not_count_twice() -> None:
    made = chosen(NEAR, row("a", text(1)), row("b", text(1, 2)), row("c", text(2)), row("d", text(3)), target=2)
    assert made.kept == ["a", "c"]
    assert reasons(made) == {"b": "near_duplicate", "d": "over_target"}
    assert made.drops[0].evidence == {"duplicate_of": "a"}


def test_without_rules_near_duplicates_stay() -> None:
    selection = Selection(None)
    selection.add([row("a", text(1)), row("b", text(1, 2))])
    assert selection.kept == ["a", "b"]


def test_records_without_words_are_not_alike() -> None:
    assert chosen(NEAR, row("a", "+", "?"), row("b", "-", "!")).kept == ["a", "b"]


def test_what_gives_way_no_longer_stands_for_others() -> None:
    limits = Limits(shares={"refusal": 0.5}, repeats={"question": 1})
    selection = Selection(None, limits, Screens(NEAR))
    answers = [row(f"a{n}", text(10 + n), f"q{n}") for n in range(3)]
    refusal = row("refusal", text(1), "asked", "refusal")
    selection.add([*answers, refusal])
    assert "refusal" in selection.kept
    selection.add([row("answer", text(2), "asked"), row("like the refusal", text(1, 2), "other")])
    assert reasons(selection) == {"refusal": "contradicted"}
    assert selection.kept[-2:] == ["answer", "like the refusal"]


def test_what_waits_for_room_is_compared_when_it_comes_in() -> None:
    selection = Selection(None, Limits(shares={"refusal": 0.5}), Screens(NEAR))
    selection.add([row("waits", text(1), kind="refusal"), row("like it", text(1, 2)), row("other", text(2))])
    assert selection.kept == ["like it", "other"]
    assert reasons(selection) == {"waits": "near_duplicate"}


def test_repetition_is_dropped() -> None:
    made = chosen(ScreenRules(repetition=True), row("a", "the same line again\n" * 60), row("b", text(1)))
    assert made.kept == ["b"]
    assert set(made.drops[0].evidence) == {"share", "limit"}


def test_benchmark_items_are_dropped_and_told_over_all_recipes(tmp_path: Path) -> None:
    items = [{"id": f"i{n}", "question": text(n)} for n in (1, 2, 3)]
    (tmp_path / "exam.jsonl").write_text("".join(json.dumps(one) + "\n" for one in items))
    rules = ScreenRules(benchmarks=(tmp_path / "exam.jsonl",))
    one = chosen(rules, row("a", "yes", text(1)), row("b", text(9)))
    other = chosen(rules, row("c", f"First: {text(1)} And: {text(2)}"), row("d", text(8)))
    assert (one.kept, other.kept) == (["b"], ["d"])
    assert reasons(one) == {"a": "exact_prompt"}
    assert other.drops[0].evidence["benchmark"] == "exam"
    (report,) = benchmark_reports([one.screens, other.screens, None])
    assert (report.items, report.matched, report.rows, report.contaminated) == (3, 2, 2, True)
    assert benchmark_reports([None]) == []


def test_a_benchmark_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(CurationError, match=r"gone\.jsonl: no such file"):
        Screens(ScreenRules(benchmarks=(tmp_path / "gone.jsonl",)))


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3)), max_size=16),
    st.integers(0, 16),
    st.none() | st.integers(1, 5),
)
def test_sharding_does_not_matter_and_nothing_is_lost(
    made: list[tuple[int, int]], cut: int, target: int | None
) -> None:
    rows = [row(str(index), text(seed, changed)) for index, (seed, changed) in enumerate(made)]
    whole, parts = chosen(NEAR, *rows, target=target), Selection(target, screens=Screens(NEAR))
    parts.add(rows[:cut])
    parts.add(rows[cut:])
    assert (whole.kept, whole.drops) == (parts.kept, parts.drops)
    assert whole.entered == len(whole.kept) + len(whole.drops)
    if target is None:
        assert len(whole.kept) >= len({seed for seed, _ in made}), "one of each text at least"
