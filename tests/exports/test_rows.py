"""What each export makes of the attempts of one seed, and what it leaves out."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import verifiers
from exports import EXPORTS, preference, rlvr, sft
from exports.base import prompt_and_reply
from tests.exports.stored_rows import FAIL, UNJUDGED, Answer, Static, Tests, Vote, row


def pairs(group: list[dict[str, Any]], *kept: str) -> list[tuple[str, str]]:
    return [(pair["chosen_id"], pair["rejected_id"]) for pair in preference.rows_of(group, set(kept))]


def failing(identity: str, reason: str = "failed_assertion", **changes: Any) -> dict[str, Any]:
    return row(identity, FAIL, reason, **{"final": False, **changes})


def test_every_export_is_under_its_own_name_with_a_model_column_on_each_row() -> None:
    for name, export in EXPORTS.items():
        assert export.name == name
        assert "model" in export.schema.names


def test_sft_takes_whole_dialogue_and_origin_of_kept_records_only() -> None:
    group = [failing("a0", chain="a"), row("a1", chain="a", attempt=1), row("b")]
    [made] = sft.rows_of(group, {"a1"})
    assert made["messages"] == [
        {"role": "user", "content": "Add two numbers."},
        {"role": "assistant", "content": "reply of a1"},
    ]
    assert (made["id"], made["attempts"], made["model"], made["seed_licence"]) == ("a1", 2, "small-model", "MIT")
    assert json.loads(made["metadata"]) == {"language": "python"}
    assert made["prompts"] == [{"name": "generators.code/solve", "sha256": "ab" * 32}]
    pa.Table.from_pylist([made], schema=sft.SFT.schema)


def test_rlvr_ground_truth_of_code_is_language_entry_point_and_tests() -> None:
    [made] = rlvr.rows_of([row("a", before=(Static(),))], {"a"})
    assert made["verifier"] == "code_tests"
    assert json.loads(made["ground_truth"]) == {
        "language": "python",
        "entry_point": "add",
        "min_pass_rate": 1.0,
        "tests": Tests().tests,
    }
    assert made["prompt"] == [{"role": "user", "content": "Add two numbers."}]


def test_rlvr_ground_truth_of_math_is_the_reference_or_the_answer_that_won() -> None:
    voted = row("v", check=Vote(), evidence={"answer": "12", "votes": 2})
    group = [row("m", check=Answer("3/4"), evidence={"answer": "0.75"}), voted]
    assert [(one["verifier"], one["ground_truth"]) for one in rlvr.rows_of(group, {"m", "v"})] == [
        ("math_answer", "3/4"),
        ("majority_vote", "12"),
    ]


REFUSED_BY_RLVR = {
    "not kept": (row("other"), "a"),
    "no check with a ground truth": (row("a", check=Static()), "a"),
    "an answer that the evidence cut": (row("a", check=Vote(("1" * 300,)), evidence={"answer": "1" * 200}), "a"),
    "a vote without an answer": (row("a", check=Vote(), evidence={"answer": None}), "a"),
}


@pytest.mark.parametrize("case", REFUSED_BY_RLVR)
def test_rlvr_leaves_out(case: str) -> None:
    stored, kept = REFUSED_BY_RLVR[case]
    assert list(rlvr.rows_of([stored], {kept})) == []


def test_a_corrected_chain_gives_a_pair_of_the_kept_and_the_failed_reply() -> None:
    group = [failing("a0", chain="a"), row("a1", chain="a", attempt=1)]
    [made] = preference.rows_of(group, {"a1"})
    assert made["prompt"] == [{"role": "user", "content": "Add two numbers."}]
    assert made["chosen"] == [{"role": "assistant", "content": "reply of a1"}]
    assert made["rejected"] == [{"role": "assistant", "content": "reply of a0"}]
    assert (made["verifier"], made["rejected_reason"]) == ("code_tests", "failed_assertion")
    pa.Table.from_pylist([made], schema=preference.PREFERENCE.schema)


def test_wrong_and_right_samples_of_one_question_make_pairs() -> None:
    right = row("r", check=Answer())
    wrong = row("w", FAIL, "wrong_answer", check=Answer())
    assert pairs([wrong, right], "r") == [("r", "w")]


def test_samples_of_one_vote_are_under_the_same_check() -> None:
    winner = row("r", check=Vote(index=0))
    loser = row("w", FAIL, "minority_answer", check=Vote(index=2))
    assert pairs([winner, loser], "r") == [("r", "w")]


REFUSED_BY_PREFERENCE = {
    "no code at all": [failing("f", "no_code")],
    "not compiled": [failing("f", "compile_error")],
    "a wall clock": [failing("f", "timeout_wall")],
    "nothing known": [row("f", UNJUDGED, "sandbox_error")],
    "failed before it ran": [failing("f", "unsafe_import", check=Static())],
    "other tests": [failing("f", check=Tests(tests="assert add(0, 0) == 1"))],
    "another prompt": [failing("f", prompt="Subtract two numbers.")],
    "an empty reply": [failing("f", reply=" \n")],
    "the same reply": [failing("f", reply="reply of k\n")],
    "a reply that once passed": [row("p", reply="twice"), failing("f", reply="twice")],
    "accepted, not kept": [row("p")],
}


@pytest.mark.parametrize("case", REFUSED_BY_PREFERENCE)
def test_preference_leaves_out(case: str) -> None:
    assert not [pair for pair in pairs([*REFUSED_BY_PREFERENCE[case], row("k")], "k", "p") if pair[1] == "f"]


def test_no_kept_reply_means_no_pair() -> None:
    assert pairs([failing("f"), row("k")]) == []


def test_a_pair_names_the_models_of_both_replies() -> None:
    [made] = preference.rows_of([failing("f", model="rehearsal"), row("k")], {"k"})
    assert made["model"] == "rehearsal,small-model"


@given(good=st.integers(0, 9), bad=st.integers(0, 9))
def test_pairs_are_few_distinct_and_spread_over_the_replies(good: int, bad: int) -> None:
    group = [row(f"g{n}", check=Answer()) for n in range(good)]
    group += [row(f"b{n}", FAIL, "wrong_answer", check=Answer()) for n in range(bad)]
    made = pairs(group, *(f"g{n}" for n in range(good)))
    assert made == pairs(group, *(f"g{n}" for n in range(good)))
    assert len(set(made)) == len(made) <= preference.MOST
    assert bool(made) == bool(good and bad)
    assert len(made) >= min(good, bad, preference.MOST)
    assert len({chosen for chosen, _ in made}) == (min(good, preference.MOST) if bad else 0)
    assert len({rejected for _, rejected in made}) == (min(bad, preference.MOST) if good else 0)


def test_a_dialogue_is_split_before_its_last_assistant_turn() -> None:
    roles = ["system", "user", "assistant", "user", "assistant", "tool"]
    stored = {"messages": [{"role": role, "content": str(index)} for index, role in enumerate(roles)]}
    prompt, reply = prompt_and_reply(stored)
    assert [one["content"] for one in prompt] == ["0", "1", "2", "3"]
    assert [one["content"] for one in reply] == ["4", "5"]
    assert prompt_and_reply({"messages": stored["messages"][:2]})[1] == []


def test_the_checks_that_exports_know_are_checks_that_verifiers_make() -> None:
    assert set(rlvr.GROUND_TRUTHS) | set(preference.FAILED_AT_WORK) <= set(verifiers.VERIFIERS)
    for name in ("language", "entry_point", "tests", "min_pass_rate"):
        assert name in verifiers.VERIFIERS["code_tests"].check.__dataclass_fields__
    assert {"answers", "index"} <= set(verifiers.VERIFIERS["majority_vote"].check.__dataclass_fields__)
