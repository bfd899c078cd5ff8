"""The escape table on small runs made by hand: each fate once, and the laws that hold for every run."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.escapes import BenignRow, EscapeRow, escape_table, read_key_lines
from audit.escapes_text import render
from records.types import Call, Candidate, Check, Drop, Outcome, Record, Seed, Verdict

CODE = "code/solve_with_tests"
SOLUTION, TESTS, REVISE, SOLVE = (
    "generators.code/solution",
    "generators.code/tests",
    "generators.code/revise",
    "generators.math/solve",
)


def line(key: str, prompt: str = SOLUTION, fault: str | None = None, **extra) -> dict:
    by = "execution" if fault else None
    return {"key": key, "prompt": prompt, "fault": fault, "benign": None, "wire": None, "decidable_by": by, **extra}


def wire_line(key: str, kind: str) -> dict:
    return {**line(key), "wire": kind, "decidable_by": "wire"}


def call(part: str, key: str) -> Call:
    return Call(part, key, "rehearsal", "prompt", "0" * 64, 0.7, 0.95, 1, "stop")


def attempt(chain: str, number: int, keys: dict[str, str] | list[tuple[str, str]], outcome: str = "pass", **verdict):
    """A record: `keys` maps parts to the keys of the replies that wrote them."""
    pairs = keys.items() if isinstance(keys, dict) else keys
    seed = Seed(verdict.get("seed", chain), "text", "source", "CC0-1.0")
    judged = Verdict(verdict.get("check", "code_tests"), Outcome(outcome), verdict.get("reason", "because"))
    calls = tuple(call(part, key) for part, key in pairs)
    candidate = Candidate(f"{chain}-{number}", chain, seed, CODE, (), {}, (Check(),), calls, number)
    return Record(candidate, (judged,))


def table(lines, records=(), drops=(), unreadable=(), journaled=None):
    every = {entry["key"] for entry in lines} if journaled is None else set(journaled)
    return escape_table(lines, list(records), list(drops), set(unreadable), every)


def only_row(result) -> EscapeRow:
    (row,) = result.rows
    return row


def test_a_fault_in_an_accepted_record_escaped():
    result = table([line("p"), line("s", fault="wrong_solution")], [attempt("c", 0, {"problem": "p", "solution": "s"})])
    row = only_row(result)
    assert (row.planted, row.escaped, row.caught) == (1, 1, {})
    assert result.escaped_keys == {"s": "c-0"} and result.escaped_though_decidable == 1
    assert result.good == 0 and result.wrongly_rejected == {}


def test_escapes_of_kinds_that_only_a_look_at_the_text_decides_are_told_apart():
    result = table([line("s", fault="repetitive", decidable_by="format")], [attempt("c", 0, {"response": "s"})])
    assert (result.escaped, result.escaped_though_decidable) == (1, 0)


def test_a_refused_fault_is_caught_at_the_deciding_check():
    lines = [line("s", fault="wrong_solution")]
    assert only_row(table(lines, [attempt("c", 0, {"solution": "s"}, "fail")])).caught == {"code_tests": 1}
    unjudged = attempt("c", 0, {"solution": "s"}, "unjudged", check="math_answer")
    assert only_row(table(lines, [unjudged])).caught == {"math_answer (unjudged)": 1}


def test_a_fault_in_a_part_that_was_replaced_is_caught_not_escaped():
    lines = [line("s", fault="syntax_error"), line("t", TESTS), line("r", REVISE)]
    records = [
        attempt("c", 1, {"tests": "t", "solution": "r"}),
        attempt("c", 0, {"solution": "s", "tests": "t"}, "fail", check="code_static"),
    ]
    result = table(lines, records)
    assert only_row(result).caught == {"code_static": 1} and result.escaped == 0
    assert (result.good, result.wrongly_rejected) == (1, {})


def test_a_fault_that_is_carried_on_into_an_accepted_revision_escaped():
    lines = [line("s", fault="wrong_solution"), line("t", TESTS, "vacuous_tests"), line("r", REVISE)]
    records = [
        attempt("c", 0, {"solution": "s", "tests": "t"}, "fail"),
        attempt("c", 1, {"tests": "t", "solution": "r"}),
    ]
    rows = {row.kind: row for row in table(lines, records).rows}
    assert rows["vacuous_tests"].escaped == 1 and rows["wrong_solution"].caught == {"code_tests": 1}


def test_of_several_calls_of_one_part_the_last_is_in_effect():
    lines = [line("s", fault="wrong_solution"), line("r", REVISE)]
    kept_both = [("solution", "s"), ("solution", "r")]
    records = [attempt("c", 0, {"solution": "s"}, "fail"), attempt("c", 1, kept_both)]
    assert table(lines, records).escaped == 0
    assert table(lines, [attempt("c", 0, kept_both[::-1])]).escaped == 1


def test_the_first_attempt_that_holds_a_fault_names_the_stage():
    lines = [line("s", fault="wrong_solution"), line("t", TESTS), line("r", REVISE)]
    records = [
        attempt("c", 1, {"solution": "s", "tests": "r"}, "fail", check="code_tests"),
        attempt("c", 0, {"solution": "s", "tests": "t"}, "fail", check="tests_quality"),
    ]
    assert only_row(table(lines, records)).caught == {"tests_quality": 1}


@pytest.mark.parametrize("evidence", [{"key": "p"}, {"keys": ["x", "p"]}, {"calls": [{"key": "p"}]}])
def test_a_drop_that_names_the_key_catches(evidence):
    drop = Drop("s", CODE, "propose", "missing_section", evidence)
    result = table([line("p", fault="missing_section")], drops=[drop])
    assert only_row(result).caught == {"propose": 1} and result.good == 0


def test_a_record_counts_before_a_drop_and_a_later_drop_does_not_undo_an_escape():
    lines = [line("s", fault="wrong_solution")]
    later = Drop("c-0", CODE, "exact_duplicates", "duplicate", {"key": "s"})
    assert table(lines, [attempt("c", 0, {"solution": "s"})], [later]).escaped == 1
    assert only_row(table(lines, [attempt("c", 0, {"solution": "s"}, "fail")], [later])).caught == {"code_tests": 1}


def test_an_unreadable_reply_is_caught_by_the_served_model():
    result = table([line("r", REVISE, "malformed_json")], unreadable={"r"})
    assert only_row(result).caught == {"served_model": 1}


def test_what_no_finished_shard_knows_is_unused_and_what_is_lost_is_unaccounted():
    lines = [line("a", fault="wrong_solution"), line("b", fault="wrong_solution")]
    result = table(lines, journaled={"b"})
    row = only_row(result)
    assert (row.planted, row.unused, row.unaccounted) == (2, 1, 1)
    assert result.unaccounted == 1 and result.unaccounted_keys == ("b",)


def test_wire_faults_are_survived_or_unused():
    lines = [wire_line("a", "http_500"), line("a"), wire_line("b", "http_500"), wire_line("a", "http_429")]
    rows = {row.kind: row for row in table(lines, journaled={"a"}).rows}
    assert rows["http_500"].caught == {"served_model": 1} and rows["http_500"].unused == 1
    assert rows["http_429"].prompt == "wire" and rows["http_429"].planted == 1


def test_a_request_that_was_made_again_counts_once():
    lines = [line("s", fault="wrong_solution")] * 3
    assert only_row(table(lines, [attempt("c", 0, {"solution": "s"}, "fail")])).planted == 1


def test_one_kind_in_two_prompts_makes_two_rows():
    lines = [line("a", SOLUTION, "no_code_block"), line("b", TESTS, "no_code_block")]
    result = table(lines, [attempt("c", 0, {"solution": "a", "tests": "b"}, "fail")])
    assert [(row.prompt, row.planted) for row in result.rows] == [(SOLUTION, 1), (TESTS, 1)]


def test_good_work_that_was_refused():
    lines = [line("s"), line("t", TESTS), line("p"), line("x", fault="truncated"), line("m", SOLVE)]
    records = [
        attempt("c", 0, {"solution": "s", "tests": "t"}, "fail", reason="timeout_cpu"),
        attempt("d", 0, {"solution": "s", "tests": "x"}, "fail"),
        attempt("m", 0, {"response": "m"}, "unjudged", check="majority_vote", reason="tie"),
        attempt("n", 0, {"response": "m"}),
    ]
    drops = [
        Drop("good", CODE, "propose", "bad_signature", {"key": "p"}),
        Drop("bad", CODE, "propose", "truncated", {"key": "x"}),
        Drop("no reply involved", CODE, "propose", "too_short"),
        Drop("c-0", CODE, "revise", "unreadable_reply", {"key": "s"}),
    ]
    result = table(lines, records, drops)
    assert result.good == 4
    assert result.wrongly_rejected == {
        "code_tests: timeout_cpu": 1,
        "majority_vote (unjudged): tie": 1,
        "propose: bad_signature": 1,
    }


def test_a_good_sample_beside_faulty_ones_can_be_outvoted():
    lines = [line("m", SOLVE), line("n", SOLVE), line("x", SOLVE, "wrong_final_answer")]
    refused = {"check": "majority_vote", "reason": "tie", "seed": "q"}
    good = attempt("m", 0, {"response": "m"}, "fail", **refused)
    assert table(lines, [good]).wrongly_rejected == {"majority_vote: tie": 1}
    faulty = attempt("x", 0, {"response": "x"}, "fail", **refused)
    timed_out = attempt("n", 0, {"response": "n"}, "unjudged", check="math_answer", reason="worker_died", seed="q")
    result = table(lines, [good, timed_out, faulty])
    assert (result.good, result.outvoted) == (2, 1)
    assert result.wrongly_rejected == {"math_answer (unjudged): worker_died": 1}


def test_odd_but_right_forms_are_counted():
    lines = [line("a", SOLVE, benign="fraction"), line("b", SOLVE, benign="fraction"), line("c", SOLVE, benign="unit")]
    records = [
        attempt("a", 0, {"response": "a"}),
        attempt("b", 0, {"response": "b"}, "fail"),
        attempt("c", 0, {"response": "c"}),
    ]
    assert table(lines, records).benign == (BenignRow(SOLVE, "fraction", 2, 1), BenignRow(SOLVE, "unit", 1, 0))


def test_records_of_another_model_are_left_alone():
    result = table([line("s")], [attempt("c", 0, {"solution": "unknown"}, "fail")])
    assert (result.good, result.wrongly_rejected, result.rows) == (0, {}, ())


def test_the_text_shows_every_row_and_the_sums():
    lines = [line("s", fault="wrong_solution"), line("t", TESTS, "vacuous_tests"), wire_line("s", "http_500")]
    records = [attempt("c", 0, {"solution": "s"}, "fail"), attempt("d", 0, {"tests": "t"})]
    text = render(table([*lines, line("g")], [*records, attempt("e", 0, {"solution": "g"}, "fail", reason="slow")]))
    assert "wrong_solution" in text and "vacuous_tests" in text and "http_500" in text
    assert "3 faults planted: 2 caught, 1 escaped (1 of kinds that execution or equivalence decides)" in text
    assert "1 good attempts and drops: 1 wrongly refused, 0 outvoted\n  1 at code_tests: slow\n" in text
    assert render(table([])).startswith("prompt")


def test_a_torn_last_line_is_left_out_and_other_damage_is_an_error(tmp_path):
    path = tmp_path / "key.jsonl"
    path.write_text(json.dumps(line("a")) + "\n" + json.dumps(line("b"))[:20])
    assert [entry["key"] for entry in read_key_lines(path)] == ["a"]
    path.write_text('{"key"\n' + json.dumps(line("b")) + "\n")
    with pytest.raises(ValueError):
        read_key_lines(path)
    path.write_text("[]\n")
    with pytest.raises(ValueError, match="line 1"):
        read_key_lines(path)


KEYS = [f"k{number}" for number in range(8)]
FAULTS = st.sampled_from([None, "wrong_solution", "syntax_error"])
RECORD = st.tuples(st.sampled_from("cde"), st.integers(0, 2), st.lists(st.sampled_from(KEYS), min_size=1, max_size=3))


@given(
    faults=st.lists(FAULTS, min_size=8, max_size=8),
    drawn=st.lists(st.tuples(RECORD, st.sampled_from(["pass", "fail", "unjudged"])), max_size=6),
    dropped=st.lists(st.sampled_from(KEYS), max_size=3),
    unreadable=st.sets(st.sampled_from(KEYS)),
    journaled=st.sets(st.sampled_from(KEYS)),
    order=st.integers(0, 1000),
)
def test_every_fault_has_one_fate_whatever_the_order(faults, drawn, dropped, unreadable, journaled, order):
    lines = [line(key, fault=fault) for key, fault in zip(KEYS, faults, strict=True)]
    unique = {(chain, number): (keys, outcome) for (chain, number, keys), outcome in drawn}
    records = [
        attempt(chain, number, [(f"part{place}", key) for place, key in enumerate(keys)], outcome)
        for (chain, number), (keys, outcome) in unique.items()
    ]
    drops = [Drop(f"drop{place}", CODE, "propose", "why", {"key": key}) for place, key in enumerate(dropped)]
    result = table(lines, records, drops, unreadable, journaled)
    for row in result.rows:
        assert row.planted == sum(row.caught.values()) + row.escaped + row.unused + row.unaccounted
    assert result.planted == sum(fault is not None for fault in faults)
    accepted = {one.key for record in records if record.outcome is Outcome.PASS for one in record.candidate.calls}
    assert result.escaped == sum(fault is not None and key in accepted for key, fault in zip(KEYS, faults, strict=True))
    assert sum(result.wrongly_rejected.values()) + result.outvoted <= result.good
    shuffle = random.Random(order)
    for items in (lines, records, drops):
        shuffle.shuffle(items)
    assert table(lines, records, drops, unreadable, journaled) == result


def judged_attempt(chain: str, outcome: str, evidence: dict) -> Record:
    record = attempt(chain, 0, {"response": f"{chain}-r"}, outcome)
    return Record(record.candidate, (Verdict("judged", Outcome(outcome), "because", evidence),))


def test_a_judges_wrong_verdict_escapes_only_where_an_accepted_record_rests_on_it():
    wrong = {"fault": "false_pass", "decidable_by": "judge"}
    lines = [
        line("c-r"),
        line("d-r"),
        *(line(key, "verifiers/correctness", **wrong) for key in ("j1", "j2", "j3", "j4")),
    ]
    records = [
        judged_attempt("c", "pass", {"rests_on": ["j1"], "set_aside": {"j2": "jury", "j4": "known_answer_probe"}}),
        judged_attempt("d", "fail", {"rests_on": ["j3"], "set_aside": {}}),
    ]
    result = table(lines, records)
    row = only_row(result)
    assert (row.planted, row.escaped, row.unaccounted) == (4, 1, 0)
    assert row.caught == {"judged": 1, "jury": 1, "known_answer_probe": 1}
    assert result.escaped_though_decidable == 0 and result.wrongly_rejected == {}
