"""Code problems from real snippets, each solved and proved by model-written tests that are themselves on trial.

The recipe of the Llama 3 report (arXiv 2407.21783, section 4.3.1): problem inspired by a snippet, solution with its
reasoning, static stage, tests, execution, and self-correction with the real error output. One accepted record:
messages = (task with signature, reasoning with program), parts = (problem, signature, solution, tests, solution_reply).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from pydantic import Field

from generators.code.asking import PACKAGE, Asker
from generators.code.feedback import feedback_text
from generators.code.replies import Unusable, gives_away, read_code, read_revision, read_task, revised_code
from generators.recipe import Recipe, Resources, SeedRefused, Settings
from records.types import JSON, Call, Candidate, Check, Message, Outcome, Record, Seed, stable_hash
from served_model.prompts import load_prompt
from verifiers.code_blocks import fenced
from verifiers.code_static import CodeStatic
from verifiers.code_tests import CodeTests
from verifiers.tests_quality import TestsQuality

NAME = "code/solve_with_tests"
WRITER, SOLVER = "writer", "solver"  # roles: who invents problem and tests, who solves and repairs

REVISION_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "diagnosis": {"type": "string"},
        "explanation": {"type": "string"},
        "change": {"type": "string", "enum": ["solution", "tests"]},
        "code": {"type": "string"},
    },
    "required": ["diagnosis", "explanation", "change", "code"],
    "additionalProperties": False,
}


class SolveWithTests(Settings):
    """What a user may vary. `rounds` bounds the self-corrections of one problem (the report names no number);
    `min_tests` is KodCode's and AceCoder's floor; `min_pass_rate` below 1 accepts solutions that fail some tests."""

    language: Literal["python"] = "python"
    temperature: float = Field(0.7, ge=0, le=2)
    top_p: float = Field(0.95, gt=0, le=1)
    max_tokens: int = Field(2048, ge=64)
    rounds: int = Field(3, ge=0, le=20)
    min_tests: int = Field(5, ge=1, le=50)
    min_assertions: int = Field(5, ge=1, le=200)
    min_pass_rate: float = Field(1.0, gt=0, le=1)
    cpu_s: float = Field(5.0, gt=0, le=600)
    memory_mb: int = Field(256, ge=32, le=16_384)


async def propose(seed: Seed, resources: Resources) -> list[Candidate]:
    """Three calls: problem with signature, solution, tests. Raises SeedRefused where no usable problem comes back."""
    settings: SolveWithTests = resources.settings
    language = settings.language
    asker = Asker(seed, resources)
    problem = await asker.ask("problem", WRITER, {"language": language, "snippet": seed.text})
    try:
        task = read_task(problem.reply)
    except Unusable as error:
        raise SeedRefused(str(error), key=problem.reply.key) from error
    about = {"language": language, "problem": task.problem, "signature": task.signature}
    solution = await asker.ask("solution", SOLVER, about)
    program = read_code(solution.reply, language, task.entry_point)
    if gives_away(task.problem, program):
        raise SeedRefused("solution_in_problem", key=solution.reply.key)
    tests = await asker.ask("tests", WRITER, {**about, "min_tests": str(settings.min_tests)})
    parts = {
        "problem": task.problem,
        "signature": task.signature,
        "solution": program,
        "tests": read_code(tests.reply, language),
        "solution_reply": solution.reply.text,
    }
    calls = (problem.call("problem"), solution.call("solution"), tests.call("tests"))
    return [_first(seed, parts, calls, task.entry_point, resources)]


def _first(
    seed: Seed, parts: Mapping[str, str], calls: tuple[Call, ...], entry_point: str, resources: Resources
) -> Candidate:
    identity = _identity(seed, 0, calls, resources)
    return Candidate(
        id=identity,
        chain_id=identity,
        seed=seed,
        recipe=NAME,
        messages=_messages(parts, resources.settings.language),
        parts=parts,
        checks=_checks(parts, entry_point, resources.settings),
        calls=calls,
        metadata=_metadata(resources, entry_point, 0),
    )


async def revise(attempts: Sequence[Record], resources: Resources) -> Candidate | None:
    """The next attempt of a chain whose last one failed, or None when the rounds are spent.

    The model sees what the deciding check reported and rewrites the solution or the tests; the other part stays.
    """
    settings: SolveWithTests = resources.settings
    last = attempts[-1]
    if last.deciding.outcome is not Outcome.FAIL or len(attempts) > settings.rounds:
        return None
    former, attempt = last.candidate, last.candidate.attempt + 1
    entry_point = str(former.metadata["entry_point"])
    fields = {name: former.parts[name] for name in ("problem", "signature", "solution", "tests")}
    fields |= {"language": settings.language, "feedback": feedback_text(last.deciding)}
    answer = await Asker(former.seed, resources, attempt).ask("revise", SOLVER, fields, REVISION_SCHEMA)
    revision = read_revision(answer.reply)
    code = revised_code(revision, settings.language, entry_point)
    parts = {**former.parts, revision.change: code}
    if revision.change == "solution":
        parts["solution_reply"] = f"{revision.explanation.strip()}\n\n{fenced(code, settings.language)}".lstrip()
    calls = (*(call for call in former.calls if call.part != revision.change), answer.call(revision.change))
    return replace(
        former,
        id=_identity(former.seed, attempt, calls, resources),
        messages=_messages(parts, settings.language),
        parts=parts,
        checks=_checks(parts, entry_point, settings, _standard(attempts)),
        calls=calls,
        attempt=attempt,
        revises=former.id,
        metadata={
            **_metadata(resources, entry_point, attempt),
            "change": revision.change,
            "diagnosis": revision.diagnosis,
        },
    )


def _identity(seed: Seed, attempt: int, calls: Sequence[Call], resources: Resources) -> str:
    return stable_hash(NAME, seed.id, str(resources.round), str(attempt), *(call.key for call in calls))


def _standard(attempts: Sequence[Record]) -> str:
    """The tests that a revision is held against: the latest that were found good, else the first, unless refused.

    Not simply those of the last attempt: otherwise a gutted version, refused once, would be the standard for the next.
    """
    good = [record for record in attempts if _said_of_tests(record, Outcome.PASS)]
    if not good and _said_of_tests(attempts[0], Outcome.FAIL):
        return ""  # worthless tests are no standard; what replaces them has the whole check to pass
    return (good[-1] if good else attempts[0]).candidate.parts["tests"]


def _said_of_tests(record: Record, outcome: Outcome) -> bool:
    return any(verdict.check == TestsQuality.kind and verdict.outcome is outcome for verdict in record.verdicts)


def _checks(
    parts: Mapping[str, str], entry_point: str, settings: SolveWithTests, standard: str = ""
) -> tuple[Check, ...]:
    """Cheap proofs first. Tests that are their own standard need no comparison with it."""
    return (
        CodeStatic(settings.language, entry_point),
        TestsQuality(
            language=settings.language,
            entry_point=entry_point,
            min_tests=settings.min_tests,
            min_assertions=settings.min_assertions,
            previous="" if standard == parts["tests"] else standard,
        ),
        CodeTests(
            language=settings.language,
            tests=parts["tests"],
            entry_point=entry_point,
            min_pass_rate=settings.min_pass_rate,
            cpu_s=settings.cpu_s,
            memory_mb=settings.memory_mb,
        ),
    )


def _messages(parts: Mapping[str, str], language: str) -> tuple[Message, ...]:
    """The training example: the task as a user would put it, and the reply with its reasoning."""
    signature = fenced(parts["signature"], language)
    question = load_prompt(PACKAGE, "example").render(problem=parts["problem"], signature=signature)
    return (*question, Message("assistant", parts["solution_reply"]))


def _metadata(resources: Resources, entry_point: str, attempt: int) -> dict[str, JSON]:
    return {
        "language": resources.settings.language,
        "entry_point": entry_point,
        "self_corrected": attempt > 0,
        "round": resources.round,
    }


RECIPE = Recipe(NAME, seeds="source_code", settings=SolveWithTests, propose=propose, revise=revise, sandbox=True)
