"""Rejection sampling: of the accepted candidates of one seed the best are kept (R2-R4).

The verifier comes first: only accepted rows are ranked at all, so a wrong answer with a high score loses to any right
one. Then the reward model's score decides, and between equal scores the id, so that the choice is the same in every
run. A row without a readable score stands behind all that have one: it never counts as 0.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from math import isfinite
from typing import Any

REWARD = "reward_score"

Row = Mapping[str, Any]


def ranked(rows: Iterable[Row], best: int) -> Iterator[tuple[Row, str]]:
    """Every row in its order, with "" where it is among the `best` of its seed, else with the id of the best one."""
    for _, group in groupby(rows, key=lambda row: (row["recipe"], row["seed_id"])):
        several = list(group)
        order = sorted(several, key=_rank)
        kept = {row["id"] for row in order[:best]}
        for row in several:
            yield row, "" if row["id"] in kept else order[0]["id"]


def _rank(row: Row) -> tuple[bool, float, str]:
    score = reward_of(row)
    return score is None, -(score or 0.0), row["id"]


def reward_of(row: Row) -> float | None:
    """The reward model's score; None where there is none, or none that is a number."""
    for verdict in row["verdicts"]:
        score = json.loads(verdict["evidence"]).get("score") if verdict["check"] == REWARD else None
        if isinstance(score, int | float) and not isinstance(score, bool) and isfinite(score):
            return float(score)
    return None
