"""Which accepted records make the dataset: seed order decides, duplicates and surplus are explained."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from curation.selection import Selection, content_hash


def row(name: str, text: str, outcome: str = "pass", final: bool = True) -> dict[str, Any]:
    messages = [{"role": "user", "content": "q"}, {"role": "assistant", "content": text}]
    return {"id": name, "recipe": "r", "outcome": outcome, "is_final": final, "messages": messages}


def test_only_accepted_final_rows_enter() -> None:
    selection = Selection(None)
    selection.add([row("a", "1"), row("b", "2", "fail"), row("c", "3", "unjudged"), row("d", "4", final=False)])
    assert selection.kept == ["a"]
    assert selection.entered == 1
    assert not selection.drops


def test_a_duplicate_names_the_record_that_is_kept() -> None:
    selection = Selection(None)
    selection.add([row("a", "x  y\n"), row("b", "x y"), row("c", "X y")])
    assert selection.kept == ["a", "c"]
    [drop] = selection.drops
    assert (drop.id, drop.reason, drop.evidence) == ("b", "exact_duplicate", {"duplicate_of": "a"})


def test_exactly_the_target_in_seed_order() -> None:
    selection = Selection(2)
    selection.add([row("a", "1"), row("b", "1"), row("c", "2"), row("d", "3"), row("e", "3")])
    assert selection.kept == ["a", "c"]
    assert selection.full
    assert [(drop.id, drop.reason) for drop in selection.drops] == [
        ("b", "exact_duplicate"), ("d", "over_target"), ("e", "over_target"),
    ]  # fmt: skip


@given(st.lists(st.text("ab ", max_size=3), max_size=20), st.integers(0, 20), st.none() | st.integers(1, 5))
def test_sharding_does_not_matter_and_nothing_is_lost(texts: list[str], cut: int, target: int | None) -> None:
    rows = [row(str(index), text) for index, text in enumerate(texts)]
    whole, parts = Selection(target), Selection(target)
    whole.add(rows)
    parts.add(rows[:cut])
    parts.add(rows[cut:])
    assert (whole.kept, whole.drops) == (parts.kept, parts.drops)
    assert whole.entered == len(whole.kept) + len(whole.drops)


def test_roles_and_boundaries_are_part_of_the_content() -> None:
    assert content_hash([{"role": "user", "content": "ab"}]) != content_hash([{"role": "assistant", "content": "ab"}])
    assert content_hash([{"role": "user", "content": "a"}] * 2) != content_hash([{"role": "user", "content": "a a"}])
