"""Proof that a JSON value is valid by a JSON Schema; in a killable worker, since a schema may hold a regex bomb.

The dialect is the one that `$schema` names, Draft 2020-12 where it names none. References are resolved inside the
schema and to the published meta-schemas only: there is no retrieval. `format` is an annotation, as in the standard.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, ClassVar

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from jsonschema.validators import validator_for
from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped]
from pydantic import BaseModel, Field
from referencing.exceptions import Unresolvable

from records.types import JSON, Candidate, Check, Outcome, Verdict
from verifiers.answer_text import shown
from verifiers.base import Resources
from verifiers.strict_json import NotJson, TooLarge, check, read
from verifiers.workers import CallFailed, DeadlineExceeded, WorkerDied

VALIDATION_CPU_S = 3.0  # ordinary documents take milliseconds
EVIDENCE_ERRORS = 5
EVIDENCE_CHARACTERS = 300  # of one error's message


@dataclass(frozen=True)
class SchemaValid(Check):
    """Part `part` must be JSON that is valid by `schema` (JSON text, or the schema itself)."""

    kind: ClassVar[str] = "json_schema"
    schema: JSON
    part: str = "response"


class Row(BaseModel):
    """One row of `provender verify schema`; other fields are ignored."""

    id: str | int
    schema_: Any = Field(alias="schema")
    instance: Any


@dataclass(frozen=True, slots=True)
class Finding:
    """What the worker says; picklable."""

    outcome: Outcome
    reason: str
    evidence: Mapping[str, JSON]


async def verify(check: SchemaValid, candidate: Candidate, resources: Resources) -> Verdict:
    """PASS valid; FAIL invalid, not_json. UNJUDGED bad_schema, too_large, deadline, worker_died, failed."""
    schema = check.schema if isinstance(check.schema, str) else _text(check.schema)
    return await _judge(schema, candidate.parts[check.part], resources)


async def prove_row(row: Row, resources: Resources) -> Verdict:
    """The same proof for a row that anybody made. Evidence: `errors`, each with its JSON path and keyword."""
    return await _judge(_text(row.schema_), _text(row.instance), resources)


def _text(value: JSON) -> str | NotJson:
    """JSON text of a value, or why there is none."""
    try:
        check(value)
    except NotJson as error:
        return error
    return json.dumps(value)


async def _judge(schema: str | NotJson, instance: str | NotJson, resources: Resources) -> Verdict:
    if isinstance(schema, NotJson):
        return _verdict(_unreadable(schema, "bad_schema"))
    if isinstance(instance, NotJson):
        return _verdict(_unreadable(instance, "not_json"))
    try:
        found = await resources.workers.run(validate_in_worker, schema, instance, deadline_s=VALIDATION_CPU_S)
    except DeadlineExceeded:
        found = Finding(Outcome.UNJUDGED, "deadline", {})
    except WorkerDied:
        found = Finding(Outcome.UNJUDGED, "worker_died", {})
    except CallFailed as error:
        found = Finding(Outcome.UNJUDGED, "failed", {"error": shown(str(error), EVIDENCE_CHARACTERS)})
    return _verdict(found)


def _verdict(found: Finding) -> Verdict:
    return Verdict(SchemaValid.kind, found.outcome, found.reason, found.evidence)


def _unreadable(error: NotJson, reason: str) -> Finding:
    """A bad schema says nothing about the instance; an instance that is no JSON is wrong, unless it is too large."""
    if isinstance(error, TooLarge):
        reason = "too_large"
    outcome = Outcome.FAIL if reason == "not_json" else Outcome.UNJUDGED
    return Finding(outcome, reason, {"error": shown(str(error), EVIDENCE_CHARACTERS)})


def validate_in_worker(schema_text: str, instance_text: str) -> Finding:
    """The whole validation, from texts."""
    try:
        schema = read(schema_text)
    except NotJson as error:
        return _unreadable(error, "bad_schema")
    try:
        instance = read(instance_text)
    except NotJson as error:
        return _unreadable(error, "not_json")
    try:
        return _validate(schema, instance)
    except SchemaError as error:
        problem = f"{error.json_path}: {error.message}"
    except Unresolvable as error:
        problem = f"a reference that leads nowhere: {error}"
    except re.error as error:
        problem = f"a pattern that is no regular expression: {error}"
    except (RecursionError, OverflowError) as error:  # it refers to itself without end; multipleOf beyond the floats
        problem = f"it cannot be applied: {type(error).__name__}"
    return Finding(Outcome.UNJUDGED, "bad_schema", {"error": shown(problem, EVIDENCE_CHARACTERS)})


def _validator(schema: JSON, dialect: JSON) -> Any:
    """The class for the schema's dialect; None where nobody knows it."""
    if dialect is None:
        return Draft202012Validator
    return validator_for(schema, default=None) if isinstance(dialect, str) else None  # type: ignore[arg-type]


def _validate(schema: JSON, instance: JSON) -> Finding:
    dialect = schema.get("$schema") if isinstance(schema, dict) else None
    validator = _validator(schema, dialect)
    if validator is None or not isinstance(schema, dict | bool):
        problem = "it is no object and no boolean" if dialect is None else f"an unknown dialect: {dialect!r}"
        return Finding(Outcome.UNJUDGED, "bad_schema", {"error": shown(problem, EVIDENCE_CHARACTERS)})
    validator.check_schema(schema)
    errors = [
        {
            "path": shown(error.json_path, EVIDENCE_CHARACTERS),
            "keyword": str(error.validator),
            "message": shown(error.message, EVIDENCE_CHARACTERS),
        }
        for error in islice(validator(schema, registry=REGISTRY).iter_errors(instance), EVIDENCE_ERRORS)
    ]
    if errors:
        return Finding(Outcome.FAIL, "invalid", {"errors": errors})
    return Finding(Outcome.PASS, "valid", {})
