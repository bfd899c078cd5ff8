"""Hand-made records as shards hold them, for the tests of exports and audit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from records.schema import RECORDS, record_row
from records.tables import write_table
from records.types import Call, Candidate, Check, Message, Outcome, Record, Seed, Verdict

SOFTWARE = "provender 0.0.0"
PASS, FAIL, UNJUDGED = Outcome.PASS, Outcome.FAIL, Outcome.UNJUDGED


@dataclass(frozen=True)
class Tests(Check):
    kind: ClassVar[str] = "code_tests"
    language: str = "python"
    tests: str = "def test_it(): assert add(1, 2) == 3"
    entry_point: str = "add"
    min_pass_rate: float = 1.0
    __test__ = False


@dataclass(frozen=True)
class Answer(Check):
    kind: ClassVar[str] = "math_answer"
    expected: str = "12"


@dataclass(frozen=True)
class Vote(Check):
    kind: ClassVar[str] = "majority_vote"
    answers: tuple[str, ...] = ("12", "12", "13")
    index: int = 0
    min_agreement: float = 0.5


@dataclass(frozen=True)
class Static(Check):
    kind: ClassVar[str] = "code_static"
    language: str = "python"


def seed(number: int = 0, **changes: Any) -> Seed:
    given = {"id": f"seed-{number}", "text": "def add(a, b): ...", "source": f"pool/{number}.py", "licence": "MIT"}
    return Seed(**{**given, **changes})


def call(model: str = "small-model") -> Call:
    return Call("solution", "key", model, "generators.code/solve", "ab" * 32, 0.7, 0.95, 7, "stop")


def row(identity: str, outcome: Outcome = PASS, reason: str = "tests_passed", **changes: Any) -> dict[str, Any]:
    """One stored attempt. `check` decides; what `changes` does not name is a passing code record's."""
    given: dict[str, Any] = {
        "check": Tests(),
        "before": (),
        "evidence": {"status": "ok"},
        "chain": identity,
        "attempt": 0,
        "final": True,
        "seed": seed(),
        "recipe": "code/solve",
        "prompt": "Add two numbers.",
        "reply": f"reply of {identity}",
        "parts": {"solution": "def add(a, b): return a + b"},
        "metadata": {"language": "python"},
        "model": "small-model",
    }
    assert not changes.keys() - given.keys()
    return _row(identity, Verdict(given["check"].kind, outcome, reason), {**given, **changes})


def _row(identity: str, deciding: Verdict, given: Mapping[str, Any]) -> dict[str, Any]:
    check, before = given["check"], given["before"]
    verdict = Verdict(check.kind, deciding.outcome, deciding.reason, given["evidence"])
    candidate = Candidate(
        id=identity,
        chain_id=given["chain"],
        seed=given["seed"],
        recipe=given["recipe"],
        messages=(Message("user", given["prompt"]), Message("assistant", given["reply"])),
        parts=given["parts"],
        checks=(*before, check),
        calls=(call(given["model"]),),
        attempt=given["attempt"],
        revises=f"{given['chain']}-before" if given["attempt"] else None,
        metadata=given["metadata"],
    )
    passed = tuple(Verdict(one.kind, PASS, "clean") for one in before)
    return record_row(Record(candidate, (*passed, verdict)), given["final"], SOFTWARE)


def write_shards(root: Path, *shards: Sequence[Mapping[str, Any]]) -> list[Path]:
    """Shards of a run below `root`, one per list of rows."""
    paths = [root / "shards" / f"recipe-{number:05d}.parquet" for number in range(len(shards))]
    for path, rows in zip(paths, shards, strict=True):
        write_table(path, RECORDS, rows)
    return paths
