"""The card: front matter that parses whatever the names are, the rehearsal line, and foreign text that stays text."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from exports.contents import Contents
from exports.dataset_card import CardFacts, dataset_card
from exports.markdown import code_span
from tests.exports.stored_rows import row, seed

HOSTILE = "](javascript:alert(1)) <img src=x onerror=alert(1)> `` | # **x** ---\nlicense: mit\n\x1b[31m"


def contents(**changes: object) -> Contents:
    made = Contents(rows={"sft": 1})
    made.add(row("a", **changes))
    return made


def facts(**changes: Any) -> CardFacts:
    return CardFacts(**{"name": "nightly", "fingerprint": "0123456789ab", "model": "small-model", **changes})


def front(card: str) -> dict[str, object]:
    loaded = yaml.safe_load(card.split("---\n")[1])
    assert isinstance(loaded, dict)
    return loaded


def test_a_rehearsal_says_so_at_the_top_and_in_the_tags() -> None:
    card = dataset_card(contents(model="rehearsal"), facts())
    assert card.index("This is rehearsal output") < card.index("## Contents")
    assert "rehearsal" in front(card)["tags"]  # type: ignore[operator]
    assert "This is rehearsal output" in dataset_card(Contents(rows={"sft": 0}), facts(model="other,rehearsal"))
    honest = dataset_card(contents(), facts())
    assert "rehearsal" not in honest
    assert "`small-model`: 1 records" in honest


def test_the_card_names_checks_prompts_licences_and_yield() -> None:
    card = dataset_card(contents(), facts(yield_table="| stage | in |\n| --- | --- |\n", ended={"code": "target met"}))
    for part in (
        "`code_tests` (1)",
        "`generators.code/solve`",
        "ab" * 32,
        "`MIT`: 1 records",
        "| stage | in |",
        "target met",
    ):
        assert part in card


@pytest.mark.parametrize(
    ("licence", "named"),
    [("MIT", ["mit"]), ("Apache-2.0", ["apache-2.0"]), ("PSF-2.0", ["other"]), ("", ["other"])],
)
def test_the_front_matter_names_only_licences_that_the_hub_knows(licence: str, named: list[str]) -> None:
    assert front(dataset_card(contents(seed=seed(licence=licence)), facts()))["license"] == named


@pytest.mark.parametrize(
    ("rows", "size"), [(0, "n<1K"), (999, "n<1K"), (1_000, "1K<n<10K"), (10**6, "1M<n<10M"), (10**9, "100M<n<1B")]
)
def test_size_categories(rows: int, size: str) -> None:
    assert front(dataset_card(Contents(rows={"sft": rows}), facts()))["size_categories"] == [size]


def test_an_empty_dataset_has_a_card_without_licence() -> None:
    card = dataset_card(Contents(rows={"sft": 0}), facts())
    assert "license" not in front(card)
    assert "No record was accepted." in card


def test_foreign_text_stays_text() -> None:
    made = contents(model=HOSTILE, recipe=HOSTILE, seed=seed(licence=HOSTILE))
    card = dataset_card(made, facts(name=HOSTILE, ended={HOSTILE: HOSTILE}, notes=(HOSTILE,)))
    assert set(front(card)) == {"pretty_name", "license", "task_categories", "tags", "size_categories", "configs"}
    assert "\x1b" not in card
    spans = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)")
    body = spans.sub("", card.split("---\n", 2)[2])
    assert "onerror" not in body and "javascript" not in body


@given(st.text())
def test_any_name_gives_front_matter_that_parses(name: str) -> None:
    assert front(dataset_card(contents(), facts(name=name)))["license"] == ["mit"]


@given(st.text())
def test_a_code_span_is_one_line_and_holds_no_end_of_itself(text: str) -> None:
    span = code_span(text)
    fence = re.match(r"`+", span).group()  # type: ignore[union-attr]
    inner = span[len(fence) : -len(fence)]
    assert span.endswith(fence) and "\n" not in span
    assert len(fence) not in {len(run) for run in re.findall(r"`+", inner)}
    assert inner and not inner.startswith("`") and not inner.endswith("`")


def test_two_datasets_of_the_same_rows_have_the_same_card() -> None:
    first, second = Contents(rows={"sft": 2}), Contents(rows={"sft": 2})
    rows = [row("a", model="one"), row("b", model="two")]
    for made, order in ((first, rows), (second, rows[::-1])):
        for one in order:
            made.add(one)
    assert dataset_card(first, facts()) == dataset_card(second, facts())
