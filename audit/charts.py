"""The charts of our pages: pygal draws them, the style sheet of the page colours them, each mark leads to records.

Of what pygal writes, the drawing stays; its script, its style sheet and its comments with version and date do not: the
page's policy runs no foreign script, and the same data gives the same page.
"""

from __future__ import annotations

import re
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from xml.etree import ElementTree

import pygal
from markupsafe import Markup
from pygal.style import Style

from audit.inert import inert, inert_line
from audit.leads import Lead

WIDTH = 460
"""Drawing units of a chart that stands beside another one; about a pixel each."""
ROW, FOOT, THIN = 24, 30, 15
"""Height of a row of bars, of the axis below, and of one of several bars in a row."""
LABEL = 30
"""Characters of a label; the whole one shows when pointed at."""
TICKS = 5
FONT = 12
_SVG = "{http://www.w3.org/2000/svg}"
_HREF = "{http://www.w3.org/1999/xlink}href"
_SERIES = re.compile(r"\bserie-(\d+)\b")
_UNSEEN = ("plot tooltip-overlay", "background")
_FRACTION = re.compile(r"-?\d+\.\d+")


@dataclass(frozen=True)
class Mark:
    """A bar or a dot: what it is (a class of the style sheet), its size or place, and where it leads."""

    kind: str
    value: float | tuple[float, float]
    said: str  # shown when pointed at, read aloud
    link: Mapping[str, str] = field(default_factory=dict)  # attributes of its link; none: leads nowhere


@dataclass(frozen=True)
class Bars:
    """A row of a bar chart."""

    label: str
    marks: Sequence[Mark]


def lead_link(lead: Lead) -> dict[str, str]:
    """The attributes of a link to the records behind a number."""
    conditions = {"recipe": lead.recipe, "outcome": lead.outcome, "reason": lead.reason, "trait": lead.trait}
    return {"href": "#records", "class": "to"} | {f"data-{name}": inert(one) for name, one in conditions.items() if one}


def record_link(chain: str, anchors: Container[str]) -> dict[str, str]:
    """The attributes of a link to a record, none where the page does not hold it."""
    return {"href": f"#r-{chain}"} if chain in anchors else {}


def stacked(rows: Sequence[Bars], kinds: Sequence[str], about: str) -> Markup:
    """One bar per row, of its marks one behind the other in the order of `kinds`."""
    return _bars(pygal.HorizontalStackedBar, rows, kinds, ROW, about)


def beside(rows: Sequence[Bars], kinds: Sequence[str], about: str) -> Markup:
    """The marks of a row as bars below each other in the order of `kinds`."""
    return _bars(pygal.HorizontalBar, rows, kinds, THIN * len(kinds), about)


def plane(marks: Sequence[Mark], width: int, height: int, about: str) -> Markup:
    """Dots; their values are places in 0 to 1."""
    chart = pygal.XY(
        **_settings(width, height),
        stroke=False,
        show_x_labels=False,
        show_y_labels=False,
        xrange=(0, 1),
        range=(0, 1),
        dots_size=4,
    )
    chart.add("", [_value(mark) for mark in marks])
    return _drawing(chart, about)


def _bars(
    kind: type[pygal.graph.graph.Graph], rows: Sequence[Bars], kinds: Sequence[str], row_height: int, about: str
) -> Markup:
    upwards = list(reversed(rows))  # the library starts at the bottom
    chart = kind(
        **_settings(WIDTH, row_height * len(rows) + FOOT),
        x_labels=[_short(row.label) for row in upwards],
        value_formatter=lambda value: f"{value:,.10g}",
        order_min=0,
        max_scale=TICKS,
        min_scale=1,
    )
    for one in kinds:
        found = [next((mark for mark in row.marks if mark.kind == one), None) for row in upwards]
        chart.add(one, [_value(mark) if mark is not None and mark.value else None for mark in found])
    return _drawing(chart, about, kinds, {_short(row.label): inert_line(row.label) for row in rows})


def _settings(width: int, height: int) -> dict[str, object]:
    font = {"font_family": "system-ui", "label_font_size": FONT, "major_label_font_size": FONT}
    return {
        "css": [],
        "js": [],
        "width": width,
        "height": height,
        "margin": 3,
        "spacing": 6,
        "show_legend": False,
        "truncate_label": -1,
        "style": Style(**font),
        "no_data_text": "",
    }


def _value(mark: Mark) -> dict[str, object]:
    said = inert_line(mark.said)
    value: dict[str, object] = {"value": mark.value, "node": {"class": mark.kind}, "tooltip": said}
    return value | ({"xlink": {**mark.link, "aria-label": said}} if mark.link else {})


def _short(label: str) -> str:
    line = inert_line(label)
    return line if len(line) <= LABEL else line[: LABEL - 1] + "…"


def _drawing(
    chart: pygal.graph.graph.Graph, about: str, kinds: Sequence[str] = (), labels: Mapping[str, str] | None = None
) -> Markup:
    """What the chart draws, as an element of the page; `kinds` are the classes of its series."""
    root = ElementTree.fromstring(chart.render())
    _prune(root, kinds, labels or {})
    root.attrib.pop("id", None)
    root.attrib |= {"role": "group", "aria-label": inert_line(about), "class": "drawn"}
    return Markup(ElementTree.tostring(root, encoding="unicode", short_empty_elements=False))


def _prune(node: ElementTree.Element, kinds: Sequence[str], labels: Mapping[str, str]) -> None:
    """Leaves what is seen, with places to a tenth of a unit, classes of our own, and labels that say the whole name."""
    node.tag = node.tag.removeprefix(_SVG)
    node.attrib = {_plain(name): _FRACTION.sub(_tenth, value) for name, value in node.attrib.items() if value}
    series = _SERIES.search(node.attrib.get("class", ""))
    if series and kinds:
        node.attrib["class"] = kinds[int(series[1])]
    for child in list(node):
        tag, name = child.tag.removeprefix(_SVG), child.attrib.get("class", "")
        numbers = tag == "title" and (node.tag == "svg" or node.attrib.get("class") == "guides")  # places on the axis
        nothing = name == "bar" and child.find(f".//{_SVG}rect[@width]") is None
        if tag in ("defs", "desc") or name in _UNSEEN or numbers or nothing:
            node.remove(child)
            continue
        _prune(child, kinds, labels)
        if tag == "g" and not len(child):
            node.remove(child)
        elif tag == "text" and labels.get(child.text or "", child.text) != child.text:
            ElementTree.SubElement(node, "title").text = labels[child.text or ""]


def _plain(name: str) -> str:
    return "href" if name == _HREF else name


def _tenth(found: re.Match[str]) -> str:
    return f"{float(found[0]):.1f}".removesuffix(".0")
