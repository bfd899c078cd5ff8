"""What verdicts measured of a record, for exports: the figures by which a user selects or weights examples."""

from __future__ import annotations

import json
from collections.abc import Mapping

from exports.base import Row
from records.types import JSON, canonical_json

MEASURES: Mapping[str, tuple[str, ...]] = {
    "code_tests": ("pass_rate",),  # of the tests that the solution passes: 1 unless the pass policy allows less
    "tests_strength": ("mutation_score", "branch_coverage"),
    "agreement": ("pass_rate", "difficulty"),  # of the solutions that were tried for the problem
    "same_behaviour": ("compared", "agreement"),
}
NAMES = {
    ("code_tests", "pass_rate"): "test_pass_rate",
    ("same_behaviour", "compared"): "inputs_compared",
    ("same_behaviour", "agreement"): "behaviour_agreement",
}


def with_measures(row: Row) -> str:
    """The row's metadata as JSON, with the measures of its verdicts."""
    metadata: dict[str, JSON] = json.loads(row["metadata"])
    for verdict in row["verdicts"]:
        check, evidence = verdict["check"], None
        for name in MEASURES.get(check, ()):
            evidence = evidence if evidence is not None else json.loads(verdict["evidence"])
            if name in evidence:
                metadata.setdefault(NAMES.get((check, name), name), evidence[name])
    return canonical_json(metadata)
