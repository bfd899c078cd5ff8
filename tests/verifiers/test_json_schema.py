"""The proof by JSON Schema: dialects, hostile schemas, hostile instances."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from records.types import Candidate, Outcome, Seed
from verifiers.base import Resources
from verifiers.json_schema import Row, SchemaValid, prove_row, verify
from verifiers.workers import ProcessPool

PERSON = {"type": "object", "properties": {"age": {"type": "integer", "minimum": 0}}, "required": ["age"]}
LIST = {"$defs": {"n": {"properties": {"next": {"$ref": "#/$defs/n"}}, "required": ["v"]}}, "$ref": "#/$defs/n"}
DRAFT4 = {"$schema": "http://json-schema.org/draft-04/schema#", "minimum": 1, "exclusiveMinimum": True}
META = {"$ref": "https://json-schema.org/draft/2020-12/schema"}

# schema, instance
ACCEPTS: list[tuple[Any, Any]] = [
    (PERSON, {"age": 3}),
    (True, None),
    ({}, "anything"),
    ({"type": "integer"}, 1.0),
    (LIST, {"v": 1, "next": {"v": 2}}),
    (DRAFT4, 2),
    (META, {"type": "object"}),
    ({"prefixItems": [{"type": "string"}]}, ["a", 1]),
    ({"format": "date"}, "no date"),
]
# schema, instance, path, keyword
REJECTS: list[tuple[Any, Any, str, str]] = [
    (PERSON, {"age": -1}, "$.age", "minimum"),
    (PERSON, {"age": True}, "$.age", "type"),
    (PERSON, {}, "$", "required"),
    (False, 1, "$", "None"),
    ({"enum": [1]}, True, "$", "enum"),
    (LIST, {"v": 1, "next": {}}, "$.next", "required"),
    (DRAFT4, 1, "$", "minimum"),
    (META, {"type": "nonsense"}, "$.type", "anyOf"),
    ({"prefixItems": [{"type": "string"}]}, [1], "$[0]", "type"),
    ({"type": "string"}, 5, "$", "type"),
]
DEEP: list[Any] = []
for _ in range(200):
    DEEP = [DEEP]
# schema, instance, reason
UNJUDGED: list[tuple[Any, Any, str]] = [
    ({"type": "nonsense"}, 1, "bad_schema"),
    ("not a schema", 1, "bad_schema"),
    (None, 1, "bad_schema"),
    ([], 1, "bad_schema"),
    ({"pattern": "("}, "x", "bad_schema"),
    ({"$schema": "http://example.org/own"}, 1, "bad_schema"),
    ({"$schema": 5}, 1, "bad_schema"),
    ({"$ref": "http://127.0.0.1:9/schema.json"}, 1, "bad_schema"),
    ({"$ref": "file:///etc/hostname"}, 1, "bad_schema"),
    ({"$ref": "#"}, 1, "bad_schema"),
    ({"const": float("nan")}, 1, "bad_schema"),
    ({"pattern": "^(a+)+$"}, "a" * 60 + "b", "deadline"),
    ({}, DEEP, "too_large"),
]


@pytest.fixture
async def resources() -> AsyncIterator[Resources]:
    pool = ProcessPool(1)
    yield Resources(sandbox=cast(Any, None), workers=pool)
    await pool.aclose()


def row(schema: Any, instance: Any) -> Row:
    return Row.model_validate({"id": "r", "schema": schema, "instance": instance})


async def test_valid_instances_pass(resources: Resources) -> None:
    for schema, instance in ACCEPTS:
        verdict = await prove_row(row(schema, instance), resources)
        assert (verdict.outcome, verdict.reason) == (Outcome.PASS, "valid"), (schema, verdict)


async def test_invalid_instances_fail_with_their_path(resources: Resources) -> None:
    for schema, instance, path, keyword in REJECTS:
        verdict = await prove_row(row(schema, instance), resources)
        assert (verdict.outcome, verdict.reason) == (Outcome.FAIL, "invalid"), (schema, verdict)
        first = verdict.evidence["errors"][0]
        assert (first["path"], first["keyword"]) == (path, keyword)


async def test_what_cannot_be_judged_is_unjudged(resources: Resources) -> None:
    for schema, instance, reason in UNJUDGED:
        verdict = await prove_row(row(schema, instance), resources)
        assert (verdict.outcome, verdict.reason) == (Outcome.UNJUDGED, reason), (schema, verdict)
        json.dumps(dict(verdict.evidence), allow_nan=False).encode()


@pytest.mark.parametrize(
    ("text", "outcome", "reason"),
    [
        ('{"age": 3}', Outcome.PASS, "valid"),
        ('{"age": "3"}', Outcome.FAIL, "invalid"),
        ('{"age": 3', Outcome.FAIL, "not_json"),
        ('{"age": 3} so', Outcome.FAIL, "not_json"),
        ('{"age": NaN}', Outcome.FAIL, "not_json"),
        ('{"age": 3, "age": 4}', Outcome.FAIL, "not_json"),
        ('{"age": 3, "x": "\\ud800"}', Outcome.FAIL, "not_json"),
        ("[" * 100_000, Outcome.UNJUDGED, "too_large"),
        ("1" * 3_000_000, Outcome.UNJUDGED, "too_large"),
    ],
)
async def test_a_candidates_text_must_be_valid_json(
    text: str, outcome: Outcome, reason: str, resources: Resources
) -> None:
    check = SchemaValid(json.dumps(PERSON), "calls")
    candidate = Candidate("c", "c", Seed("s", "q", "t", "l"), "r", (), {"calls": text}, (check,), ())
    verdict = await verify(check, candidate, resources)
    assert (verdict.outcome, verdict.reason) == (outcome, reason)


async def test_evidence_is_bounded_and_the_same_each_time(resources: Resources) -> None:
    instance = {f"key{number}": "x" * 1000 for number in range(1000)}
    schema = {"additionalProperties": {"type": "integer"}}
    first, second = [await prove_row(row(schema, instance), resources) for _ in range(2)]
    assert first == second
    assert len(first.evidence["errors"]) == 5
    assert len(json.dumps(dict(first.evidence))) < 5_000
