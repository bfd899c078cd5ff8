"""Judges under watch: a weak one ends the run, one that must differ from the generator is refused before it is paid."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from flows.config import validate_config
from flows.errors import ConfigError, UserError
from flows.judging import JudgeWatch, count_probes, require_other_judge
from flows.make_shard import ShardSummary
from records.accounts import Accounts
from records.types import Candidate, Outcome, Record, Seed, Verdict


def record(*findings: str, chain: str = "c") -> Record:
    probes = [
        {"prompt": "p", "model": "m", "finding": finding, "key": f"{chain}{number}"}
        for number, finding in enumerate(findings)
    ]
    candidate = Candidate("c", chain, Seed("s", "t", "s", "l"), "r", (), {}, (), ())
    return Record(candidate, (Verdict("judged", Outcome.PASS, "all_criteria", {"probes": probes}),))


def test_a_probe_that_two_attempts_store_counts_once_and_an_unreadable_one_not_at_all() -> None:
    one = record("right", "false_pass", "unreadable")
    assert count_probes([[one, one], [record("right", chain="d")]]) == {"p": {"m": (2, 3)}}


def test_a_weak_judge_stops_the_run_once_that_is_beyond_doubt() -> None:
    watch = JudgeWatch(0.8)
    watch.add({"p": {"m": (6, 10)}})  # 60 % of ten may still be chance
    watch.add({"p": {"m": (7, 10)}, "q": {"m": (1, 1)}})
    with pytest.raises(UserError, match=r"m gave 18 of 30 known answers of p .*min_accuracy = 0\.8"):
        watch.add({"p": {"m": (5, 10)}})


@pytest.mark.parametrize("counts", [(80, 100), (0, 2), (95, 100), (0, 0)])
def test_a_judge_that_may_be_good_enough_goes_on(counts: tuple[int, int]) -> None:
    JudgeWatch(0.8).add({"p": {"m": counts}})


def test_a_finished_shard_says_the_same_of_its_judges_when_it_is_read_back() -> None:
    summary = ShardSummary(3, Accounts(), {}, judges={"p": {"m": (2, 3)}})
    assert summary.to_json() == ShardSummary(3, Accounts(), {}, judges={"p": {"m": (2, 3)}}).to_json()


def config(models: dict[str, str], **judging: Any) -> Any:
    data = {
        "name": "x",
        "models": {role: {"base_url": "http://h/v1", "name": name} for role, name in models.items()},
        "recipes": [{"use": "math/solve"}],
        "judging": judging,
    }
    return validate_config(data, "test")


ALIKE: Sequence[dict[str, str]] = (
    {"default": "a"},
    {"default": "a", "judge": "a"},
    {"default": "a", "judge": "b", "jury": "a"},
    {"default": "a", "judge": "b", "jury-2": "a"},
    {"default": "b", "judge": "c", "solver": "c"},
)


@pytest.mark.parametrize("models", ALIKE)
def test_a_judge_that_is_the_generator_is_refused_where_that_is_forbidden(models: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="other_than_generator"):
        require_other_judge(config(models, other_than_generator=True))
    require_other_judge(config(models))


def test_other_judges_are_fine() -> None:
    require_other_judge(config({"default": "a", "judge": "b", "jury-2": "c"}, other_than_generator=True))
    require_other_judge(config({"default": "b", "writer": "a", "solver": "a", "judge": "b"}, other_than_generator=True))
