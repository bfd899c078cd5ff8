"""Code problems from real snippets, each solved and proved by model-written tests that are themselves on trial.

In every language that the sandbox runs (`generators/code/dialects.py`). The recipe of the Llama 3 report (arXiv
2407.21783, section 4.3.1): problem inspired by a snippet, solution with its reasoning, static stage, tests, execution,
and self-correction with the real error output. An independent solution of the same problem has to pass the tests, too.
One accepted record: messages = (task with signature, reasoning with program), parts = (problem, signature, solution,
tests, solution_reply, independent_1, reply_of_independent_1).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from generators.asking import Answer
from generators.code.asking import Asker
from generators.code.attempt import SOLVER, about_task, ask_independent, identity, messages_of, voting_keys
from generators.code.dialects import DIALECTS, CodeLanguage, prompt_for_tests
from generators.code.proving import CodeSettings, checks_of
from generators.code.replies import Task, Unusable, gives_away, read_code, read_task
from generators.code.revising import revise
from generators.code.topics import topic_of
from generators.recipe import Recipe, Resources, SeedRefused
from records.types import JSON, Candidate, Seed

NAME = "code/solve_with_tests"
WRITER = "writer"  # the role that invents problem and tests; SOLVER solves and repairs


class SolveWithTests(CodeSettings):
    """What a user may vary. Snippets are taken in the language of the tasks, or in `any_snippet` language."""

    language: CodeLanguage = "python"
    any_snippet: bool = False


@dataclass(frozen=True, slots=True)
class Posed:
    """A problem, the reply that posed it, and what a recipe knows about it beyond its text."""

    task: Task
    answer: Answer
    metadata: Mapping[str, JSON]


async def propose(seed: Seed, resources: Resources) -> list[Candidate]:
    """Four calls: problem with signature, solution, tests, and a second solution that only votes.

    Raises SeedRefused where the snippet is in another language, or no usable problem comes back.
    """
    settings: SolveWithTests = resources.settings
    language = settings.language
    written_in = seed.fields.get("language", language)
    if written_in != language and not settings.any_snippet:
        raise SeedRefused("snippet_in_other_language", language=written_in)
    fields = {"language": language, "snippet": seed.text, **posing(language)}
    answer = await Asker(seed, resources).ask("problem", WRITER, fields)
    return [await solve(NAME, seed, Posed(read_posed(answer, language), answer, {}), resources)]


def posing(language: str) -> dict[str, str]:
    """What a prompt for a task says about the language."""
    return {"form": DIALECTS[language].form, "signature_rule": DIALECTS[language].signature}


def read_posed(answer: Answer, language: str) -> Task:
    """The task of a reply. Raises SeedRefused."""
    try:
        return read_task(answer.reply, language)
    except Unusable as error:
        raise SeedRefused(str(error), key=answer.reply.key) from error


async def solve(recipe: str, seed: Seed, posed: Posed, resources: Resources) -> Candidate:
    """Solution, tests and the solutions that vote, as the first attempt at a problem. Raises SeedRefused."""
    settings: SolveWithTests = resources.settings
    language, task, asker = settings.language, posed.task, Asker(seed, resources)
    about = {"language": language, "problem": task.problem, "signature": task.signature}
    solution = await asker.ask("solution", SOLVER, about_task(about))
    program = read_code(solution.reply, language, task.entry_point)
    if gives_away(task.problem, program):
        raise SeedRefused("solution_in_problem", key=solution.reply.key)
    wanted = {name: about[name] for name in ("problem", "signature")} | {"min_tests": str(settings.min_tests)}
    if language == "python":
        wanted["language"] = language
    tests = await asker.ask(prompt_for_tests(language), WRITER, wanted)
    parts = {
        "problem": task.problem,
        "signature": task.signature,
        "solution": program,
        "tests": read_code(tests.reply, language),
        "solution_reply": solution.reply.text,
    }
    calls = [posed.answer.call("problem"), solution.call("solution"), tests.call("tests")]
    for number in range(1, settings.solutions):
        vote, call = await ask_independent(asker, about, number)
        parts |= vote
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


RECIPE = Recipe(
    NAME,
    seeds="source_code",
    settings=SolveWithTests,
    propose=propose,
    revise=revise,
    sandbox=True,
    languages=lambda settings: (settings.language,),
)
