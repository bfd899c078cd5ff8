"""The yield table says everything that the accounts hold, in a fixed order."""

from __future__ import annotations

from audit.yield_table import reasons_table, render_markdown, render_text, yield_table
from records.accounts import Accounts


def accounts(reasons: int = 3) -> Accounts:
    made = Accounts()
    for recipe in ("math/solve", "code/solve_with_tests"):
        propose = made.stage(recipe, "propose")
        propose.entered, propose.accepted, propose.dropped = 12, 10, 2
        propose.reasons["propose: unreadable_reply"] = 2
    verify = made.stage("math/solve", "verify")
    verify.entered, verify.accepted, verify.rejected, verify.unjudged = 40, 10, 25, 5
    for number in range(reasons):
        verify.reasons[f"math_answer: reason_{number}"] = 10 - number // 2
    return made


def test_stages_of_a_recipe_stand_together_in_the_order_of_the_run() -> None:
    headers, rows = yield_table(accounts())
    assert headers == ("recipe", "stage", "in", "accepted", "rejected", "unjudged", "dropped", "yield")
    assert rows == [
        ("math/solve", "propose", 12, 10, 0, 0, 2, "83.3%"),
        ("math/solve", "verify", 40, 10, 25, 5, 0, "25.0%"),
        ("code/solve_with_tests", "propose", 12, 10, 0, 0, 2, "83.3%"),
    ]


def test_rare_reasons_are_summed_up_and_none_is_lost() -> None:
    _, rows = reasons_table(accounts(6), top=3)
    assert [row[2:4] for row in rows if row[1] == "verify"] == [
        ("math_answer: reason_0", 10),
        ("math_answer: reason_1", 10),
        ("math_answer: reason_2", 9),
        ("other (3 reasons)", 9 + 8 + 8),
    ]
    assert rows[0] == ("math/solve", "propose", "propose: unreadable_reply", 2, "16.7%")


def test_text_fits_eighty_columns() -> None:
    text = render_text(accounts(20))
    assert max(map(len, text.split("\n"))) <= 80
    assert "code/solve_with_tests\n  propose" in text
    assert "other (12 reasons)" in text


def test_markdown_holds_both_tables() -> None:
    text = render_markdown(accounts())
    assert "| math/solve | verify | 40 | 10 | 25 | 5 | 0 | 25.0% |" in text
    assert "| math/solve | verify | math_answer: reason_0 | 10 | 25.0% |" in text


def test_a_run_that_lost_nothing_has_no_table_of_reasons() -> None:
    made = Accounts()
    stage = made.stage("math/solve", "propose")
    stage.entered = stage.accepted = 3
    assert "reason" not in render_text(made) + render_markdown(made)


def test_no_stage_says_so() -> None:
    assert render_text(Accounts()) == render_markdown(Accounts()) == "No stage has run yet.\n"
