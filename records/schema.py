"""The Arrow schema of shards, versioned, and the way from a record to a row and back."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from typing import Any

import pyarrow as pa

from records.types import (
    JSON,
    Call,
    Candidate,
    Check,
    Drop,
    Message,
    MessageCall,
    Outcome,
    Record,
    Seed,
    Verdict,
    canonical_json,
)

SCHEMA_VERSION = "3"
"""2 added tool calls to messages, and `tools`; 3 added `round` and `lineage`. Older rows are read as rows without."""

CheckDecoder = Callable[[str, Mapping[str, JSON]], Check]
"""Makes a check from its kind and its fields; the table of verifiers supplies it."""

_TOOL_CALL: pa.DataType = pa.struct([("id", pa.string()), ("name", pa.string()), ("arguments", pa.string())])
_MESSAGE: pa.DataType = pa.struct(
    [
        ("role", pa.string()),
        ("content", pa.string()),
        ("tool_calls", pa.list_(_TOOL_CALL)),
        ("tool_call_id", pa.string()),
        ("name", pa.string()),
    ]
)
_CHECK: pa.DataType = pa.struct([("kind", pa.string()), ("fields", pa.string())])  # fields: canonical JSON
_VERDICT: pa.DataType = pa.struct(
    [("check", pa.string()), ("outcome", pa.string()), ("reason", pa.string()), ("evidence", pa.string())]
)
_CALL: pa.DataType = pa.struct(
    [
        ("part", pa.string()),
        ("key", pa.string()),
        ("model", pa.string()),
        ("prompt", pa.string()),
        ("prompt_sha256", pa.string()),
        ("temperature", pa.float64()),
        ("top_p", pa.float64()),
        ("seed", pa.int64()),
        ("finish_reason", pa.string()),
    ]
)

_CALL_FIELDS = tuple(field.name for field in fields(Call))

_RECORD_FIELDS: list[tuple[str, pa.DataType]] = [
    ("id", pa.string()),
    ("chain_id", pa.string()),
    ("recipe", pa.string()),
    ("attempt", pa.int32()),
    ("revises", pa.string()),
    ("is_final", pa.bool_()),  # the last attempt of its chain: the one that is accepted or not
    ("outcome", pa.string()),  # pass, fail, unjudged
    ("decided_by", pa.string()),  # kind of the check that decided
    ("reason", pa.string()),
    ("messages", pa.list_(_MESSAGE)),
    ("tools", pa.string()),  # JSON list of OpenAI tool definitions, "" where the dialogue has none
    ("parts", pa.string()),  # JSON object, name -> text
    ("checks", pa.list_(_CHECK)),
    ("verdicts", pa.list_(_VERDICT)),
    ("calls", pa.list_(_CALL)),
    ("metadata", pa.string()),  # JSON object
    ("seed_id", pa.string()),
    ("seed_text", pa.string()),
    ("seed_sha256", pa.string()),
    ("seed_source", pa.string()),
    ("seed_licence", pa.string()),
    ("seed_fields", pa.string()),  # JSON object
    ("model", pa.string()),  # models of all calls, sorted, joined by a comma
    ("software", pa.string()),  # "provender 0.1.0"
    ("round", pa.int32()),  # 0 is the first
    ("lineage", pa.string()),  # JSON list: recipes, records and models that the seed comes from, the oldest first
]

RECORDS = pa.schema(
    _RECORD_FIELDS,
    metadata={b"provender.schema": b"records", b"provender.schema_version": SCHEMA_VERSION.encode()},
)

DROPS = pa.schema(
    [
        ("id", pa.string()),
        ("recipe", pa.string()),
        ("stage", pa.string()),
        ("reason", pa.string()),
        ("evidence", pa.string()),  # JSON object
    ],
    metadata={b"provender.schema": b"drops", b"provender.schema_version": SCHEMA_VERSION.encode()},
)

SEEDS = pa.schema(
    [
        ("id", pa.string()),
        ("text", pa.string()),
        ("source", pa.string()),
        ("licence", pa.string()),
        ("fields", pa.string()),  # JSON object
    ],
    metadata={b"provender.schema": b"seeds", b"provender.schema_version": SCHEMA_VERSION.encode()},
)


def record_row(record: Record, is_final: bool, software: str, number: int = 0) -> dict[str, Any]:
    """One row of the RECORDS schema; `number` is that of the round."""
    candidate, deciding = record.candidate, record.deciding
    return {
        "id": candidate.id,
        "chain_id": candidate.chain_id,
        "recipe": candidate.recipe,
        "attempt": candidate.attempt,
        "revises": candidate.revises,
        "is_final": is_final,
        "outcome": str(record.outcome),
        "decided_by": deciding.check,
        "reason": deciding.reason,
        "messages": [_message_row(message) for message in candidate.messages],
        "tools": candidate.tools,
        "parts": canonical_json(dict(candidate.parts)),
        "checks": [{"kind": check.kind, "fields": canonical_json(asdict(check))} for check in candidate.checks],
        "verdicts": [_verdict_row(verdict) for verdict in record.verdicts],
        "calls": [{name: getattr(call, name) for name in _CALL_FIELDS} for call in candidate.calls],
        "metadata": canonical_json(dict(candidate.metadata)),
        **_seed_columns(candidate.seed),
        "model": ",".join(sorted({call.model for call in candidate.calls})),
        "software": software,
        "round": number,
        "lineage": candidate.seed.fields.get("lineage", "[]"),
    }


def _message_row(message: Message) -> dict[str, Any]:
    """By hand: `asdict` copies deeply and costs ten times as much."""
    return {
        "role": message.role,
        "content": message.content,
        "tool_calls": [asdict(call) for call in message.tool_calls],
        "tool_call_id": message.tool_call_id,
        "name": message.name,
    }


def _verdict_row(verdict: Verdict) -> dict[str, str]:
    return {
        "check": verdict.check,
        "outcome": str(verdict.outcome),
        "reason": verdict.reason,
        "evidence": canonical_json(dict(verdict.evidence)),
    }


def _seed_columns(seed: Seed) -> dict[str, str]:
    return {
        "seed_id": seed.id,
        "seed_text": seed.text,
        "seed_sha256": seed.sha256,
        "seed_source": seed.source,
        "seed_licence": seed.licence,
        "seed_fields": canonical_json(dict(seed.fields)),
    }


def row_record(row: Mapping[str, Any], decode_check: CheckDecoder) -> Record:
    """The record that a row of the RECORDS schema holds."""
    seed = Seed(
        row["seed_id"], row["seed_text"], row["seed_source"], row["seed_licence"], json.loads(row["seed_fields"])
    )
    candidate = Candidate(
        id=row["id"],
        chain_id=row["chain_id"],
        seed=seed,
        recipe=row["recipe"],
        messages=tuple(map(read_message, row["messages"])),
        parts=json.loads(row["parts"]),
        checks=tuple(decode_check(check["kind"], json.loads(check["fields"])) for check in row["checks"]),
        calls=tuple(Call(**call) for call in row["calls"]),
        attempt=row["attempt"],
        revises=row["revises"],
        metadata=json.loads(row["metadata"]),
        tools=row.get("tools") or "",
    )
    verdicts = tuple(
        Verdict(verdict["check"], Outcome(verdict["outcome"]), verdict["reason"], json.loads(verdict["evidence"]))
        for verdict in row["verdicts"]
    )
    return Record(candidate, verdicts)


def read_message(message: Mapping[str, Any]) -> Message:
    """The message that an item of `messages` holds. Version 1 has the first two fields only."""
    calls = tuple(MessageCall(**call) for call in message.get("tool_calls") or ())
    return Message(message["role"], message["content"], calls, message.get("tool_call_id"), message.get("name"))


def drop_row(drop: Drop) -> dict[str, str]:
    """One row of the DROPS schema."""
    return {
        "id": drop.id,
        "recipe": drop.recipe,
        "stage": drop.stage,
        "reason": drop.reason,
        "evidence": canonical_json(dict(drop.evidence)),
    }


def row_drop(row: Mapping[str, Any]) -> Drop:
    """The drop that a row of the DROPS schema holds."""
    return Drop(row["id"], row["recipe"], row["stage"], row["reason"], json.loads(row["evidence"]))


def seed_row(seed: Seed) -> dict[str, str]:
    """One row of the SEEDS schema."""
    return {
        "id": seed.id,
        "text": seed.text,
        "source": seed.source,
        "licence": seed.licence,
        "fields": canonical_json(dict(seed.fields)),
    }


def row_seed(row: Mapping[str, Any]) -> Seed:
    """The seed that a row of the SEEDS schema holds."""
    return Seed(row["id"], row["text"], row["source"], row["licence"], json.loads(row["fields"]))
