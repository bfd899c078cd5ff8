"""Step-level preference pairs: two next steps of one beginning, of which one leads on and the other astray.

They come out of a tree search (`step_pairs` in a record's metadata). A pair goes out only where the chosen step is one
of an accepted trace, so that it is proved with the trace.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Set
from typing import Any

import pyarrow as pa

from exports.base import MESSAGES, ORIGIN, Export, Group, origin, prompt_and_reply
from exports.strength import Strength
from records.types import stable_hash

STEPS = "search"

_FIELDS: list[tuple[str, pa.DataType]] = [
    ("id", pa.string()),
    ("record_id", pa.string()),
    ("recipe", pa.string()),
    ("prompt", MESSAGES),
    ("prefix", pa.string()),  # the steps before, as the assistant's unfinished turn; may be empty
    ("chosen", pa.string()),
    ("rejected", pa.string()),
    ("margin", pa.float64()),  # difference of the values that the search gave the steps
    ("strength", pa.string()),  # what it means: significantly_better, better, slightly_better, similar
    *ORIGIN,
]


def rows_of(group: Group, kept: Set[str]) -> Iterator[dict[str, Any]]:
    """The pairs of the kept records, each once per group."""
    seen: set[str] = set()
    for row in group:
        pairs = json.loads(row["metadata"]).get("step_pairs", []) if row["id"] in kept else []
        for pair in pairs:
            prompt, _ = prompt_and_reply(row)
            identity = stable_hash("step_pair", row["seed_id"], pair["prefix"], pair["chosen"], pair["rejected"])
            if identity not in seen:
                seen.add(identity)
                strength = str(Strength.of(STEPS, pair["margin"]).level)
                about = {
                    "id": identity,
                    "record_id": row["id"],
                    "recipe": row["recipe"],
                    "prompt": prompt,
                    "strength": strength,
                }
                yield {**about, **pair, **origin(row)}


STEP_PREFERENCE = Export(
    "step_preference", "pairs of next steps of one unfinished solution", pa.schema(_FIELDS), rows_of
)
