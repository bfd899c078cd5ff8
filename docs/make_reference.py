"""Writes `docs/reference.md` from the code: `python -m docs.make_reference`. A test says when it is behind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args, get_origin

import pyarrow as pa
from pydantic import BaseModel

from audit.findings import Limits
from curation.label_settings import LabelSettings
from exports import EXPORTS
from flows.config import ModelSettings, RecipeChoice, RunConfig
from flows.verify_dataset import KINDS
from generators import RECIPES
from records.schema import DROPS, RECORDS

REFERENCE = Path(__file__).with_name("reference.md")


def reference() -> str:
    """The whole page."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# Reference"
    yield ""
    yield "Generated from the code by `python -m docs.make_reference`. Do not edit."
    yield from _title("Configuration", "A TOML file; unknown keys are refused.")
    for title, model in _sections():
        yield from ("", f"### {title}", "")
        yield from _settings(model)
    yield from _title("Settings of the recipes", "Below `[recipes.settings]` of the recipe's entry.")
    for name, recipe in RECIPES.items():
        yield from ("", f"### `{name}`", "", f"Seeds: `{recipe.seeds}`.", "")
        yield from _settings(recipe.settings)
    yield from _title("Rows of `provender verify`", "One JSON object a line; `id` names the row.")
    for name, kind in KINDS.items():
        yield from ("", f"### `{name}`", "")
        yield from _settings(kind.row)
    yield from _title("Limits of `provender audit`", "Set by `--limit NAME=VALUE`.")
    yield ""
    yield from _settings(Limits)
    yield from _title("Labels of `provender curate`", "The file of `--labels`, section by section.")
    for title, model in _tables(LabelSettings):
        yield from ("", f"### {title} of labels", "")
        yield from _settings(model)
    yield from _title("Stored rows", "")
    for title, schema in (("Shards: `shards/*.parquet`", RECORDS), ("Losses: `drops.parquet`", DROPS)):
        yield from ("", f"### {title}", "")
        yield from _columns(schema)
    yield from _title("Exports", "")
    for name, export in EXPORTS.items():
        yield from ("", f"### `{name}`", "")
        yield from _columns(export.schema)


def _sections() -> Iterator[tuple[str, type[BaseModel]]]:
    """The config's tables, wherever they stand in it."""
    yield "Top level", RunConfig
    yield "`[models.<role>]`", ModelSettings
    yield "`[[recipes]]`", RecipeChoice
    yield from _tables(RunConfig)


def _tables(model: type[BaseModel]) -> Iterator[tuple[str, type[BaseModel]]]:
    """The sections below a model's own fields."""
    for name, field in model.model_fields.items():
        kinds = get_args(field.annotation) or (field.annotation,)
        for kind in kinds:
            if isinstance(kind, type) and issubclass(kind, BaseModel) and kind is not RecipeChoice:
                yield f"`[[{name}]]`" if get_origin(field.annotation) is list else f"`[{name}]`", kind


def _title(title: str, text: str) -> Iterator[str]:
    yield from ("", f"## {title}")
    if text:
        yield from ("", text)


def _settings(model: type[BaseModel]) -> Iterator[str]:
    schema = model.model_json_schema()
    properties: Mapping[str, Any] = schema.get("properties", {})
    if not properties:
        yield "It has none."
        return
    yield "| Key | Type | Default | Meaning |"
    yield "|---|---|---|---|"
    required = set(schema.get("required", ()))
    for name, field in properties.items():
        default = "required" if name in required else _default(field)
        yield f"| `{name}` | {_cell(_type(field, schema))} | {default} | {_cell(field.get('description', ''))} |"


def _default(field: Mapping[str, Any]) -> str:
    value = field.get("default")
    return "" if value is None or isinstance(value, dict) else f"`{_cell(str(value))}`"


def _type(field: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    if "$ref" in field:
        name = field["$ref"].rsplit("/", 1)[-1]
        return _type(schema["$defs"][name], schema) if "enum" in schema["$defs"][name] else "table"
    if "enum" in field:
        return " or ".join(f"`{value}`" for value in field["enum"])
    if "const" in field:
        return f"`{field['const']}`"
    if "anyOf" in field:
        kinds = [_type(one, schema) for one in field["anyOf"] if one.get("type") != "null"]
        return " or ".join(dict.fromkeys(kinds))
    kind = str(field.get("type", "any"))
    return f"{kind} of {_type(field['items'], schema)}" if "items" in field else kind


def _columns(schema: pa.Schema) -> Iterator[str]:
    yield "| Column | Type |"
    yield "|---|---|"
    for field in schema:
        yield f"| `{field.name}` | `{_cell(str(field.type))}` |"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


if __name__ == "__main__":
    REFERENCE.write_text(reference(), encoding="utf-8")
