"""Exports of steps: labels by rollouts and by a judge, and pairs of steps; wrong solutions go to no other export."""

from __future__ import annotations

import json
from typing import Any

from exports import preference, sft, step_labels, step_preference

STEPS = "1. A cat has 4 legs.\n2. Three cats have 13 legs.\n\nSo \\boxed{13}"


def row(identity: str, verdicts: list[dict[str, Any]], outcome: str = "pass", **metadata: Any) -> dict[str, Any]:
    return {
        "id": identity,
        "chain_id": identity,
        "recipe": "math/x",
        "messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": STEPS}],
        "parts": json.dumps({"question": "q", "response": STEPS}),
        "verdicts": verdicts,
        "outcome": outcome,
        "metadata": json.dumps(metadata),
        "attempt": 0,
        "calls": [],
        "seed_id": "s",
        "seed_source": "src",
        "seed_licence": "MIT",
        "model": "m",
        "software": "test",
    }


def verdict(check: str, outcome: str, evidence: dict[str, Any]) -> dict[str, Any]:
    return {"check": check, "outcome": outcome, "reason": "r", "evidence": json.dumps(evidence)}


def judged(outcome: str, **votes: int) -> dict[str, Any]:
    named = {key.removeprefix("step_"): count for key, count in votes.items()} | {"unreadable": 0}
    return verdict("judged", outcome, {"criteria": {"sound_steps": {"outcome": outcome, "votes": named}}})


def labels(made: dict[str, Any], kept: bool = True) -> list[Any]:
    return [(one["labels"], one["labelled_by"]) for one in step_labels.rows_of([made], {made["id"]} if kept else set())]


def test_labels_by_rollouts_have_their_shares():
    evidence = {"hard": [1, 0, 0], "soft": [0.75, 0.0, 0.0]}
    made = row("a", [verdict("step_rollouts", "pass", evidence)], exports=["step_labels"])
    (out,) = step_labels.rows_of([made], {"a"})
    assert (out["labels"], out["soft"], out["labelled_by"]) == ([1, -1, -1], [0.75, 0.0, 0.0], "rollouts")
    assert "".join(out["steps"]) == STEPS and out["prompt"] == [{"role": "user", "content": "q"}]
    assert list(step_labels.rows_of([made], set())) == []  # not chosen for the dataset
    assert list(sft.rows_of([made], {"a"})) == []  # a wrong solution is no example to learn from


def test_a_judge_labels_up_to_the_first_wrong_step():
    assert labels(row("a", [judged("pass", step_0=1)])) == [([1, 1, 1], "judge")]
    assert labels(row("a", [judged("fail", step_2=1)], "fail"), kept=False) == [([1, -1, 0], "judge")]
    assert labels(row("a", [judged("fail", step_1=2, step_2=1)], "fail"), kept=False) == [([-1, 0, 0], "judge")]


def test_what_is_not_known_gives_no_label():
    assert labels(row("a", [judged("fail", step_1=1, step_2=1)], "fail"), kept=False) == []  # no step has most votes
    assert labels(row("a", [judged("unjudged", step_0=1)], "unjudged"), kept=False) == []
    assert labels(row("a", [judged("pass", step_0=1)], "fail"), kept=False) == []  # another check refused it
    assert labels(row("a", [verdict("math_answer", "pass", {})])) == []
    short = {"hard": [1, 0], "soft": [1.0, 0.0]}
    assert labels(row("a", [verdict("step_rollouts", "pass", short)])) == []  # labels of other steps


def test_step_pairs_come_from_kept_records_once():
    pair = {"prefix": "", "chosen": "good", "rejected": "bad", "margin": 0.7}
    rows = [row("a", [], step_pairs=[pair]), row("b", [], step_pairs=[pair]), row("c", [], step_pairs=[pair])]
    (out,) = step_preference.rows_of(rows, {"a", "b"})
    assert (out["chosen"], out["rejected"], out["margin"], out["prefix"]) == ("good", "bad", 0.7, "")
    assert list(step_preference.rows_of(rows, set())) == []


def test_a_right_answer_by_a_wrong_step_is_the_worse_of_a_pair():
    def asked(made: dict[str, Any], steps: str, **changes: Any) -> dict[str, Any]:
        fields = {"prompt": "generators.math/step_check", "fields": {"steps": steps}}
        checks = [{"kind": "judged", "fields": json.dumps(fields)}]
        messages = [{"role": "user", "content": "q"}, {"role": "assistant", "content": steps}]
        return made | {"checks": checks, "messages": messages, "decided_by": "judged"} | changes

    sound = asked(row("a", []), "sound", reason="all_criteria")
    lucky = asked(row("b", [], "fail"), "lucky", reason="not_sound_steps")
    other = asked(row("c", [], "fail"), "other", reason="not_clarity")
    (pair,) = preference.rows_of([sound, lucky, other], {"a"})
    assert (pair["chosen_id"], pair["rejected_id"], pair["verifier"]) == ("a", "b", "judged")
