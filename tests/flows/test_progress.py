"""What a run tells while it works: lines in a pipe, a table on a terminal of any width, nothing when quiet."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from flows import progress
from flows.progress import LiveTable, PlainLines, Silent, reporting
from records.types import Outcome


def tell(reporter: progress.Reporter) -> None:
    reporter.spends(lambda: "spent 12 tokens of 100")
    reporter.recipe("00-math", 2, None)
    reporter.event("00-math", "seed", None, "")
    reporter.event("00-math", "record", Outcome.PASS, "")
    reporter.event("00-math", "record", Outcome.UNJUDGED, "sandbox: broken [red]")
    reporter.shard("00-math", 3, 1, 2)
    reporter.note("a note with [brackets]")


def test_plain_lines_are_one_per_shard(capsys: pytest.CaptureFixture[str]) -> None:
    with reporting(quiet=False) as reporter:
        assert isinstance(reporter, PlainLines)
        assert progress.current() is reporter
        tell(reporter)
    assert capsys.readouterr().err.splitlines() == [
        "00-math: shard 3 done, 1 of 2 records accepted, 1 so far; spent 12 tokens of 100",
        "a note with [brackets]",
    ]


def test_quiet_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with reporting(quiet=True) as reporter:
        tell(reporter)
    assert capsys.readouterr() == ("", "")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def shown(width: int, color: bool = False) -> tuple[LiveTable, Clock, io.StringIO]:
    out, clock = io.StringIO(), Clock()
    console = Console(file=out, force_terminal=True, width=width, no_color=not color)
    return LiveTable(console, clock), clock, out


@pytest.mark.parametrize("width", [200, 110, 80, 60, 40, 20])
def test_the_table_fits_any_terminal(width: int) -> None:
    table, _, out = shown(width)
    tell(table)
    table.recipe("01-a-recipe-with-a-very-long-name-indeed", None, 1_000_000)
    out.truncate(0)
    out.seek(0)
    table.console.print(table)
    lines = out.getvalue().splitlines()
    assert all(len(Console().render_str(line).plain) <= width + 20 for line in lines)  # styles take no columns
    assert len(lines) == 4, "two recipes, what is spent, last reasons"


def test_the_table_counts_outcomes_rate_time_money_and_reasons() -> None:
    table, clock, out = shown(140)
    table.spends(lambda: "spent 12 tokens of 100")
    table.recipe("00-math", None, 100)
    for _ in range(10):
        table.event("00-math", "record", Outcome.PASS, "")
    table.event("00-math", "record", Outcome.FAIL, "math_answer: wrong_answer")
    table.event("00-math", "record", Outcome.FAIL, "math_answer: wrong_answer [bold]")
    clock.now = 20.0
    table.console.print(table)
    text = out.getvalue()
    for part in ("10/100", "30/min", "0:03:00 left", "10 accepted, 2 rejected, 0 unjudged", "12 tokens of 100"):
        assert part in text
    assert "last: math_answer: wrong_answer [bold]; math_answer: wrong_answer" in text
    assert "\x1b[3" not in text, "no colour"


def test_finished_shards_of_an_earlier_start_count_and_say_nothing_of_the_rate() -> None:
    table, clock, _ = shown(140)
    table.recipe("00-math", None, 100)
    table.shard("00-math", 0, 60, 80)
    clock.now = 10.0
    count = table.counts["00-math"]
    assert (count.done, count.rate(clock.now), count.remaining(clock.now)) == (60, None, "")
    table.event("00-math", "seed", None, "")
    table.event("00-math", "record", Outcome.PASS, "")
    assert (count.done, count.rate(clock.now)) == (61, 0.1)
    table.shard("00-math", 1, 1, 1)
    assert count.done == 61, "what was heard as events does not count twice"


def test_a_recipe_without_an_end_has_no_time_to_go() -> None:
    table, clock, out = shown(140)
    table.recipe("00-code", None, None)
    table.event("00-code", "seed", None, "")
    clock.now = 60.0
    table.console.print(table)
    assert "left" not in out.getvalue() and "1/min" in out.getvalue()


def test_outside_of_a_run_nobody_is_told() -> None:
    assert isinstance(progress.current(), Silent)
