"""Samples as Markdown: nothing that a model wrote leaves its code block, and the same run gives the same sample."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from audit.chains import shard_files
from audit.samples import LONGEST, fenced, render_samples, sample_chains, span
from tests.audit.test_report import HOSTILE, rows_with
from tests.exports.stored_rows import FAIL, row, seed, write_shards

BREAKING_OUT = "```\n````\n<script>alert(1)</script>\n[x](javascript:alert(1)) ![y](http://example.com/y.png)\n~~~"


@given(st.text(alphabet="`~\n <>[]()!#*_|a\x1b\u202e", max_size=200))
def test_whatever_is_fenced_stays_one_code_block(text: str) -> None:
    tokens = MarkdownIt().parse(fenced(text))
    assert [token.type for token in tokens] == ["fence"]
    assert not {"\x1b", "\u202e"} & set(tokens[0].content)


@given(st.text(alphabet="`|<>[]()!\n\\*a\x1b", min_size=1, max_size=60).filter(str.strip))
def test_a_span_in_a_table_stays_in_its_cell(text: str) -> None:
    html = MarkdownIt().enable("table").render(f"| a | b |\n|---|---|\n| {span('x' + text)} | c |\n")
    assert html.count("<td>") == 2 and "<a " not in html and "<img" not in html


def test_a_sample_renders_no_markup_of_a_model(tmp_path: Path) -> None:
    write_shards(tmp_path, [*rows_with(HOSTILE), row("b", FAIL, "memory", reply=BREAKING_OUT, seed=seed(2))])
    files = shard_files(tmp_path)
    chains = [*sample_chains(files, "pass", 3), *sample_chains(files, "fail", 3)]
    html = MarkdownIt("commonmark", {"html": True}).render(render_samples(chains))
    for markup in ("<script", "<img", "<svg", "<a "):
        assert markup not in html
    assert "alert(1)" in html


def test_samples_are_bounded_and_the_same_each_time(tmp_path: Path) -> None:
    rows = [row(f"{number:03d}", seed=seed(number)) for number in range(40)]
    write_shards(tmp_path, rows[:20], rows[20:])
    files = shard_files(tmp_path)
    first = sample_chains(files, "pass", 6)
    assert first == sample_chains(files[::-1], "pass", 6)
    assert len(first) <= 6
    assert sample_chains(files, "unjudged", 6) == []
    assert render_samples([]) == "None.\n"
    assert "more characters" in fenced("x" * (LONGEST + 1))
