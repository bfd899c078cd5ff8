"""Turns a pydantic error into one line that names the field and, for an unknown key, the nearest valid name."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError


def describe(error: ValidationError, model: type[BaseModel]) -> str:
    """The first error as one line: field, what is wrong, what to write instead; and how many more there are."""
    details = error.errors(include_url=False)
    first = details[0]
    field = ".".join(str(part) for part in first["loc"])
    more = f" (and {len(details) - 1} more)" if len(details) > 1 else ""
    if first["type"] == "extra_forbidden":
        return f"{field}: unknown key{_nearest(first['loc'], model)}{more}"
    message = first["msg"].removeprefix("Value error, ")
    given = "" if first["type"] in ("missing", "value_error") else f", got {_short(first['input'])}"
    return f"{field + ': ' if field else ''}{message}{given}{more}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _nearest(location: Sequence[int | str], model: type[BaseModel]) -> str:
    names = _names_at(location[:-1], model)
    close = difflib.get_close_matches(str(location[-1]), names, n=1, cutoff=0.5)
    if close:
        return f"; did you mean {close[0]}?"
    return f"; known keys: {', '.join(names)}" if names else ""


def _names_at(location: Sequence[int | str], model: type[BaseModel]) -> list[str]:
    """Field names of the model that stands at `location` below `model`."""
    current: type[BaseModel] | None = model
    annotation: Any = None
    for part in location:
        if current is not None and part in current.model_fields:
            annotation = current.model_fields[str(part)].annotation
        current = _model_in(annotation)
    return list(current.model_fields) if current else []


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for argument in get_args(annotation) if (found := _model_in(argument))), None)
