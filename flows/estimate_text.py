"""How an estimate is told: one table for people, one object for scripts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from audit.tables import text_table
from flows.estimate import Estimate, Interval

HEADERS = ("recipe", "sample", "records per seed", "seeds", "records", "tokens", "money", "time")
TIME_NOTE = "time: with the server full, to as slow as in the sample"


def estimate_text(estimates: Sequence[Estimate], folder: Path) -> str:
    """One row per recipe, and the sum."""
    rows = [_row(one) for one in estimates]
    table = text_table(HEADERS, rows, width=160)
    paid = sum(one.sample.tokens for one in estimates)
    lines = [table, f"95 % intervals in brackets; {TIME_NOTE}.", _total(estimates)]
    lines.append(f"The sample took {paid:,} tokens. Its replies are in {folder}: make does not pay for them again.")
    return "\n".join(line for line in lines if line)


def estimate_json(estimates: Sequence[Estimate], folder: Path) -> dict[str, Any]:
    """All figures; where nothing bounds one, it is null."""
    return {
        "out": str(folder),
        "recipes": {
            one.slug: {
                "sampled": len(one.sample.accepted),
                "accepted": sum(one.sample.accepted),
                "sample_tokens": one.sample.tokens,
                "per_seed": _values(one.per_seed),
                "seeds": _values(one.seeds),
                "records": _values(one.records),
                "tokens": _values(one.of_all(one.sample.tokens)),
                "money": _values(one.of_all(one.sample.money)),
                "seconds": _finite(one.seconds),
            }
            for one in estimates
        },
    }


def _row(one: Estimate) -> list[str]:
    sample = f"{sum(one.sample.accepted)} of {len(one.sample.accepted)} seeds"
    tokens, money = one.of_all(one.sample.tokens), one.of_all(one.sample.money)
    return [
        one.slug,
        sample,
        _interval(one.per_seed, "{:.2f}"),
        _interval(one.seeds, "{:,.0f}"),
        _interval(one.records, "{:,.0f}"),
        _interval(tokens, "{:,.0f}"),
        _interval(money, "{:,.2f}") if one.sample.money else "-",
        " to ".join(map(_duration, one.seconds)) if one.seconds else "?",
    ]


def _total(estimates: Sequence[Estimate]) -> str:
    tokens = [one.of_all(one.sample.tokens) for one in estimates]
    if len(estimates) < 2 or any(one is None for one in tokens):
        return ""
    return f"In all {_number(sum(one.value for one in tokens if one), '{:,.0f}')} tokens."


def _interval(interval: Interval | None, form: str) -> str:
    if interval is None:
        return "?"
    if interval.low == interval.high:
        return _number(interval.value, form)
    bounds = sorted((interval.low, interval.high))
    return f"{_number(interval.value, form)} ({_number(bounds[0], form)} to {_number(bounds[1], form)})"


def _number(value: float, form: str) -> str:
    return form.format(value) if value != float("inf") else "no bound"


def _duration(seconds: float) -> str:
    if seconds == float("inf"):
        return "no bound"
    minutes = seconds / 60
    return f"{seconds:.0f} s" if minutes < 2 else f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.1f} h"


def _values(interval: Interval | None) -> dict[str, float | None] | None:
    if interval is None:
        return None
    return {name: _finite_or_none(value) for name, value in asdict(interval).items()}


def _finite(seconds: tuple[float, float] | None) -> list[float | None] | None:
    return None if seconds is None else [_finite_or_none(value) for value in seconds]


def _finite_or_none(value: float) -> float | None:
    return None if value == float("inf") else value
