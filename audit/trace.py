"""Follows a row back to the seed it began with, from the shard alone: nothing else of the run need be there.

A shard's rows hold their seed whole. Where the seed is what another recipe made, it holds those attempts, and so on to
real material. Where it went through earlier rounds, its lineage names the records there.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from audit.chains import Row, load_chains, matching, scan
from audit.inert import inert, inert_line

LONGEST = 2_000  # characters of a seed's text that are shown


@dataclass(frozen=True)
class Step:
    """A record on the way, or the seed that the way ends at."""

    kind: str  # record, earlier_round, seed
    about: Mapping[str, Any]
    text: str = ""  # of a seed
    depth: int = 0  # how many recipes or rounds back
    faults: tuple[str, ...] = field(default=())  # what does not agree with itself


def trace(files: Sequence[Path], record_id: str) -> list[Step]:
    """The attempts of the record's chain, what its seed was made from, and last the seeds that are real material.

    A side of a pair may be a part of a record, such as a sample of a probe: ID/PART leads to the record. Raises
    KeyError where no shard holds such a record.
    """
    wanted = {record_id, record_of(record_id)}
    chain = next((row["chain_id"] for row in scan(files, ("id", "chain_id")) if row["id"] in wanted), None)
    if chain is None:
        raise KeyError(f"no shard here holds a record with id {inert_line(record_id)!r}")
    return list(_chain(load_chains(files, {chain})[chain], 0))


def record_of(identity: str) -> str:
    """The id of the record that a side of a pair is a part of; the same where it is a record."""
    return identity.rpartition("/")[0] or identity


def trace_all(files: Sequence[Path], record_ids: set[str]) -> Iterator[tuple[str, list[Step]]]:
    """The same for many records, by their own row alone: a row group in memory at a time."""
    for row in matching(files, "id", record_ids):
        yield row["id"], list(_chain([row], 0))


def faults_of(steps: Sequence[Step]) -> list[str]:
    """Why a way back is not to be believed; nothing where it ends at seeds and every hash is right."""
    found = [fault for step in steps for fault in step.faults]
    return found if any(step.kind == "seed" for step in steps) else [*found, "does not end at a seed"]


def _chain(rows: Sequence[Row], depth: int) -> Iterator[Step]:
    for row in rows:
        yield Step("record", _record(row), depth=depth, faults=tuple(_record_faults(row)))
    first = rows[0]
    fields = json.loads(first["seed_fields"])
    if fields.get("chains"):
        for chain in json.loads(fields["chains"]):
            yield from _chain(chain, depth + 1)
        return
    lineage = json.loads(first.get("lineage") or "[]")
    for back, step in enumerate(reversed(lineage), start=1):
        yield Step("earlier_round", step, depth=depth + back)
    yield Step("seed", _seed(first), first["seed_text"], depth + len(lineage), tuple(_seed_faults(first)))


def _record(row: Row) -> dict[str, Any]:
    prompts = sorted({f"{call['prompt']}@{call['prompt_sha256'][:12]}" for call in row["calls"]})
    sampling = sorted({f"T={call['temperature']:g} top_p={call['top_p']:g}" for call in row["calls"]})
    return {
        "id": row["id"],
        "recipe": row["recipe"],
        "round": row.get("round") or 0,
        "attempt": row["attempt"] + 1,
        "outcome": row["outcome"],
        "decided_by": f"{row['decided_by']}: {row['reason']}",
        "checks": ", ".join(check["kind"] for check in row["checks"]),
        "model": row["model"],
        "prompts": ", ".join(prompts),
        "sampling": ", ".join(sampling),
        "software": row["software"],
    }


def _seed(row: Row) -> dict[str, Any]:
    names = ("id", "source", "licence", "sha256")
    return {name: row[f"seed_{name}"] for name in names}


def _record_faults(row: Row) -> Iterator[str]:
    if len(row["checks"]) != len(row["verdicts"]) and row["outcome"] == "pass":
        yield f"record {row['id']} passed with {len(row['verdicts'])} verdicts on {len(row['checks'])} checks"
    if not row["software"]:
        yield f"record {row['id']} names no software"


def _seed_faults(row: Row) -> Iterator[str]:
    if hashlib.sha256(row["seed_text"].encode()).hexdigest() != row["seed_sha256"]:
        yield f"the text of seed {row['seed_id']} has another hash than it had"
    for name in ("source", "licence"):
        if not row[f"seed_{name}"]:
            yield f"seed {row['seed_id']} names no {name}"


def trace_text(steps: Sequence[Step]) -> str:
    """For a terminal, which no character of it acts on."""
    lines: list[str] = []
    for step in steps:
        indent = "  " * step.depth
        lines.append(f"{indent}{step.kind.replace('_', ' ')} {inert_line(str(step.about.get('id', '')))}".rstrip())
        lines += [f"{indent}  {name}: {inert_line(str(value))}" for name, value in step.about.items() if name != "id"]
        lines += [f"{indent}  | {line}" for line in inert(step.text[:LONGEST]).split("\n") if step.text]
        lines += [f"{indent}  FAULT: {inert_line(fault)}" for fault in step.faults]
    return "\n".join(lines)


def trace_json(steps: Sequence[Step]) -> list[dict[str, Any]]:
    """For scripts."""
    return [
        {"kind": step.kind, "depth": step.depth, **step.about, "text": step.text, "faults": list(step.faults)}
        for step in steps
    ]
