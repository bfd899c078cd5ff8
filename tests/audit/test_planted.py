"""What a fault is in effect in: cut off, quoted, set aside, rightly refused."""

from __future__ import annotations

from typing import Any

from audit.escapes import escape_table
from records.types import Call, Candidate, Check, Drop, Message, Outcome, Record, Seed, Verdict

HARM = "```output\n384\n```"


def line(key: str, fault: str | None = None, **detail: Any) -> dict[str, Any]:
    by = "execution" if fault else None
    return {
        "key": key,
        "prompt": "p",
        "fault": fault,
        "benign": None,
        "wire": None,
        "decidable_by": by,
        "detail": detail,
    }


def record(outcome: str, calls: dict[str, str], text: str = "fine", **metadata: Any) -> Record:
    made = tuple(Call(part, key, "rehearsal", "p", "0" * 64, 0.7, 0.95, 1, "stop") for part, key in calls.items())
    messages = (Message("user", metadata.pop("question", "q")), Message("assistant", text))
    identity = f"{outcome}{sorted(calls.items())}{text}"
    candidate = Candidate(
        identity, identity, Seed("s", "t", "src", "MIT"), "math/x", messages, {}, (Check(),), made, metadata=metadata
    )
    return Record(candidate, (Verdict(metadata.get("check", "trace"), Outcome(outcome), "because"),))


def table(lines: list[dict[str, Any]], records: list[Record], drops: tuple[Drop, ...] = ()) -> Any:
    return escape_table(lines, records, list(drops), set(), {entry["key"] for entry in lines})


def test_harm_that_was_cut_off_is_caught_and_harm_that_is_there_escaped():
    lines = [line("k", "invented_output", harm=HARM)]
    cut = table(lines, [record("pass", {"response:0": "k"}, "385")])
    assert cut.rows[0].caught == {"cut_off": 1} and cut.escaped == 0 and cut.good == 1
    there = table(lines, [record("pass", {"response:0": "k"}, f"so {HARM}")])
    assert there.escaped_though_decidable == 1 and there.good == 0
    both = table(lines, [record("pass", {"response:0": "k"}), record("pass", {"response:0": "k"}, HARM)])
    assert both.escaped == 1


def test_a_good_record_that_only_cut_something_off_may_not_be_refused():
    result = table([line("k", "invented_output", harm=HARM)], [record("fail", {"response:0": "k"}, "385")])
    assert result.wrongly_rejected == {"trace: because": 1}


def test_what_is_only_quoted_is_not_in_effect():
    lines = [line("w", "wrong_final_answer"), line("c")]
    result = table(lines, [record("pass", {"response": "c", "quoted:response": "w"})])
    assert result.rows[0].caught == {"quoted": 1} and result.good == 1


def test_what_a_recipe_set_aside_is_accounted_for():
    lines = [line("v", "wrong_final_answer"), line("c")]
    result = table(lines, [record("pass", {"response": "c"}, set_aside={"v": "search"})])
    assert result.rows[0].caught == {"search": 1} and result.unaccounted == 0
    voted = record("fail", {"response": "c"}, set_aside={"v": "vote"}, check="majority_vote")
    assert table(lines, [voted]).outvoted == 1


def test_what_a_right_reply_names_as_unfit_is_refused_rightly():
    lines = [line("e", unfit=["Prove that 1 = 1."])]
    refused = record("fail", {"question": "e"}, question="Prove that 1 = 1.")
    assert table(lines, [refused]).wrongly_rejected == {}
    assert table(lines, [record("fail", {"question": "e"})]).wrongly_rejected == {"trace: because": 1}


def test_an_abstention_that_was_right_is_no_loss():
    drop = Drop("seed", "math/from_text", "propose", "no_problem", {"key": "e"})
    assert table([line("e", abstains=True)], [], (drop,)).wrongly_rejected == {}
    assert table([line("e", abstains=False)], [], (drop,)).wrongly_rejected == {"propose: no_problem": 1}
