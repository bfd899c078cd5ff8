"""Code problems from real snippets, each solved and proved by model-written tests that are themselves on trial.

The recipe of the Llama 3 report (arXiv 2407.21783, section 4.3.1): problem inspired by a snippet, solution with its
reasoning, static stage, tests, execution, and self-correction with the real error output. An independent solution of
the same problem has to pass the tests, too. One accepted record: messages = (task with signature, reasoning with
program), parts = (problem, signature, solution, tests, solution_reply, independent_1).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from generators.asking import Answer
from generators.code.asking import Asker
from generators.code.proving import INDEPENDENT, CodeSettings, checks_of
from generators.code.replies import Task, Unusable, gives_away, read_code, read_task
from generators.code.revising import SOLVER, ask_independent, identity, messages_of, revise, voting_keys
from generators.code.topics import topic_of
from generators.recipe import Recipe, Resources, SeedRefused
from records.types import JSON, Candidate, Seed

NAME = "code/solve_with_tests"
WRITER = "writer"  # the role that invents problem and tests; SOLVER solves and repairs


class SolveWithTests(CodeSettings):
    """What a user may vary."""

    language: Literal["python"] = "python"


@dataclass(frozen=True, slots=True)
class Posed:
    """A problem, the reply that posed it, and what a recipe knows about it beyond its text."""

    task: Task
    answer: Answer
    metadata: Mapping[str, JSON]


async def propose(seed: Seed, resources: Resources) -> list[Candidate]:
    """Four calls: problem with signature, solution, tests, and a second solution that only votes.

    Raises SeedRefused where no usable problem comes back.
    """
    language = resources.settings.language
    answer = await Asker(seed, resources).ask("problem", WRITER, {"language": language, "snippet": seed.text})
    return [await solve(NAME, seed, Posed(read_posed(answer), answer, {}), resources)]


def read_posed(answer: Answer) -> Task:
    """The task of a reply. Raises SeedRefused."""
    try:
        return read_task(answer.reply)
    except Unusable as error:
        raise SeedRefused(str(error), key=answer.reply.key) from error


async def solve(recipe: str, seed: Seed, posed: Posed, resources: Resources) -> Candidate:
    """Solution, tests and the solutions that vote, as the first attempt at a problem. Raises SeedRefused."""
    settings: SolveWithTests = resources.settings
    language, task, asker = settings.language, posed.task, Asker(seed, resources)
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
    calls = [posed.answer.call("problem"), solution.call("solution"), tests.call("tests")]
    for number in range(1, settings.solutions):
        parts[f"{INDEPENDENT}{number}"], call = await ask_independent(asker, about, number)
        calls.append(call)
    metadata = _metadata(posed, resources)
    name = identity(recipe, seed, 0, calls, resources)
    return Candidate(
        id=name,
        chain_id=name,
        seed=seed,
        recipe=recipe,
        messages=messages_of(parts, language),
        parts=parts,
        checks=checks_of(parts, {**metadata, "keys": voting_keys(calls)}, settings),
        calls=tuple(calls),
        metadata=metadata,
    )


def _metadata(posed: Posed, resources: Resources) -> dict[str, JSON]:
    return {
        "language": resources.settings.language,
        "entry_point": posed.task.entry_point,
        "topic": topic_of(posed.task.problem),
        "self_corrected": False,
        "round": resources.round,
        **posed.metadata,
    }


RECIPE = Recipe(NAME, seeds="source_code", settings=SolveWithTests, propose=propose, revise=revise, sandbox=True)
