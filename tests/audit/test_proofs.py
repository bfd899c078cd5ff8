"""The table of what the trials of tests measured."""

from __future__ import annotations

import json
from typing import Any

from audit.proofs import Proofs


def row(outcome: str, corrected: bool, language: str = "go", score: float | None = None, **more: Any) -> dict[str, Any]:
    evidence = json.dumps({"mutation_score": score, "branch_coverage": 1.0})
    verdicts = [{"check": "tests_strength", "evidence": evidence}] if score is not None else []
    votes = {"check": "agreement", "evidence": json.dumps({"pass_rate": 0.5})}
    metadata = {"language": language, "self_corrected": corrected, "entry_point": "f"}
    whole = {"is_final": True, "outcome": outcome, "recipe": "code/solve_with_tests", "verdicts": [*verdicts, votes]}
    return {**whole, "metadata": json.dumps(metadata), **more}


def test_figures_are_means_over_accepted_problems() -> None:
    proofs = Proofs()
    proofs.add([row("pass", True, score=0.8), row("pass", False, score=1.0), row("fail", True, score=0.0)])
    proofs.add([row("pass", False, "python"), row("pass", True, is_final=False, score=0.0)])
    proofs.add([row("pass", True, metadata="{}")])
    (table,) = proofs.tables()
    assert [tuple(line) for line in table.rows] == [
        ("code/solve_with_tests", "go", 3, 2, "50.0%", "0.90", "0.80", "1.00", "0.50"),
        ("code/solve_with_tests", "python", 1, 1, "0.0%", "", "", "", "0.50"),
    ]


def test_there_is_no_table_without_code() -> None:
    assert Proofs().tables() == ()
