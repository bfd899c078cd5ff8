"""The yield table: per recipe and stage, what came in and what became of it; and the reasons for what did not pass."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from audit.tables import WIDTH, Table, markdown_table, percent, text_table
from records.accounts import Accounts, StageCount

TOP_REASONS = 8
YIELD_HEADERS = ("recipe", "stage", "in", "accepted", "rejected", "unjudged", "dropped", "yield")
REASON_HEADERS = ("recipe", "stage", "check: reason", "count", "share of in")


def yield_table(accounts: Accounts) -> Table:
    """One row per recipe and stage; `yield` is accepted of what came in."""
    return YIELD_HEADERS, [(count.recipe, count.stage, *_numbers(count)) for count in _by_recipe(accounts)]


def reasons_table(accounts: Accounts, top: int = TOP_REASONS) -> Table:
    """Per recipe and stage, the `top` most frequent reasons (ties by name) and one row that sums up the others."""
    rows = [
        (count.recipe, count.stage, reason, number, percent(number, count.entered))
        for count in _by_recipe(accounts)
        for reason, number in _top(count, top)
    ]
    return REASON_HEADERS, rows


def render_text(accounts: Accounts, width: int = WIDTH) -> str:
    """Both tables for a terminal of so many columns; recipes stand above their stages."""
    stages: list[tuple[object, ...]] = []
    reasons: list[tuple[object, ...]] = []
    for recipe, counts in groupby(_by_recipe(accounts), key=lambda count: count.recipe):
        stages.append((recipe, *[""] * (len(YIELD_HEADERS) - 2)))
        title = len(reasons)
        for count in counts:
            stages.append((f"  {count.stage}", *_numbers(count)))
            reasons += [
                ("" if line else f"  {count.stage}", reason, number, percent(number, count.entered))
                for line, (reason, number) in enumerate(_top(count, TOP_REASONS))
            ]
        if len(reasons) > title:
            reasons.insert(title, (recipe, "", "", ""))
    if not stages:
        return "No stage has run yet.\n"
    text = text_table(("stage", *YIELD_HEADERS[2:]), stages, width, stack=True)
    return f"{text}\n{text_table(('stage', *REASON_HEADERS[2:]), reasons, width, stack=True)}" if reasons else text


def render_markdown(accounts: Accounts) -> str:
    """Both tables as Markdown."""
    headers, stages = yield_table(accounts)
    if not stages:
        return "No stage has run yet.\n"
    text = markdown_table(headers, stages)
    headers, reasons = reasons_table(accounts)
    return f"{text}\n{markdown_table(headers, reasons)}" if reasons else text


def _by_recipe(accounts: Accounts) -> list[StageCount]:
    """The counts with those of a recipe together, recipes and stages in the order in which they were first seen."""
    recipes = list(dict.fromkeys(count.recipe for count in accounts))
    return sorted(accounts, key=lambda count: recipes.index(count.recipe))


def _numbers(count: StageCount) -> tuple[object, ...]:
    share = percent(count.accepted, count.entered)
    return count.entered, count.accepted, count.rejected, count.unjudged, count.dropped, share


def _top(count: StageCount, top: int) -> Iterator[tuple[str, int]]:
    ranked = sorted(count.reasons.items(), key=lambda item: (-item[1], item[0]))
    yield from ranked[:top]
    rest = ranked[top:]
    if rest:
        yield f"other ({len(rest)} reasons)", sum(number for _, number in rest)
