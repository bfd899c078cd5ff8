"""Charts hold what they were given and nothing that a page must not run."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from audit.charts import LABEL, Bars, Mark, beside, lead_link, plane, record_link, stacked
from audit.inert import inert, inert_line
from audit.leads import Lead

SEEN = {"svg", "g", "rect", "path", "text", "a", "title", "circle"}
KINDS = ("pass", "fail")


def tree(drawn: Markup) -> ElementTree.Element:
    return ElementTree.fromstring(drawn)


def bars(drawn: Markup) -> dict[tuple[str, str], float]:
    """Width of each bar by its kind and what it says."""
    return {
        (series.attrib["class"], str(bar.findtext(".//title"))): float(bar.find(".//rect").attrib["width"])  # type: ignore[union-attr]
        for series in tree(drawn).iter("g")
        if series.attrib.get("class") in KINDS
        for bar in series.iter("g")
        if bar.attrib.get("class") == "bar"
    }


def rows(*numbers: tuple[int, int]) -> list[Bars]:
    link = lead_link(Lead(1, "code/solve", "fail", trait="length=≤ 125"))
    return [
        Bars(f"row {index}", [Mark("pass", good, f"{good} good"), Mark("fail", bad, f"{bad} bad", link)])
        for index, (good, bad) in enumerate(numbers)
    ]


def test_a_bar_is_as_long_as_its_number_and_leads_to_its_records() -> None:
    drawn = stacked(rows((30, 10), (15, 0)), KINDS, "stages")
    found = bars(drawn)
    assert found.keys() == {("pass", "30 good"), ("fail", "10 bad"), ("pass", "15 good")}, "nothing for a zero"
    assert found["pass", "30 good"] == pytest.approx(3 * found["fail", "10 bad"], abs=0.5)
    assert found["pass", "30 good"] == pytest.approx(2 * found["pass", "15 good"], abs=0.5)
    (link,) = tree(drawn).iter("a")
    assert link.attrib["class"] == "to"
    assert link.attrib["href"] == "#records"
    assert link.attrib["data-outcome"] == "fail"
    assert link.attrib["data-trait"] == "length=≤ 125"
    assert "data-reason" not in link.attrib


def test_the_first_row_stands_on_top() -> None:
    places = {
        text.text: float(text.attrib["y"]) for text in tree(stacked(rows((1, 1), (2, 2)), KINDS, "")).iter("text")
    }
    assert places["row 0"] < places["row 1"]


def test_bars_beside_each_other_share_a_scale() -> None:
    found = bars(beside(rows((40, 20)), KINDS, ""))
    assert found["pass", "40 good"] == pytest.approx(2 * found["fail", "20 bad"], abs=0.5)


def test_a_long_label_is_cut_and_whole_when_pointed_at() -> None:
    name = "x" * (LABEL + 1)
    drawn = tree(stacked([Bars(name, [Mark("pass", 1, "one")])], KINDS, ""))
    assert [text.text for text in drawn.iter("text") if "x" in (text.text or "")] == ["x" * (LABEL - 1) + "…"]
    assert name in [title.text for title in drawn.iter("title")]


def test_dots_lie_where_they_were_put() -> None:
    marks = [Mark("q0", (0.0, 0.0), "low"), Mark("q4 shown", (1.0, 1.0), "high", record_link("c", {"c"}))]
    low, high = tree(plane(marks, 200, 100, "")).iter("circle")
    assert (low.attrib["class"], high.attrib["class"]) == ("q0", "q4 shown")
    assert float(low.attrib["cx"]) < float(high.attrib["cx"])
    assert float(low.attrib["cy"]) > float(high.attrib["cy"])
    assert record_link("d", {"c"}) == {}


@given(st.text(), st.text(), st.text())
def test_whatever_a_model_wrote_is_text_and_the_same_text_each_time(label: str, said: str, value: str) -> None:
    link = lead_link(Lead(1, "r", trait=f"topic={value}"))
    made = [stacked([Bars(label, [Mark("pass", 3, said, link)])], KINDS, label) for _ in range(2)]
    assert made[0] == made[1]
    drawn = tree(made[0])
    assert {node.tag for node in drawn.iter()} <= SEEN, "no script, no style, nothing foreign"
    names = {name for node in drawn.iter() for name in node.attrib}
    assert not [name for name in names if name.startswith("on") or name == "style"]
    assert [link.attrib["data-trait"] for link in drawn.iter("a")] == [inert(f"topic={value}")]
    assert drawn.attrib["aria-label"] == inert_line(label)
