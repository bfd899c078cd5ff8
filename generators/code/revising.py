"""The next attempt at a problem whose solution or tests were refused: shared by recipes that solve with tests (C8)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from generators.code.asking import PACKAGE, Asker
from generators.code.dialects import DIALECTS
from generators.code.feedback import feedback_text
from generators.code.proving import INDEPENDENT, REPLY_OF, CodeSettings, checks_of, independent, needed_votes
from generators.code.replies import read_code, read_revision, revised_code
from generators.recipe import Resources
from records.types import JSON, Call, Candidate, Message, Outcome, Record, Seed, stable_hash
from served_model.prompts import load_prompt
from verifiers.agreement import Agreement
from verifiers.code_blocks import fenced

SOLVER = "solver"

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


async def revise(attempts: Sequence[Record], resources: Resources) -> Candidate | None:
    """The next attempt of a chain whose last one failed, or None when the rounds are spent.

    The model sees what the deciding check reported and rewrites the solution or the tests; the other part stays. Where
    independent solutions do not agree about the tests, another one is asked for first.
    """
    settings: CodeSettings = resources.settings
    last = attempts[-1]
    if last.deciding.outcome is not Outcome.FAIL or len(attempts) > settings.rounds:
        return None
    if _needs_a_vote(attempts, settings):
        return await _with_another_solution(attempts, resources)
    former, attempt = last.candidate, last.candidate.attempt + 1
    language, entry_point = str(former.metadata["language"]), str(former.metadata["entry_point"])
    fields = {name: former.parts[name] for name in ("problem", "signature", "solution", "tests")}
    fields |= {"language": language, "feedback": feedback_text(last.deciding)}
    answer = await Asker(former.seed, resources, attempt).ask("revise", SOLVER, fields, REVISION_SCHEMA)
    revision = read_revision(answer.reply)
    code = revised_code(revision, language, entry_point)
    parts = {**former.parts, revision.change: code}
    if revision.change == "solution":
        parts["solution_reply"] = f"{revision.explanation.strip()}\n\n{fenced(code, language)}".lstrip()
    calls = (*(call for call in former.calls if call.part != revision.change), answer.call(revision.change))
    notes = {"change": revision.change, "diagnosis": revision.diagnosis}
    if 0 < len(independent(parts)) < min(needed_votes(attempts, parts), settings.max_solutions - 1):
        parts, calls = await _with_vote(former, parts, calls, resources)
    return next_attempt(attempts, parts, calls, notes, resources)


def _needs_a_vote(attempts: Sequence[Record], settings: CodeSettings) -> bool:
    """Whether the solutions that vote are too few, or stand against a solution and tests that were looked at again."""
    verdict, former = attempts[-1].deciding, attempts[-1].candidate
    if verdict.check != Agreement.kind or len(independent(former.parts)) + 1 >= settings.max_solutions:
        return False
    looked_at_again = any(
        record.deciding.check == Agreement.kind and record.deciding.reason == "outvoted" for record in attempts[:-1]
    )
    return verdict.reason != "outvoted" or looked_at_again


async def _with_another_solution(attempts: Sequence[Record], resources: Resources) -> Candidate:
    former = attempts[-1].candidate
    parts, calls = await _with_vote(former, former.parts, former.calls, resources)
    return next_attempt(attempts, parts, calls, {"change": "vote"}, resources)


async def _with_vote(
    former: Candidate, parts: Mapping[str, str], calls: tuple[Call, ...], resources: Resources
) -> tuple[dict[str, str], tuple[Call, ...]]:
    """Parts and calls with one more solution that votes."""
    number = len(independent(parts)) + 1
    about = {name: parts[name] for name in ("problem", "signature")}
    about["language"] = str(former.metadata["language"])
    vote, call = await ask_independent(Asker(former.seed, resources, former.attempt + 1), about, number)
    return {**parts, **vote}, (*calls, call)


def about_task(about: Mapping[str, str]) -> dict[str, str]:
    """The fields of the prompt for a solution."""
    dialect = DIALECTS[about["language"]]
    return {**about, "rules": dialect.rules, "quiet": dialect.quiet}


async def ask_independent(asker: Asker, about: Mapping[str, str], number: int) -> tuple[dict[str, str], Call]:
    """One more solution of the same task, written without sight of the first or the tests: its parts and its call."""
    name = f"{INDEPENDENT}{number}"
    answer = await asker.ask("solution", SOLVER, about_task(about), label=name)
    program = read_code(answer.reply, about["language"])
    return {name: program, f"{REPLY_OF}{name}": answer.reply.text}, answer.call(name)


def next_attempt(
    attempts: Sequence[Record],
    parts: Mapping[str, str],
    calls: tuple[Call, ...],
    notes: Mapping[str, JSON],
    resources: Resources,
) -> Candidate:
    """The former attempt with other parts, and the checks that hold for it now."""
    former = attempts[-1].candidate
    attempt = former.attempt + 1
    metadata = {**_kept(former.metadata), "self_corrected": True, **notes}
    return replace(
        former,
        id=identity(former.recipe, former.seed, attempt, calls, resources),
        messages=messages_of(parts, str(metadata["language"])),
        parts=parts,
        checks=checks_of(parts, {**metadata, "keys": voting_keys(calls)}, resources.settings, attempts),
        calls=calls,
        attempt=attempt,
        revises=former.id,
        metadata=metadata,
    )


def _kept(metadata: Mapping[str, JSON]) -> dict[str, JSON]:
    """What holds for every attempt of a chain."""
    return {name: value for name, value in metadata.items() if name not in ("change", "diagnosis")}


def identity(recipe: str, seed: Seed, attempt: int, calls: Sequence[Call], resources: Resources) -> str:
    """The id of a candidate: what it was made from."""
    return stable_hash(recipe, seed.id, str(resources.round), str(attempt), *(call.key for call in calls))


def voting_keys(calls: Sequence[Call]) -> list[str]:
    """Journal keys of the solutions that only vote, in their order."""
    numbered = [
        (int(call.part.removeprefix(INDEPENDENT)), call.key) for call in calls if call.part.startswith(INDEPENDENT)
    ]
    return [key for _, key in sorted(numbered)]


def messages_of(parts: Mapping[str, str], language: str) -> tuple[Message, ...]:
    """The training example: the task as a user would put it, and the reply with its reasoning."""
    signature = fenced(parts["signature"], language)
    question = load_prompt(PACKAGE, "example").render(problem=parts["problem"], signature=signature)
    return (*question, Message("assistant", parts["solution_reply"]))
