"""Pass rates per skill in the report: weakest first, with the weight that the sampling follows."""

from __future__ import annotations

import json

from audit.skills import Skills


def row(skill: str | None, outcome: str, is_final: bool = True) -> dict[str, object]:
    metadata = json.dumps({"skill": skill} if skill else {})
    return {"is_final": is_final, "outcome": outcome, "recipe": "math/solve", "metadata": metadata}


def test_the_weakest_skill_stands_first_with_the_largest_weight():
    skills = Skills()
    skills.add([row("geometry", "pass")] * 9 + [row("geometry", "fail")] + [row("primes", "fail")] * 9)
    skills.add([row("primes", "pass"), row("primes", "unjudged"), row(None, "pass"), row("primes", "pass", False)])
    (table,) = skills.tables()
    assert [line[0] for line in table.rows] == ["primes", "geometry"]
    assert str(table.rows[0][1]).startswith("10") and float(str(table.rows[0][2])) > float(str(table.rows[1][2]))
    assert Skills().tables() == ()
