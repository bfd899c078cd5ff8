"""Balance in the selection: shares hold at every moment, nothing repeats too often, every loss is a Drop."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from curation.selection import Selection
from records.limits import Limits

SHARE = Limits({"refusal": 0.3}, {"question_key": 1, "wording": 2})


def row(name: str, kind: str, **metadata: str) -> dict[str, Any]:
    messages = [{"role": "user", "content": name}]
    data = json.dumps({"kind": kind, **metadata})
    return {"id": name, "recipe": "r", "is_final": True, "outcome": "pass", "messages": messages, "metadata": data}


def reasons(selection: Selection) -> dict[str, str]:
    return {drop.id: drop.reason for drop in selection.drops}


def test_refusals_wait_until_there_is_room_for_them() -> None:
    selection = Selection(None, SHARE)
    selection.add([row("r1", "refusal"), row("r2", "refusal"), row("a1", "answer"), row("a2", "answer")])
    assert selection.kept == ["a1", "a2"] and reasons(selection) == {"r1": "over_share", "r2": "over_share"}
    selection.add([row("a3", "answer")])
    assert selection.kept == ["a1", "a2", "a3", "r1"] and reasons(selection) == {"r2": "over_share"}


def test_of_a_question_that_is_answered_and_refused_the_answer_stays() -> None:
    for order in ((0, 1, 2, 3, 4), (4, 3, 2, 1, 0), (1, 0, 2, 3, 4)):
        rows = [row("r", "refusal", question_key="q"), row("a", "answer", question_key="q")]
        rows += [row(f"a{n}", "answer", question_key=f"q{n}") for n in range(3)]
        selection = Selection(None, SHARE)
        selection.add(rows[at] for at in order)
        assert sorted(selection.kept) == ["a", "a0", "a1", "a2"]
        assert reasons(selection)["r"] in ("contradicted", "repeated_question_key")


def test_a_template_is_kept_as_often_as_allowed() -> None:
    selection = Selection(None, Limits({}, {"wording": 2}))
    selection.add(row(f"r{n}", "refusal", wording="I don't know _") for n in range(4))
    assert selection.kept == ["r0", "r1"] and set(reasons(selection).values()) == {"repeated_wording"}


KINDS = st.tuples(st.sampled_from(["refusal", "answer", "pair"]), st.integers(0, 6), st.integers(0, 3))


@given(st.lists(KINDS, max_size=40), st.floats(0, 1), st.none() | st.integers(1, 12))
def test_the_laws_of_balance(drawn: list[tuple[str, int, int]], share: float, target: int | None) -> None:
    rows = [row(str(n), kind, question_key=f"q{key}", wording=f"w{word}") for n, (kind, key, word) in enumerate(drawn)]
    limits = Limits({"refusal": share}, {"question_key": 1, "wording": 3})
    selection, parts = Selection(target, limits), Selection(target, limits)
    selection.add(rows)
    for one in rows:
        parts.add([one])
    assert (selection.kept, selection.drops) == (parts.kept, parts.drops)
    assert selection.entered == len(selection.kept) + len(selection.drops) == len(rows)
    assert sorted([*selection.kept, *reasons(selection)]) == sorted(one["id"] for one in rows)
    kept = [json.loads(rows[int(name)]["metadata"]) for name in selection.kept]
    assert len({one["question_key"] for one in kept}) == len(kept)
    assert all(sum(one["wording"] == f"w{n}" for one in kept) <= 3 for n in range(4))
    assert target is None or len(kept) <= target
    assert sum(one["kind"] == "refusal" for one in kept) <= share * len(kept) + 1e-6
