"""Croissant metadata (MLCommons, format specification 1.0): `croissant.json` beside the dataset card.

Every data file stands in it with its SHA-256; every export is a record set over its files. Like the card it holds no
date unless one is given, so that the same dataset has the same metadata. Limitations and the way the data came about
are told in the vocabulary for responsible AI (Croissant RAI 1.0).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from exports import EXPORTS
from exports.contents import Contents
from exports.dataset_card import LIMITATIONS, REHEARSAL_WARNING, CardFacts, hub_licences, is_rehearsal
from exports.file_series import TRAIN

CONFORMS_TO = ("http://mlcommons.org/croissant/1.0", "http://mlcommons.org/croissant/RAI/1.0")
PARQUET = "application/x-parquet"
CONTEXT: Mapping[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
"""The context of the specification, appendix 1."""


@dataclass(frozen=True, slots=True)
class DataFile:
    """One Parquet file of the dataset."""

    path: str  # from the dataset folder
    sha256: str
    size: int

    @property
    def export(self) -> str:
        """The export that it belongs to."""
        return self.path.partition("/")[0]

    @property
    def split(self) -> str:
        """Its split."""
        return self.path.rpartition("/")[2].partition("-")[0]


def croissant(contents: Contents, facts: CardFacts, files: Sequence[DataFile], schemas: Mapping[str, pa.Schema]) -> str:
    """The metadata as JSON-LD text; `schemas` are those that the exports' files were written with."""
    sets = sorted({(one.export, one.split) for one in files}, key=lambda one: (one[0], one[1] != TRAIN))
    document = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": list(CONFORMS_TO),
        "name": facts.name,
        "description": _description(contents, facts),
        "version": "1.0.0",
        "url": facts.url or f"urn:provender:{facts.fingerprint}",
        "license": hub_licences(contents) or ["other"],
        "keywords": ["synthetic", "provender", *(["rehearsal"] if is_rehearsal(contents, facts) else [])],
        "citeAs": f"{facts.creator or 'provender'}: {facts.name}, run {facts.fingerprint}",
        "isLiveDataset": False,
        **({"creator": {"@type": "sc:Organization", "name": facts.creator}} if facts.creator else {}),
        **({"datePublished": facts.published} if facts.published else {}),
        "rai:dataCollection": _collection(contents),
        "rai:dataLimitations": " ".join((*LIMITATIONS, *facts.notes)),
        "distribution": [*map(_file_object, files), *(_file_set(*one) for one in sets)],
        "recordSet": [_record_set(*one, schemas[one[0]]) for one in sets],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _description(contents: Contents, facts: CardFacts) -> str:
    rows = ", ".join(f"{name}: {count} rows" for name, count in contents.rows.items())
    warning = REHEARSAL_WARNING.replace("> ", "").replace("**", "") + " " if is_rehearsal(contents, facts) else ""
    return f"{warning}Synthetic training data, each record proved before it was accepted. {rows}."


def _collection(contents: Contents) -> str:
    recipes = ", ".join(f"{name} ({count} records)" for name, count in sorted(contents.records.items()))
    models = ", ".join(f"{name} ({count} records)" for name, count in sorted(contents.models.items()))
    software = ", ".join(sorted(contents.software))
    return f"Made from real seeds by the recipes {recipes or 'none'}; models: {models or 'none'}; software: {software}."


def _file_object(file: DataFile) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": file.path,
        "name": file.path,
        "contentUrl": file.path,
        "contentSize": f"{file.size} B",
        "encodingFormat": PARQUET,
        "sha256": file.sha256,
    }


def _file_set(export: str, split: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileSet",
        "@id": f"{export}-{split}-files",
        "name": f"{export}-{split}-files",
        "description": f"All files of the split {split} of {export}.",
        "encodingFormat": PARQUET,
        "includes": f"{export}/{split}-*.parquet",
    }


def _record_set(export: str, split: str, schema: pa.Schema) -> dict[str, Any]:
    name = export if split == TRAIN else f"{export}-{split}"
    source = {"fileSet": {"@id": f"{export}-{split}-files"}}
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": f"{EXPORTS[export].about[:1].upper()}{EXPORTS[export].about[1:]}.",
        "key": [{"@id": f"{name}/id"}],
        "field": [_field(f"{name}/{field.name}", field, (source, field.name, ())) for field in schema],
    }


Place = tuple[Mapping[str, Any], str, tuple[str, ...]]
"""Where a field's values are: the files, the column, and the way below it as steps of a JSON path."""


def _field(identity: str, field: pa.Field[Any], place: Place) -> dict[str, Any]:
    source, column, path = place
    inner, repeated = _inner(field.type)
    below = (*path, "[*]") if repeated else path
    about: dict[str, Any] = {"@type": "cr:Field", "@id": identity, "name": identity}
    if repeated:
        about["repeated"] = True
    if pa.types.is_struct(inner):
        about["subField"] = list(_sub_fields(identity, inner, (source, column, below)))
        return about
    about["dataType"] = _data_type(inner)
    about["source"] = {**source, "extract": {"column": column}}
    if path:
        about["source"]["transform"] = {"jsonPath": ".".join(path).replace(".[", "[")}
    return about


def _sub_fields(identity: str, kind: pa.StructType, place: Place) -> Iterator[dict[str, Any]]:
    """Those of a list's items that are no lists themselves (the calls in messages): a JSON path would flatten them."""
    source, column, path = place
    for index in range(kind.num_fields):
        field = kind.field(index)
        if not isinstance(field.type, pa.ListType):
            yield _field(f"{identity}/{field.name}", field, (source, column, (*path, field.name)))


def _inner(kind: pa.DataType) -> tuple[pa.DataType, bool]:
    """The type of a value, below the lists around it, and whether there are any."""
    repeated = False
    while isinstance(kind, pa.ListType):
        kind, repeated = kind.value_type, True
    return kind, repeated


def _data_type(kind: pa.DataType) -> str:
    if pa.types.is_boolean(kind):
        return "sc:Boolean"
    if pa.types.is_integer(kind):
        return "sc:Integer"
    return "sc:Float" if pa.types.is_floating(kind) else "sc:Text"
