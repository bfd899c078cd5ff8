"""math/evolve: harder problems out of accepted ones, more of them where the skill is weak (M3).

The seeds are the attempts of a `math/solve` run. How many new problems a question gives follows the sampling weight of
its skill, which the corpus reader works out from the pass rates of the whole run. A new problem has no reference: it
is kept with those of its solutions that a majority agrees on, where the problem is new and of a kind with an answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any

from pydantic import Field

from generators.asking import Answer
from generators.attempts import chains_of
from generators.math.asking import Asker, all_of
from generators.math.candidates import PART, SolutionSettings, Truth, answer_of, solution_checks
from generators.math.solve import LONGEST_QUESTION, draw
from generators.math.taxonomy import OTHER, listing, skill_of
from generators.recipe import Recipe, Resources, SeedRefused
from records.types import JSON, Candidate, Message, Outcome, Seed, stable_hash, stable_seed
from verifiers.new_problem import NewProblem
from verifiers.problem_kind import ProblemKind

NAME = "math/evolve"
WRITER = "writer"
SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "skill": {"type": "string"},
        "change": {"type": "string", "minLength": 1},
        "question": {"type": "string", "minLength": 1},
    },
    "required": ["skill", "change", "question"],
    "additionalProperties": False,
}


class Evolve(SolutionSettings):
    """What a user may vary. OpenMathInstruct-2 votes over 32 solutions of a new problem."""

    samples: int = Field(4, ge=2, le=256, description="solutions of each new problem, for the vote")
    problems: float = Field(1.0, gt=0, le=64, description="new problems per question, on the average over skills")
    max_shared: float = Field(0.9, ge=0, le=1, description="word pairs that a new problem may share with the original")


async def propose(seed: Seed, resources: Resources) -> list[Candidate]:
    """The solutions of all new problems. Raises SeedRefused("not_solved" | "strong_skill"), ModelError."""
    settings: Evolve = resources.settings
    solved = [chain[-1] for chain in chains_of(seed) if chain[-1].outcome is Outcome.PASS]
    if not solved:
        raise SeedRefused("not_solved")
    original = solved[0].candidate
    skill = skill_of(str(original.metadata.get("skill", OTHER)))
    weight = float(seed.fields.get("skill_weight", "1"))
    asker = Asker(NAME, seed, resources)
    count = how_many(settings.problems * weight, seed.id, resources)
    if not count:
        raise SeedRefused("strong_skill", skill=skill, weight=round(weight, 6))
    drawn = await all_of([_evolve(asker, original.parts["question"], skill, number) for number in range(count)])
    return [candidate for problem in drawn for candidate in problem]


def how_many(expected: float, seed_id: str, resources: Resources) -> int:
    """A whole number with that mean: the fraction is drawn, the same in every run of the same seed."""
    rng = Random(stable_seed(str(resources.run_seed), NAME, str(resources.round), seed_id, "count"))
    return int(expected) + (rng.random() < expected % 1)


async def _evolve(asker: Asker, original: str, skill: str, number: int) -> list[Candidate]:
    fields = {"original": original, "skills": listing(), "skill": skill if skill != OTHER else "that it asks for"}
    written = await asker.ask("evolve", WRITER, fields, number, schema=SCHEMA)
    question = str(written.reply.data["question"]).strip()[:LONGEST_QUESTION]
    settings: Evolve = asker.resources.settings
    drawn = await draw(asker, question, range(settings.samples))
    answers = tuple(answer_of(one.reply) for one in drawn)
    return [
        _candidate(asker, original, written, (one, Truth("", answers, index, "majority")))
        for index, one in enumerate(drawn)
    ]


def _candidate(asker: Asker, original: str, written: Answer, solution: tuple[Answer, Truth]) -> Candidate:
    answer, truth = solution
    resources = asker.resources
    settings: Evolve = resources.settings
    question = str(written.reply.data["question"]).strip()[:LONGEST_QUESTION]
    identity = stable_hash(
        NAME, asker.seed.id, str(resources.round), written.reply.key, answer.reply.key, str(truth.index)
    )
    metadata: dict[str, JSON] = {
        "answer_source": truth.source,
        "skill": skill_of(str(written.reply.data["skill"])),
        "change": str(written.reply.data["change"]),
        "evolved_from": original,
        "sample": truth.index,
        "samples": len(truth.answers),
        "round": resources.round,
    }
    kinds = (NewProblem((original,), settings.max_shared), ProblemKind())
    return Candidate(
        id=identity,
        chain_id=identity,
        seed=asker.seed,
        recipe=NAME,
        messages=(Message("user", question), Message("assistant", answer.reply.text)),
        parts={"question": question, PART: answer.reply.text},
        checks=(*kinds, *solution_checks(question, answer.reply.text, truth, answer.reply.finish_reason, settings)),
        calls=(written.call("question"), answer.call(PART)),
        metadata=metadata,
    )


RECIPE = Recipe(NAME, seeds="attempts", settings=Evolve, propose=propose, corpus="run:math/solve")
