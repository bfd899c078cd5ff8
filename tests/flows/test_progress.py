"""What a run tells while it works: lines in a pipe, bars on a terminal, nothing when quiet."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.progress import Progress, TextColumn

from flows import progress
from flows.progress import Bars, PlainLines, Silent, reporting
from records.types import Outcome


def tell(reporter: progress.Reporter) -> None:
    reporter.recipe("00-math", 2)
    reporter.event("00-math", "seed", None)
    reporter.event("00-math", "record", Outcome.PASS)
    reporter.event("00-math", "record", Outcome.UNJUDGED)
    reporter.shard("00-math", 3, 1, 2)
    reporter.note("a note with [brackets]")


def test_plain_lines_are_one_per_shard(capsys: pytest.CaptureFixture[str]) -> None:
    with reporting(quiet=False) as reporter:
        assert isinstance(reporter, PlainLines)
        assert progress.current() is reporter
        tell(reporter)
    assert capsys.readouterr().err.splitlines() == [
        "00-math: shard 3 done, 1 of 2 records accepted",
        "a note with [brackets]",
    ]


def test_quiet_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with reporting(quiet=True) as reporter:
        tell(reporter)
    assert capsys.readouterr() == ("", "")


def test_bars_count_the_three_outcomes() -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=100)
    with Progress(TextColumn("{task.completed} {task.fields[counts]}"), console=console) as bars:
        tell(Bars(bars))
        assert bars.tasks[0].completed == 1
        assert bars.tasks[0].fields["counts"] == "1 accepted, 0 rejected, 1 unjudged"
    assert "a note with [brackets]" in out.getvalue()


def test_outside_of_a_run_nobody_is_told() -> None:
    assert isinstance(progress.current(), Silent)
