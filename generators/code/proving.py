"""The settings that all code recipes share, and the checks that prove a solution and its tests."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import Field

from generators.code.dialects import DIALECTS
from generators.code.judging import is_refused_by_judge, quality_check
from generators.recipe import Settings
from records.types import JSON, Check, Outcome, Record
from verifiers.agreement import Agreement
from verifiers.code_static import CodeStatic
from verifiers.code_tests import CodeTests
from verifiers.tests_quality import TestsQuality
from verifiers.tests_strength import TestsStrength

SOFT_PASS_RATE = 1e-9  # more than nothing
INDEPENDENT = "independent_"  # parts that hold solutions which only vote
REPLY_OF = "reply_of_"  # before the name of such a part: the whole reply, for preference pairs (P4)


class CodeSettings(Settings):
    """What a user may vary of any code recipe.

    `rounds` bounds the self-corrections of one problem (the Llama 3 report names no number; KodCode makes up to 10
    attempts). `min_tests` is KodCode's and AceCoder's floor. `pass_policy`: "all" tests, the share `min_pass_rate`
    ("threshold", AceCoder's 0.8), or "soft", which takes any solution that passes something and stores the rate.
    `solutions` counts the solutions that are written independently for each problem, the example's own among them; up
    to `max_solutions` where they do not agree about the tests. 1 leaves the vote out, and so does 0 for `max_mutants`
    leave out the trial of the tests by mutants, coverage and reruns. Python tests that the solution and `noise_votes`
    independent ones fail alike are dropped without asking, as long as `min_tests` are left; 0 leaves that to the
    model. `cpu_s` and `memory_mb` are raised to what a language's runtime needs. With `judge`, a judge also scores the
    program for correctness and style, and both must be 1; what it refuses is written again up to `judge_rounds` times
    where the problem's pass-rate difficulty is `revise_from` or harder, and rejected where it is easier.
    """

    temperature: float = Field(0.7, ge=0, le=2)
    top_p: float = Field(0.95, gt=0, le=1)
    max_tokens: int = Field(2048, ge=64)
    rounds: int = Field(5, ge=0, le=20)
    min_tests: int = Field(5, ge=1, le=50)
    min_assertions: int = Field(5, ge=1, le=200)
    pass_policy: Literal["all", "threshold", "soft"] = "all"
    min_pass_rate: float = Field(0.8, gt=0, le=1)
    solutions: int = Field(2, ge=1, le=32)
    max_solutions: int = Field(4, ge=1, le=64)
    noise_votes: int = Field(0, ge=0, le=32)
    min_mutation_score: float = Field(0.6, ge=0, le=1)
    min_branch_coverage: float = Field(0.9, ge=0, le=1)
    max_mutants: int = Field(12, ge=0, le=1000)
    reruns: int = Field(2, ge=0, le=20)
    judge: bool = False
    judge_votes: int = Field(1, ge=1, le=15)
    revise_from: Literal["easy", "medium", "hard", "never"] = "medium"
    judge_rounds: int = Field(5, ge=0, le=20)
    cpu_s: float = Field(5.0, gt=0, le=600)
    memory_mb: int = Field(256, ge=32, le=16_384)

    @property
    def required_pass_rate(self) -> float:
        """The share of the assertions that a solution must meet under the pass policy."""
        return {"all": 1.0, "threshold": self.min_pass_rate, "soft": SOFT_PASS_RATE}[self.pass_policy]


def checks_of(
    parts: Mapping[str, str], about: Mapping[str, JSON], settings: CodeSettings, attempts: Sequence[Record] = ()
) -> tuple[Check, ...]:
    """Cheap proofs first. `about` names `language`, `entry_point` and, by `keys`, the replies of the voting solutions;
    `attempts` are the earlier ones, oldest first."""
    language, entry_point = str(about["language"]), str(about["entry_point"])
    tests, rate = parts["tests"], settings.required_pass_rate
    former = standard(attempts, tests, about.get("dropped_tests"))
    cpu_s, memory_mb = limits_of(language, settings.cpu_s, settings.memory_mb)
    limits: dict[str, Any] = {"cpu_s": cpu_s, "memory_mb": memory_mb}
    checks: list[Check] = [
        CodeStatic(language, entry_point),
        TestsQuality(language, entry_point, settings.min_tests, settings.min_assertions, former),
        CodeTests(language, tests, entry_point, rate, cpu_s, memory_mb),
    ]
    if settings.max_mutants:
        strength = TestsStrength(
            language,
            tests,
            settings.min_mutation_score,
            settings.min_branch_coverage,
            settings.max_mutants,
            settings.reruns,
            former_tests(attempts, parts),
            **limits,
        )
        checks.append(strength)
    solutions = independent(parts)
    if solutions:
        keys = tuple(str(key) for key in about["keys"])
        failures = failed_solutions(attempts, parts["solution"])
        votes = min(needed_votes(attempts, parts), settings.max_solutions - 1)
        checks.append(Agreement(language, tests, solutions, keys, failures, votes, rate, **limits))
    if settings.judge:
        checks.append(quality_check(language, settings.judge_votes))
    return tuple(checks)


def limits_of(language: str, cpu_s: float, memory_mb: int) -> tuple[float, int]:
    """CPU seconds and MiB: what is asked for, raised to what the language's runtime needs."""
    dialect = DIALECTS[language]
    return max(cpu_s, dialect.cpu_s), max(memory_mb, dialect.memory_mb)


def independent(parts: Mapping[str, str]) -> tuple[str, ...]:
    """The solutions that only vote, in the order in which they were written."""
    names = [name for name in parts if name.startswith(INDEPENDENT)]
    return tuple(parts[name] for name in sorted(names, key=lambda name: int(name.removeprefix(INDEPENDENT))))


def standard(attempts: Sequence[Record], tests: str, dropped: JSON = None) -> str:
    """The tests that a revision is held against: the latest that were found good, else the first, unless refused.

    Not simply those of the last attempt: otherwise a gutted version, refused once, would be the standard for the next.
    Without those that were dropped for noise. Empty where there are none, or where the tests are their own standard.
    """
    good = [record for record in attempts if _said_of_tests(record, Outcome.PASS)]
    if not attempts or (not good and _said_of_tests(attempts[0], Outcome.FAIL)):
        return ""  # worthless tests are no standard; what replaces them has the whole check to pass
    chosen = good[-1] if good else attempts[0]
    earlier = without_flaky(chosen)
    earlier = without_tests(earlier, [str(name) for name in dropped]) if isinstance(dropped, list) else earlier
    return "" if earlier == tests else earlier


def without_tests(tests: str, names: Sequence[str]) -> str:
    """Python tests without the functions of these names. For tests that a worker has parsed before."""
    lines = tests.splitlines(keepends=True)
    for node in ast.parse(tests).body if names else ():
        if isinstance(node, ast.FunctionDef) and node.name in names:
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            lines[first - 1 : node.end_lineno] = [""] * ((node.end_lineno or first) - first + 1)
    return "".join(lines)


def without_flaky(record: Record) -> str:
    """The tests of an attempt, empty where they were found not to say the same on every run: those may go."""
    flaky = record.deciding.reason == "flaky_tests"
    return "" if flaky else record.candidate.parts["tests"]


def former_tests(attempts: Sequence[Record], parts: Mapping[str, str]) -> str:
    """Tests that accepted this very solution and are now replaced: they may not become weaker."""
    for record in reversed(attempts):
        former = record.candidate.parts
        accepted = any(v.check == CodeTests.kind and v.outcome is Outcome.PASS for v in record.verdicts)
        if accepted and former["solution"] == parts["solution"] and former["tests"] != parts["tests"]:
            return former["tests"]
    return ""


def failed_solutions(attempts: Sequence[Record], solution: str) -> int:
    """How many different solutions of the chain failed before this one was written; a judge's refusal is no failure."""
    failed = (record for record in attempts if not is_refused_by_judge(record))
    return len({record.candidate.parts["solution"] for record in failed} - {solution})


def needed_votes(attempts: Sequence[Record], parts: Mapping[str, str]) -> int:
    """Two where tests that refused this very solution gave way to others: one vote may share its mistake."""
    refused = [record for record in attempts if record.deciding.check == CodeTests.kind]
    bent = any(record.candidate.parts["solution"].split() == parts["solution"].split() for record in refused)
    return 2 if bent else 1


def _said_of_tests(record: Record, outcome: Outcome) -> bool:
    return any(verdict.check == TestsQuality.kind and verdict.outcome is outcome for verdict in record.verdicts)
