"""For recipes that learn from what another recipe made: the chains that a seed of format `attempts` holds."""

from __future__ import annotations

import json

import verifiers
from records.schema import row_record
from records.types import Record, Seed


def chains_of(seed: Seed) -> list[list[Record]]:
    """Every finished chain of the earlier seed, each with its attempts, oldest first.

    The earlier seed itself is `chains[0][0].candidate.seed`.
    """
    chains = json.loads(seed.fields["chains"])
    return [[row_record(row, verifiers.decode_check) for row in chain] for chain in chains]
