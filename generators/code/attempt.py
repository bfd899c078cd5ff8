"""What an attempt at a problem is made of, and how the next one comes from it, for what solves, repairs or improves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from generators.code.asking import PACKAGE, Asker
from generators.code.dialects import DIALECTS
from generators.code.proving import INDEPENDENT, REPLY_OF, checks_of
from generators.code.replies import read_code
from generators.recipe import Resources
from records.types import JSON, Call, Candidate, Message, Record, Seed, stable_hash
from served_model.prompts import load_prompt
from verifiers.code_blocks import fenced

SOLVER = "solver"  # the role that solves and repairs


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
