"""Harder variants of accepted problems, each solved and proved anew (Evol-Instruct for code: constraint, composition,
scale).

A variant is only worth its name if the old solution does not solve it: the accepted solution of the parent has to fail
the new tests. Otherwise everything holds that holds for `code/solve_with_tests`. Difficulty rises over rounds: a run's
output is the corpus of the next one. One accepted record: as there, and the parent's solution as part `parent`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from pydantic import Field

from generators.code.accepted import SOURCE, accepted_chains, entry_point_of
from generators.code.asking import Asker
from generators.code.dialects import CodeLanguage
from generators.code.proving import CodeSettings, limits_of
from generators.code.revising import revise as revise_solution
from generators.code.solve_with_tests import WRITER, Posed, posing, read_posed, solve
from generators.recipe import Recipe, Resources, SeedRefused
from records.types import Candidate, Record, Seed, stable_seed
from verifiers.judged import Judged
from verifiers.must_fail import MustFail

NAME = "code/evolve"
PARENT = "parent"

OPERATIONS = {
    "constraint": "Add a constraint or an edge case that changes what the function must do for some inputs.",
    "composition": "Add a second step that works on the result of the first one, so that both have to be right.",
    "scale": "Demand that it works for inputs so large that the straightforward way is too slow, and one more rule.",
}


class Evolve(CodeSettings):
    """What a user may vary. `operations` are drawn from, one per problem."""

    language: CodeLanguage = "python"
    operations: tuple[Literal["constraint", "composition", "scale"], ...] = Field(
        ("constraint", "composition", "scale"), min_length=1
    )


async def propose(seed: Seed, resources: Resources) -> list[Candidate]:
    """Four calls, and one for each solution that votes: the variant, its solution, its tests. Raises SeedRefused."""
    settings: Evolve = resources.settings
    parent = accepted_chains(seed, settings.language)[0][-1]
    asker = Asker(seed, resources)
    number = stable_seed(str(resources.run_seed), str(resources.round), parent.candidate.id, "operation")
    operation = settings.operations[number % len(settings.operations)]
    fields = {name: parent.candidate.parts[name] for name in ("problem", "signature", "solution")}
    fields |= {"language": settings.language, "operation": OPERATIONS[operation], **posing(settings.language)}
    answer = await asker.ask("evolve", WRITER, fields)
    task = read_posed(answer, settings.language)
    if "".join(task.problem.split()) == "".join(fields["problem"].split()):
        raise SeedRefused("same_problem", key=answer.reply.key)
    about = {
        "operation": operation,
        "evolved_from": parent.candidate.id,
        "generation": int(parent.candidate.metadata.get("generation", 0)) + 1,
        "parent_entry_point": entry_point_of(parent),
    }
    return [_with_parent(await solve(NAME, seed, Posed(task, answer, about), resources), fields["solution"])]


async def revise(attempts: Sequence[Record], resources: Resources) -> Candidate | None:
    """As for `code/solve_with_tests`."""
    revision = await revise_solution(attempts, resources)
    return None if revision is None else _with_parent(revision, attempts[-1].candidate.parts[PARENT])


def _with_parent(candidate: Candidate, parent: str) -> Candidate:
    """The candidate with the check that the parent's solution does not do. It needs proved tests, and is cheaper than a
    judge."""
    entry_point, former = (str(candidate.metadata[name]) for name in ("entry_point", "parent_entry_point"))
    language = str(candidate.metadata["language"])
    append = ""
    if language != "python":  # few of the others can give a function a second name behind its end
        parent = re.sub(rf"\b{re.escape(former)}\b", entry_point, parent)
    elif entry_point != former:
        append = f"\n\n{entry_point} = {former}\n"
    limits = limits_of(language, MustFail.cpu_s, MustFail.memory_mb)
    check = MustFail(language, candidate.parts["tests"], PARENT, append, *limits)
    executed = tuple(one for one in candidate.checks if not isinstance(one, Judged))
    judged = candidate.checks[len(executed) :]
    return replace(candidate, parts={**candidate.parts, PARENT: parent}, checks=(*executed, check, *judged))


RECIPE = Recipe(
    NAME,
    seeds="attempts",
    settings=Evolve,
    propose=propose,
    revise=revise,
    sandbox=True,
    languages=lambda settings: (settings.language,),
    corpus=SOURCE,
)
