"""Reinforcement learning with verifiable rewards: prompts, and what a reward function needs to mark a reply."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Set
from typing import Any

import pyarrow as pa

from exports.base import MESSAGES, ORIGIN, Export, Group, Row, origin, prompt_and_reply, tools_of
from records.types import JSON, canonical_json

_FIELDS: list[tuple[str, pa.DataType]] = [
    ("id", pa.string()),
    ("recipe", pa.string()),
    ("prompt", MESSAGES),
    ("ground_truth", pa.string()),
    ("verifier", pa.string()),  # kind of the check that marks a reply against `ground_truth`
    ("metadata", pa.string()),  # JSON object
    *ORIGIN,
]

GroundTruth = Callable[[Mapping[str, JSON], Mapping[str, JSON]], str | None]
"""From a check's fields and its verdict's evidence; None where they hold no ground truth."""


def _tests(fields: Mapping[str, JSON], _evidence: Mapping[str, JSON]) -> str:
    return canonical_json({name: fields.get(name) for name in ("language", "entry_point", "tests", "min_pass_rate")})


def _expected(fields: Mapping[str, JSON], _evidence: Mapping[str, JSON]) -> str:
    return str(fields["expected"])


def _winning_answer(fields: Mapping[str, JSON], evidence: Mapping[str, JSON]) -> str | None:
    """The answer that won the vote. Evidence may have cut a long one; that is none of the samples' answers then."""
    answer = evidence.get("answer")
    return answer if isinstance(answer, str) and answer in fields["answers"] else None


def _accepted_calls(fields: Mapping[str, JSON], _evidence: Mapping[str, JSON]) -> str | None:
    """Without accepted calls, any call that fits its schema is good: that is no answer to a prompt."""
    accepted = fields["accepted"]
    return None if accepted is None else accepted if isinstance(accepted, str) else canonical_json(accepted)


GROUND_TRUTHS: Mapping[str, GroundTruth] = {
    "tool_calls": _accepted_calls,
    "code_tests": _tests,
    "math_answer": _expected,
    "majority_vote": _winning_answer,
}


def rows_of(group: Group, kept: Set[str]) -> Iterator[dict[str, Any]]:
    """One row per kept record whose prompt has a ground truth."""
    for row in group:
        found = _ground_truth(row) if row["id"] in kept else None
        prompt = prompt_of(row) if found is not None else []
        if found is not None and prompt:
            verifier, ground_truth = found
            yield {
                "id": row["id"],
                "recipe": row["recipe"],
                "prompt": prompt,
                "tools": tools_of(row),
                "ground_truth": ground_truth,
                "verifier": verifier,
                "metadata": row["metadata"],
                **origin(row),
            }


def prompt_of(row: Row) -> list[dict[str, Any]]:
    """What a policy is asked with: all before the first turn with calls in a tool dialogue, else before the last."""
    prompt, _ = prompt_and_reply(row)
    calls = (index for index, message in enumerate(prompt) if "tool_calls" in message)
    return prompt[: next(calls, len(prompt))]


def _ground_truth(row: Row) -> tuple[str, str] | None:
    evidence = {verdict["check"]: verdict["evidence"] for verdict in row["verdicts"]}
    for check in row["checks"]:
        read = GROUND_TRUTHS.get(check["kind"])
        if read is not None and check["kind"] in evidence:
            truth = read(json.loads(check["fields"]), json.loads(evidence[check["kind"]]))
            if truth is not None:
                return check["kind"], truth
    return None


def _prompt_text(row: Mapping[str, Any]) -> str:
    return canonical_json(row["prompt"])


RLVR = Export(
    "rlvr",
    "distinct prompts with the ground truth that a reward function needs",
    pa.schema(_FIELDS),
    rows_of,
    unique=_prompt_text,
)
