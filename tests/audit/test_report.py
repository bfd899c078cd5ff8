"""The page: complete, the same each time, without network, and with nothing in it that a model could make act."""

from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from audit.report import LONGEST_TEXT, ReportFacts, ReportTable, write_report
from audit.statistics import LENGTHS, SAMPLE, Statistics, length_class, length_label
from records.accounts import Accounts
from tests.exports.stored_rows import FAIL, UNJUDGED, Answer, Static, row, seed, write_shards

HOSTILE = (
    '</pre></script><script>alert(1)</script><img src=x onerror=alert(1)>" onmouseover="alert(1) \'>'
    "<svg/onload=alert(1)>"
    "[x](javascript:alert(1)) <a href=javascript:alert(1)>x</a> {{ 7 * 7 }} {% raw %} <!-- \x1b[31m\x00\u202e &lt;b&gt;"
)
VOID = {"meta", "link", "br", "input"}


class Page(HTMLParser):
    """What a browser would build: tags, their attributes and the text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.attributes: Counter[str] = Counter()
        self.records: list[dict[str, str | None]] = []
        self.text = ""
        self.scripts: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes.update(name for name, _ in attrs)
        if tag not in VOID:
            self._open.append(tag)
        if ("class", "record") in attrs:
            self.records.append(dict(attrs))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open[-1:] == ["script"]:
            self.scripts.append(data)
        self.text += data


def facts(**changes: Any) -> ReportFacts:
    accounts = Accounts()
    stage = accounts.stage("code/solve", "verify")
    stage.entered, stage.accepted, stage.rejected = 3, 2, 1
    stage.reasons["code_tests: failed_assertion"] = 1
    given = {"name": "nightly", "fingerprint": "0123456789ab", "software": "provender 0.0.0", "state": "finished"}
    return ReportFacts(**{**given, "accounts": accounts, **changes})


def page(root: Path, *shards: list[dict[str, Any]], **changes: Any) -> Page:
    write_shards(root, *shards)
    out = root / "report" / "index.html"
    write_report(root, out, facts(**changes))
    return Page(out.read_text())


def rows_with(text: str) -> list[dict[str, Any]]:
    """A chain of two attempts in which a model wrote `text` wherever a model writes."""
    own: dict[str, Any] = {
        "chain": "a",
        "seed": seed(text=text, source=text, licence=text),
        "prompt": text,
        "reply": text,
        "parts": {"solution": text, "other": f"{text}\n{text}"},
        "metadata": {"diagnosis": text, "deep": [{"er": text}]},
        "evidence": {"stderr": f"{text}\n{text}", "cases": [{"name": text}]},
        "before": (Static(text),),
    }
    return [row("a0", FAIL, "failed_assertion", final=False, **own), row("a1", attempt=1, **own)]


def test_nothing_that_a_model_wrote_becomes_markup(tmp_path: Path) -> None:
    def written(name: str, text: str) -> Page:
        table = ReportTable(text, ("h", text), [(text, 1)], text, recipe=text, trait=text, examples=[[text]])
        said = {
            "name": text,
            "state": text,
            "why_ended": text,
            "fingerprint": text,
            "software": text,
            "models": (text,),
            "tables": (table,),
            "facts": {text: text},
        }
        return page(tmp_path / name, rows_with(text), **said)

    hostile, plain = (
        written("hostile", HOSTILE),
        written("plain", "plain words, as long and as damaged \x1b".ljust(len(HOSTILE), ".")),
    )
    assert hostile.tags == plain.tags
    assert hostile.attributes == plain.attributes
    assert hostile.scripts == plain.scripts
    assert not [name for name in hostile.attributes if name.startswith("on")]
    assert "␛[31m␀\\u202e &lt;b&gt;" in hostile.text
    assert "{{ 7 * 7 }}" in hostile.text
    raw = (tmp_path / "hostile" / "report" / "index.html").read_text()
    assert not {"\x1b", "\x00", "\u202e"} & set(raw)


def test_the_policy_runs_the_own_script_only_and_loads_nothing(tmp_path: Path) -> None:
    made = page(tmp_path, rows_with("x"))
    raw = (tmp_path / "report" / "index.html").read_text()
    [script] = made.scripts
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    [policy] = re.findall(r'Content-Security-Policy" content="([^"]*)"', raw)
    assert "default-src 'none'" in policy
    assert f"script-src 'sha256-{digest}'" in policy
    assert not re.findall(r"(?:src|href)=\"?(?:https?:)?//", raw)
    assert "@import" not in raw and "url(" not in raw


def test_same_run_same_page(tmp_path: Path) -> None:
    rows = [row(f"{number:04d}", seed=seed(number)) for number in range(40)]
    page(tmp_path / "one", rows[:20], rows[20:])
    page(tmp_path / "two", rows[:20], rows[20:])
    first, second = ((tmp_path / name / "report" / "index.html").read_bytes() for name in ("one", "two"))
    assert first == second


@pytest.mark.parametrize("shards", [[], [[]]])
def test_a_run_without_a_record_has_a_page(tmp_path: Path, shards: list[list[dict[str, Any]]]) -> None:
    made = page(tmp_path, *shards, accounts=Accounts(), why_ended="budget of tokens spent")
    for part in ("No stage has run.", "No record was made.", "Nothing was refused or lost.", "budget of tokens spent"):
        assert part in made.text
    assert made.records == []


def test_a_rehearsal_is_named_as_one_whoever_says_so(tmp_path: Path) -> None:
    banner = "no training data"
    assert banner in page(tmp_path / "rows", [row("a", model="rehearsal")]).text
    assert banner in page(tmp_path / "facts", models=("rehearsal",)).text
    assert banner not in page(tmp_path / "neither", [row("a")]).text


def test_sample_holds_every_outcome_of_every_recipe_and_no_more_than_enough(tmp_path: Path) -> None:
    rows = [row(f"p{number:03d}", seed=seed(number)) for number in range(50)]
    rows += [row("f", FAIL, "wrong_answer", check=Answer(), recipe="math/solve"), row("u", UNJUDGED, "sandbox_error")]
    made = page(tmp_path, rows)
    shown = Counter((one["data-recipe"], one["data-outcome"]) for one in made.records)
    assert shown.keys() == {("code/solve", "pass"), ("math/solve", "fail"), ("code/solve", "unjudged")}
    assert SAMPLE <= shown["code/solve", "pass"] <= SAMPLE + 10  # those that the audit views name come on top
    assert "math_answer: wrong_answer" in {one["data-reason"] for one in made.records}


def test_a_record_is_shown_with_attempts_verdicts_and_evidence(tmp_path: Path) -> None:
    made = page(tmp_path, rows_with("what the model said"))
    for part in (
        "Attempt 1: code_tests: failed_assertion",
        "Attempt 2: code_tests: tests_passed",
        "2 attempts",
        "stderr",
    ):
        assert part in made.text


def test_a_very_long_text_is_cut_and_says_so(tmp_path: Path) -> None:
    made = page(tmp_path, [row("a", reply="y" * (LONGEST_TEXT + 50))])
    assert "… 50 more characters …" in made.text
    assert made.text.count("y" * LONGEST_TEXT) == 1


def test_further_tables_are_shown(tmp_path: Path) -> None:
    table = ReportTable("Escapes", ("fault", "planted"), [("endless_loop", 12)], "By the answer key.")
    made = page(tmp_path, tables=(table,))
    for part in ("Escapes", "endless_loop", "12", "By the answer key."):
        assert part in made.text


def test_self_correction_counts_attempts_and_chains() -> None:
    statistics = Statistics()
    statistics.add([*rows_with("x"), row("b"), row("c", FAIL, "memory"), row("d", UNJUDGED, "sandbox_error")])
    [(recipe, lines)] = statistics.corrections()
    assert recipe == "code/solve"
    assert [
        (line.attempt, line.tried.number, line.passed.number, line.rate, line.solved.number, line.share)
        for line in lines
    ] == [(1, 4, 1, "25.0%", 1, "25.0%"), (2, 1, 1, "100.0%", 2, "50.0%")]


def test_the_sample_depends_on_the_records_only() -> None:
    rows = [row(f"{number:04d}") for number in range(100)]
    one, other = Statistics(), Statistics()
    one.add(rows)
    other.add(rows[::-1])
    assert one.sampled_chains() == other.sampled_chains()
    assert one.sampled_chains() != [row["id"] for row in rows[:SAMPLE]]


def test_every_length_has_a_class() -> None:
    assert [length_class(bound) for bound in LENGTHS] == list(range(len(LENGTHS)))
    assert [length_class(bound + 1) for bound in LENGTHS] == list(range(1, len(LENGTHS) + 1))
    assert (length_class(0), length_label(0), length_label(len(LENGTHS))) == (0, "≤ 125", "> 16,000")
