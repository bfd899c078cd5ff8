"""Strength levels, caps, biases, and that all kinds of pairs are made: by execution, answer, step and refusal."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exports import preference, step_preference
from exports.pair_bias import PairBias, Tally
from exports.pair_rules import PairCounts, PairRules
from exports.strength import Level, Strength, at_least, measure
from exports.write import write_exports
from records.types import Check
from tests.exports.stored_rows import FAIL, PASS, Answer, Tests, Vote, row, seed, write_shards
from tests.exports.test_write import FACTS, NAMES


@dataclass(frozen=True)
class Reward(Check):
    kind: ClassVar[str] = "reward_score"
    threshold: float = 0.5


@dataclass(frozen=True)
class Steps(Check):
    kind: ClassVar[str] = "judged"
    prompt: str = "generators.math/step_check"


def made(group: list[dict[str, Any]], *kept: str) -> list[dict[str, Any]]:
    return list(preference.rows_of(group, set(kept)))


def scored(identity: str, score: float | None, passed: bool = True, **changes: Any) -> dict[str, Any]:
    evidence = {} if score is None else {"score": score}
    outcome = (PASS, "high_score") if passed else (FAIL, "low_score")
    return row(identity, *outcome, check=Reward(), evidence=evidence, **changes)


@pytest.mark.parametrize(
    ("verifier", "margin", "level"),
    [
        ("code_tests", 1.0, Level.SIGNIFICANT),
        ("code_tests", 0.667, Level.SIGNIFICANT),
        ("code_tests", 0.66, Level.BETTER),
        ("majority_vote", 1 / 3, Level.BETTER),  # 2 of 3 votes against 1
        ("majority_vote", 0.33, Level.SLIGHT),
        ("reward_score", 0.1, Level.SLIGHT),
        ("reward_score", 0.09, Level.SIMILAR),
        ("reward_score", -0.5, Level.SIMILAR),
        ("judged", 1.0, Level.BETTER),  # a judge's word is no proof
    ],
)
def test_levels(verifier: str, margin: float, level: Level) -> None:
    assert Strength.of(verifier, margin).level is level


@given(st.lists(st.floats(0, 1), min_size=2, max_size=2))
def test_a_larger_margin_is_never_weaker(margins: list[float]) -> None:
    low, high = sorted(margins)
    for verifier in ("code_tests", "judged"):
        assert at_least(str(Strength.of(verifier, high).level), Strength.of(verifier, low).level)


def test_execution_based_pairs_have_the_gap_in_the_pass_rate_as_margin() -> None:
    bad = row("b", FAIL, "failed_assertion", evidence={"pass_rate": 0.25}, chain="c", final=False)
    [pair] = made([bad, row("g", evidence={"pass_rate": 1.0}, chain="c", attempt=1)], "g")
    assert (pair["verifier"], pair["margin"], pair["strength"]) == ("code_tests", 0.75, "significantly_better")
    assert pair["edited"] and (pair["chosen_place"], pair["rejected_place"]) == (1, 0)


def test_answer_based_pairs() -> None:
    right, wrong = row("r", check=Answer()), row("w", FAIL, "wrong_answer", check=Answer(), model="other")
    [pair] = made([wrong, right], "r")
    assert (pair["margin"], pair["strength"], pair["edited"]) == (1.0, "significantly_better", False)
    assert (pair["chosen_model"], pair["rejected_model"], pair["judge"]) == ("small-model", "other", "")


def test_of_a_vote_the_margin_is_that_of_the_votes_and_near_equal_pairs_are_dropped() -> None:
    def vote(own: str, tally: list[list[Any]], total: int) -> dict[str, Any]:
        return {"votes": tally[0][1], "total": total, "tally": tally, "own_answer": own}

    clear, close = [["12", 6], ["13", 2]], [["12", 11], ["13", 10]]
    for tally, total, expected in ((clear, 8, [(0.5, "better")]), (close, 21, [])):
        winner = row("r", check=Vote(index=0), evidence=vote("12", tally, total))
        loser = row("w", FAIL, "minority_answer", check=Vote(index=2), evidence=vote("13", tally, total))
        assert [(pair["margin"], pair["strength"]) for pair in made([winner, loser], "r")] == expected


def test_step_judged_pairs_name_their_judge_and_are_better_at_most() -> None:
    def judged(zero: int, one: int) -> dict[str, Any]:
        ballots = [{"role": "judge", "vote": 0, "model": "strict-judge", "key": "k", "verdicts": {"sound_steps": 0}}]
        votes = {"0": zero, "1": one, "unreadable": 1}
        return {"criteria": {"sound_steps": {"outcome": "pass", "votes": votes}}, "ballots": ballots}

    good = row("g", check=Steps(), evidence=judged(3, 0))
    bad = row("b", FAIL, "not_sound_steps", check=Steps(), evidence=judged(1, 2))
    [pair] = made([good, bad], "g")
    assert (pair["margin"], pair["strength"], pair["judge"]) == (0.666667, "better", "strict-judge")


def test_steps_of_a_search_are_pairs_of_their_own_export() -> None:
    metadata = {"step_pairs": [{"prefix": "a", "chosen": "b", "rejected": "c", "margin": 0.4}]}
    [pair] = step_preference.rows_of([row("a", check=Answer(), metadata=metadata)], {"a"})
    assert (pair["prefix"], pair["chosen"], pair["rejected"], pair["strength"]) == ("a", "b", "c", "better")


def test_refusal_based_pairs_put_a_refusal_over_a_confident_error() -> None:
    @dataclass(frozen=True)
    class Probe(Check):
        kind: ClassVar[str] = "knowledge_probe"
        wordings: tuple[str, ...] = ("Who built it?",)
        samples: tuple[dict[str, Any], ...] = (
            {"text": "It was built by Ada.", "wording": 0, "key": "k", "model": "small-model"},
        )

    evidence = {"grades": ["incorrect"], "informative_samples": [True]}
    refusal = row(
        "r", PASS, "unknown", check=Probe(), evidence=evidence, prompt="Who built it?", reply="I do not know."
    )
    [pair] = made([refusal], "r")
    assert (pair["rejected_reason"], pair["strength"]) == ("confident_error", "better")
    assert pair["chosen"][0]["content"] == "I do not know." and pair["rejected"][0]["content"] == "It was built by Ada."


def test_verifier_first_then_reward_and_the_best_stands_against_the_worst() -> None:
    own = {"before": (Answer(),)}
    group = [scored("mid", 0.7, **own), scored("top", 0.9, **own), scored("low", 0.55, **own)]
    group.append(row("wrong", FAIL, "wrong_answer", check=Answer()))  # whatever its score would be
    pairs = {(one["verifier"], one["chosen_id"], one["rejected_id"]) for one in made(group, "mid", "top", "low")}
    assert ("reward_score", "top", "low") in pairs
    assert all(chosen != "wrong" for _, chosen, _ in pairs) and ("math_answer", "mid", "wrong") in pairs


@pytest.mark.parametrize("score", [None, float("nan")])
def test_a_score_that_is_not_there_takes_no_part(score: float | None) -> None:
    group = [scored("a", 0.9), scored("b", score)]
    assert [one for one in made(group, "a", "b") if one["verifier"] == "reward_score"] == []


def test_equal_scores_are_in_the_order_of_ids_whatever_the_order_of_rows() -> None:
    several = [scored("a", 0.9), scored("b", 0.9), scored("c", 0.5), scored("d", 0.5)]
    for order in (several, several[::-1]):
        assert [(one["chosen_id"], one["rejected_id"]) for one in made(order, "a", "b", "c", "d")] == [("a", "d")]


def test_identical_completions_make_no_pair() -> None:
    group = [scored(name, score, reply="the same") for name, score in (("a", 0.9), ("b", 0.1))]
    assert made(group, "a", "b") == []


def test_a_cap_counts_a_prompt_over_all_seeds_and_the_card_tells_what_is_left_out(tmp_path: Path) -> None:
    own = {"check": Answer(), "prompt": "The same question?"}
    rows = []
    for number in range(3):
        about = own | {"seed": seed(number)}
        rows += [row(f"g{number}", **about)]
        rows += [row(f"b{number}-{n}", FAIL, "wrong_answer", final=True, **about) for n in range(3)]
    files = write_shards(tmp_path, rows[:4], rows[4:])
    kept = [f"g{number}" for number in range(3)]
    counts = write_exports(files, kept, tmp_path / "out", NAMES, replace(FACTS, pairs=PairRules(per_prompt=4)))
    assert counts["preference"] == 4
    card = (tmp_path / "out" / "README.md").read_text()
    assert "4 `significantly_better`" in card and "5 above the number for its prompt" in card
    [table] = [pq.read_table(file) for file in (tmp_path / "out" / "preference").iterdir()]
    for pair in table.to_pylist():
        assert pair["chosen"] != pair["rejected"] and pair["chosen_id"] != pair["rejected_id"]


def test_pairs_that_are_too_weak_are_left_out_and_counted() -> None:
    pair = {"strength": "slightly_better", "chosen": "a", "rejected": "b", "verifier": "v"}
    counts = PairCounts()
    assert not counts.admits("p", pair) and counts.left_out == {"too weak": 1}
    assert PairCounts(PairRules(least=Level.SLIGHT)).admits("p", pair)


def test_a_planted_length_bias_is_found_and_a_fair_set_is_not_accused() -> None:
    biased, fair = PairBias(), PairBias()
    for number in range(100):
        long, short = {"content": "x" * 50}, {"content": "x" * 10}
        places = {"chosen_place": number % 2, "rejected_place": 1 - number % 2, "verifier": "math_answer"}
        biased.add({"chosen": [long], "rejected": [short], **places})
        even = ([long], [short]) if number // 2 % 2 else ([short], [long])
        fair.add({"chosen": even[0], "rejected": even[1], **places})
    assert biased.total.findings == ["length bias"]
    assert fair.total.findings == []
    [cells] = biased.table()
    assert cells[0] == "math_answer" and cells[2].startswith("100.0%") and cells[-1] == "length bias"


def test_a_planted_position_bias_is_found() -> None:
    tally = Tally()
    for _ in range(50):
        tally.add({"chosen": "a", "rejected": "b", "chosen_place": 3, "rejected_place": 1})
    assert tally.findings == ["position bias"]
    assert Tally().findings == []


def test_calls_count_for_the_length() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "find", "arguments": json.dumps({"q": "x" * 90})}}
    tally = Tally()
    tally.add({"chosen": [{"content": "", "tool_calls": [call]}], "rejected": [{"content": "no"}]})
    assert tally.longer == 1


def test_a_check_without_a_scale_knows_right_and_wrong_only() -> None:
    assert measure("tool_calls", row("a", check=Tests()), row("b", FAIL, check=Tests())).margin == 1.0
