"""Which charts a page shows: yield, outcomes by length or facet, lengths now and before, documents on a plane."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping

from markupsafe import Markup

from audit.charts import Bars, Mark, beside, lead_link, plane, record_link, stacked
from audit.leads import FATES, Funnel, Lead
from audit.statistics import OUTCOMES
from audit.views import SliceView

PLANE = (640, 400)
"""Drawing units of the plane of documents."""


def funnel(shown: Funnel) -> Markup:
    """A recipe's stages, and what became of what came in at each."""
    rows = [
        Bars(
            f"{line.stage}: {line.leads['accepted'].number:,} of {line.entered:,}",
            [
                Mark(fate, lead.number, f"{lead.number:,} {fate} at {line.stage}", lead_link(lead))
                for fate, lead in line.leads.items()
            ],
        )
        for line in shown.lines
    ]
    return stacked(rows, list(FATES), f"Stages of {shown.recipe}")


def outcomes(
    recipe: str,
    trait: str,
    counts: Iterable[tuple[str, Mapping[str, int]]],
    reachable: Container[tuple[str, str, str]],
) -> Markup:
    """Chains by a trait's values and by outcome.

    A bar leads to chains of its outcome where the page shows one (recipe, outcome and trait are in `reachable`), else
    to those of the trait.
    """

    def mark(label: str, outcome: str, number: int) -> Mark:
        value = f"{trait}={label}"
        wanted = outcome if (recipe, outcome, value) in reachable else ""
        link = lead_link(Lead(number, recipe, wanted, trait=value))
        return Mark(outcome, number, f"{number:,} {outcome} with {trait} {label}", link)

    rows = [
        Bars(f"{label}: {sum(of.values()):,}", [mark(label, one, of[one]) for one in OUTCOMES if of.get(one)])
        for label, of in counts
    ]
    return stacked(rows, OUTCOMES, f"Records of {recipe} by {trait}")


def lengths_then_and_now(view: SliceView, anchors: Container[str]) -> Markup:
    """Documents of a slice by length, in per cent, and in the audit before where there is one."""
    rows = []
    for one in view.lengths:
        link = record_link(one.example, anchors)
        marks = [Mark("now", one.now, f"{one.count:,} documents, {one.now:.1f}%", link)]
        if one.before is not None:
            marks.append(Mark("before", one.before, f"{one.before:.1f}% in the audit before"))
        rows.append(Bars(f"{one.label}: {one.count:,}", marks))
    kinds = ["now", "before"] if any(bar.before is not None for bar in view.lengths) else ["now"]
    return beside(rows, kinds, f"Documents of {view.name} by characters, in per cent")


def documents(view: SliceView, anchors: Container[str]) -> Markup:
    """Documents of a slice on a plane: alike ones together, coloured by the quality of their cluster."""
    marks = [
        Mark(
            f"{dot.css} shown" if dot.id in anchors else dot.css,
            (dot.x, dot.y),
            dot.title,
            record_link(dot.id, anchors),
        )
        for dot in view.dots
    ]
    return plane(
        marks, *PLANE, f"Documents of {view.name}: alike ones lie together, coloured by their cluster's quality"
    )
