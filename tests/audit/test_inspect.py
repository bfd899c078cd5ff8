"""Records in the terminal: conditions, one record with its chain, and text that no terminal acts on."""

from __future__ import annotations

from pathlib import Path

import pytest

from audit.inspect import CONDITIONS, list_records, show_record
from records.schema import DROPS, drop_row
from records.tables import write_table
from records.types import Drop
from tests.exports.stored_rows import FAIL, UNJUDGED, Answer, row, seed, write_shards


@pytest.fixture
def run(tmp_path: Path) -> Path:
    evidence = {"status": "nonzero", "stderr": "Traceback\n\x1b[31mAssertionError", "stdout": "", "exit_code": 1}
    hostile = "Sure.\n\x1b]0;owned\x07\u202e\n```python\nprint(1)\n```"
    failed = row("a0", FAIL, "failed_assertion", chain="a", final=False, evidence=evidence, reply=hostile)
    write_shards(
        tmp_path,
        [failed, row("a1", chain="a", attempt=1), row("b", UNJUDGED, "sandbox_error", seed=seed(1))],
        [row("m", check=Answer(), recipe="math/solve", seed=seed(2))],
    )
    drop = Drop("seed-9", "code/solve", "propose", "unreadable_reply", {"error": "\x1b[2Jgone"})
    write_table(tmp_path / "drops" / "shards" / "a.parquet", DROPS, [drop_row(drop)])
    return tmp_path


@pytest.mark.parametrize(
    ("where", "ids"),
    [
        ({}, ["a0", "a1", "b", "m"]),
        ({"outcome": "fail"}, ["a0"]),
        ({"recipe": "math/solve"}, ["m"]),
        ({"reason": "sandbox_error"}, ["b"]),
        ({"decided_by": "math_answer"}, ["m"]),
        ({"attempt": "1"}, ["a1"]),
        ({"is_final": "false"}, ["a0"]),
        ({"seed_id": "seed-0", "is_final": "true"}, ["a1"]),
        ({"outcome": "pass", "reason": "no such reason"}, []),
    ],
)
def test_list_records_by_conditions(run: Path, where: dict[str, str], ids: list[str]) -> None:
    assert [record["id"] for record in list_records(run, where)] == ids


def test_a_summary_says_what_decided(run: Path) -> None:
    [record] = list_records(run, {"outcome": "fail"}, 5)
    assert record == {
        "id": "a0",
        "recipe": "code/solve",
        "outcome": "fail",
        "reason": "failed_assertion",
        "decided_by": "code_tests",
        "attempt": 0,
        "is_final": False,
        "seed_id": "seed-0",
    }
    assert list(record) == ["id", *CONDITIONS]


def test_limit_and_a_folder_without_shards(run: Path, tmp_path: Path) -> None:
    assert [record["id"] for record in list_records(run, {}, 2)] == ["a0", "a1"]
    assert list(list_records(tmp_path / "nothing", {})) == []


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ({"result": "pass"}, "valid are recipe, outcome, reason, decided_by, attempt, is_final, seed_id"),
        ({"outcome": "passed"}, "pass, fail or unjudged"),
        ({"attempt": "first"}, "whole number"),
        ({"attempt": "-1"}, "whole number"),
        ({"is_final": "yes"}, "true or false"),
    ],
)
def test_a_condition_that_no_record_can_meet_is_refused(run: Path, where: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        list_records(run, where)


def test_a_record_is_shown_with_all_attempts_of_its_chain(run: Path) -> None:
    shown = show_record(run, "a1")
    assert shown == show_record(run, "a0")
    assert shown.index("attempt 1  id a0  FAIL code_tests: failed_assertion") < shown.index(
        "attempt 2, final  id a1  PASS"
    )
    for part in (
        "Add two numbers.",
        "print(1)",
        "-- verdict code_tests: FAIL",
        "exit_code: 1",
        "licence MIT",
        "-- check",
    ):
        assert part in shown
    assert "sandbox_error" not in shown


def test_no_terminal_acts_on_what_is_shown(run: Path) -> None:
    shown = show_record(run, "a0") + show_record(run, "seed-9")
    assert not [character for character in shown if character != "\n" and not character.isprintable()]
    assert "␛]0;owned␇\\u202e" in shown
    assert "␛[31mAssertionError" in shown or "\\u001b[31mAssertionError" in shown


def test_a_drop_is_shown_by_its_id(run: Path) -> None:
    assert show_record(run, "seed-9").startswith("drop seed-9  recipe code/solve\nstage propose: unreadable_reply\n")


def test_an_unknown_id_is_named(run: Path) -> None:
    with pytest.raises(KeyError, match=r"no record or drop with id 'x␛'"):
        show_record(run, "x\x1b")
