"""The frame of our pages: template engine with escaping, one style sheet, one script that the page's policy names."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from importlib import resources
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined

from audit.chains import json_items, said
from audit.inert import inert
from audit.statistics import OUTCOMES, facets_of
from audit.tables import is_number

LONGEST_TEXT = 6_000
"""Characters of one text that a page shows; `provender inspect` shows the rest."""


def render_page(template: str, context: dict[str, Any]) -> str:
    """A whole page: every value escaped, control characters shown instead of obeyed, no foreign script run."""
    script = _resource("report_script.html.j2")
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        loader=FunctionLoader(_resource),
    )
    environment.filters |= {
        "items_of": json_items,
        "said": said,
        "is_number": lambda value: is_number(str(value)),
        "rest": lambda row: row[1:],
        "thousands": lambda value: f"{value:,}",
        "sum_values": lambda counts: sum(counts.values()),
        "bars_of": _bars,
        "facets_line": lambda row: "|".join(f"{facet}={value}" for facet, value in facets_of(row)),
        "share": lambda value: "-" if value is None else f"{100 * value:.1f}%",
    }
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return environment.get_template(template).render(
        css=_resource("report.css"), script=script, script_hash=digest, **context
    )


def _bars(counts: Mapping[str, int], widest: int) -> list[tuple[str, int, float]]:
    """Outcome, number, and width in per cent of the widest bar."""
    return [(name, counts[name], round(100 * counts[name] / widest, 2)) for name in OUTCOMES if counts.get(name)]


def _resource(name: str) -> str:
    return resources.files(__package__ or "audit").joinpath("templates", name).read_text(encoding="utf-8")


def _shown(value: Any) -> Any:
    """What a template prints: text made inert and cut; the engine escapes it afterwards."""
    if not isinstance(value, str) or hasattr(value, "__html__"):  # numbers, and what the template has escaped already
        return value
    rest = len(value) - LONGEST_TEXT
    return inert(value if rest <= 0 else f"{value[:LONGEST_TEXT]}\n… {rest} more characters …")
