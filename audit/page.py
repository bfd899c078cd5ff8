"""The frame of our pages: template engine with escaping, one style sheet, one script that the page's policy names."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from importlib import resources
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from audit import figures
from audit.chains import Row, json_items, said
from audit.inert import inert
from audit.statistics import traits_of
from audit.tables import is_number

LONGEST_TEXT = 6_000
"""Characters of one text that a page shows; `provender inspect` shows the rest."""


def render_page(template: str, context: dict[str, Any]) -> str:
    """A whole page: every value escaped, control characters shown instead of obeyed, no foreign script run."""
    script = _resource("report_script.html.j2")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        _environment()
        .get_template(template)
        .render(css=_resource("report.css"), script=script, script_hash=digest, **context)
    )


def render_records(chains: Iterable[Sequence[Row]]) -> Iterator[tuple[Sequence[Row], Markup]]:
    """Each chain with its part of the page, which can be put into it as it is."""
    record = _environment().get_template("record.html.j2").module.record  # type: ignore[attr-defined]
    return ((chain, record(chain)) for chain in chains)


def _environment() -> Environment:
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
        "thousands": lambda value: f"{value:,}",
        "traits_line": lambda chain: "|".join(traits_of(chain)),
        "share": lambda value: "-" if value is None else f"{100 * value:.1f}%",
    }
    environment.globals["figures"] = figures
    return environment


def _resource(name: str) -> str:
    return resources.files(__package__ or "audit").joinpath("templates", name).read_text(encoding="utf-8")


def _shown(value: Any) -> Any:
    """What a template prints: text made inert and cut; the engine escapes it afterwards."""
    if not isinstance(value, str) or hasattr(value, "__html__"):  # numbers, and what the template has escaped already
        return value
    rest = len(value) - LONGEST_TEXT
    return inert(value if rest <= 0 else f"{value[:LONGEST_TEXT]}\n… {rest} more characters …")
