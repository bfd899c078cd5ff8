"""Data for process reward models: solutions cut into steps, with a label for each.

Labels are 1 and -1 as in PRM800K (Let's Verify Step by Step), 0 where nothing is known: behind the first step that a
judge found wrong. Labels by rollouts are hard estimates (Math-Shepherd), with the shares they come from in `soft`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from exports.base import MESSAGES, ORIGIN, Export, Group, Row, origin, prompt_and_reply
from verifiers.solution_steps import split_steps

SOUND_STEPS = "sound_steps"  # a judge's criterion whose verdict is the number of the first wrong step, 0 for none

_FIELDS: list[tuple[str, pa.DataType]] = [
    ("id", pa.string()),
    ("recipe", pa.string()),
    ("prompt", MESSAGES),
    ("steps", pa.list_(pa.string())),  # joined, they are the solution
    ("labels", pa.list_(pa.int8())),
    ("soft", pa.list_(pa.float64())),  # empty where the labels are a judge's
    ("labelled_by", pa.string()),  # rollouts, judge
    *ORIGIN,
]


@dataclass(frozen=True)
class _Labels:
    """What one verdict says about the steps."""

    labels: tuple[int, ...]
    soft: tuple[float, ...]
    labelled_by: str


def rows_of(group: Group, kept: Set[str]) -> Iterator[dict[str, Any]]:
    """A row for each kept record with step labels, and for each solution that a step judge refused.

    A record that only corrects or cites a solution has its own steps judged first; that verdict counts.
    """
    for row in filter(_is_labelled, group):
        steps = split_steps(json.loads(row["parts"]).get("response", ""))
        found = _find(row, row["id"] in kept, len(steps)) if steps else None
        if found is not None:
            prompt, _ = prompt_and_reply(row)
            yield {
                "id": row["id"],
                "recipe": row["recipe"],
                "prompt": prompt,
                "steps": steps,
                "labels": list(found.labels),
                "soft": list(found.soft),
                "labelled_by": found.labelled_by,
                **origin(row),
            }


def _is_labelled(row: Row) -> bool:
    """Whether a verdict may hold labels: most records have none, and cutting a solution costs more than looking."""
    return any(
        verdict["check"] == "step_rollouts" or (verdict["check"] == "judged" and SOUND_STEPS in verdict["evidence"])
        for verdict in row["verdicts"]
    )


def _find(row: Row, is_kept: bool, steps: int) -> _Labels | None:
    for verdict in row["verdicts"]:
        if verdict["check"] == "step_rollouts" and verdict["outcome"] == "pass" and is_kept:
            evidence = json.loads(verdict["evidence"])
            labels = tuple(1 if hard else -1 for hard in evidence["hard"])
            return _Labels(labels, tuple(evidence["soft"]), "rollouts") if len(labels) == steps else None
        if verdict["check"] == "judged" and SOUND_STEPS in verdict["evidence"]:
            return _judged(json.loads(verdict["evidence"]), verdict["outcome"], is_kept, steps)
    return None


def _judged(evidence: Mapping[str, Any], outcome: str, is_kept: bool, steps: int) -> _Labels | None:
    if outcome == "pass":
        return _Labels((1,) * steps, (), "judge") if is_kept else None
    wrong = _named(evidence["criteria"][SOUND_STEPS]["votes"]) if outcome == "fail" else None
    if wrong is None or not 1 <= wrong <= steps:
        return None
    return _Labels((1,) * (wrong - 1) + (-1,) + (0,) * (steps - wrong), (), "judge")


def _named(votes: Mapping[str, int]) -> int | None:
    """The step that most votes name as the first wrong one; None where two have the same."""
    named: Sequence[tuple[int, int]] = sorted((-votes[value], int(value)) for value in votes if value.isdigit())
    if not named or (len(named) > 1 and named[0][0] == named[1][0]):
        return None
    return named[0][1]


STEP_LABELS = Export(
    "step_labels", "solutions with a label for every step, for process reward models", pa.schema(_FIELDS), rows_of
)
