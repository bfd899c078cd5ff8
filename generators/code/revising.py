"""The next attempt at a problem whose solution or tests were refused: shared by recipes that solve with tests (C8)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from generators.code.asking import Asker
from generators.code.attempt import SOLVER, ask_independent, next_attempt
from generators.code.feedback import feedback_text
from generators.code.improving import improve
from generators.code.judging import is_refused_by_judge
from generators.code.noise import without_noise
from generators.code.proving import CodeSettings, independent, needed_votes
from generators.code.replies import read_revision, revised_code
from generators.recipe import Resources
from records.types import Call, Candidate, Outcome, Record
from verifiers.agreement import Agreement
from verifiers.code_blocks import fenced

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
    independent solutions do not agree about the tests, another one is asked for first. What only a judge refused is
    written again by `improve`.
    """
    settings: CodeSettings = resources.settings
    last = attempts[-1]
    if is_refused_by_judge(last):
        return await improve(attempts, resources)
    rounds = settings.rounds + sum(map(is_refused_by_judge, attempts))
    if last.deciding.outcome is not Outcome.FAIL or len(attempts) > rounds:
        return None
    if _needs_a_vote(attempts, settings):
        return await _with_another_solution(attempts, resources)
    filtered = await without_noise(attempts, resources)
    if filtered is not None:
        return filtered
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
