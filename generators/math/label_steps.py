"""math/label_steps: data for process reward models, labelled by Monte Carlo rollouts (M10, Math-Shepherd).

The seeds are the attempts of a `math/solve` run. From every step of a right and of a wrong solution, completions are
sampled; how many of them reach the right answer is the label of the step. A record is the question with the solution,
right or wrong, so it goes to the export `step_labels` only.
"""

from __future__ import annotations

from pydantic import Field

from generators.asking import Answer
from generators.attempts import chains_of
from generators.math.asking import Asker, all_of
from generators.math.candidates import PART, SET_ASIDE, answer_of, final_answer, proven_answer, quoted_calls
from generators.recipe import Recipe, Resources, SeedRefused, Settings
from records.types import JSON, Candidate, Message, Record, Seed, stable_hash
from verifiers.solution_steps import Aggregate, split_steps
from verifiers.step_rollouts import StepRollouts

NAME = "math/label_steps"
ROLE = "solver"


class LabelSteps(Settings):
    """What a user may vary. Math-Shepherd draws 8 completions per step."""

    rollouts: int = Field(8, ge=1, le=256, description="completions from each step")
    right: int = Field(1, ge=0, le=64, description="right solutions of one question to label")
    wrong: int = Field(1, ge=0, le=64, description="wrong solutions of one question to label")
    max_steps: int = Field(12, ge=2, le=100, description="longer solutions are left out")
    aggregate: Aggregate = Field("min", description="how labels make one score: min, product, last")
    temperature: float = Field(0.7, ge=0, le=2)
    top_p: float = Field(0.95, gt=0, le=1)
    max_tokens: int = Field(2048, ge=1)


async def propose(seed: Seed, resources: Resources) -> list[Candidate]:
    """One candidate per solution. Raises SeedRefused("no_known_answer" | "no_solution"), ModelError."""
    settings: LabelSteps = resources.settings
    chains = chains_of(seed)
    answer, source = proven_answer(chains)
    if not answer:
        raise SeedRefused("no_known_answer")
    records = [chain[-1] for chain in chains]
    right = _distinct(records, ("all_criteria", "equivalent", "majority_answer"), settings)[: settings.right]
    wrong = _distinct(records, ("wrong_answer", "minority_answer"), settings)[: settings.wrong]
    if not right and not wrong:
        raise SeedRefused("no_solution")
    asker = Asker(NAME, seed, resources)
    return await all_of([_label(asker, record, answer, source) for record in right + wrong])


def _distinct(records: list[Record], reasons: tuple[str, ...], settings: LabelSteps) -> list[Record]:
    """Solutions that were decided for one of the reasons and have steps to label, one for each text."""
    found: dict[str, Record] = {}
    for record in records:
        text = record.candidate.parts[PART]
        if record.deciding.reason in reasons and 1 < len(split_steps(text)) <= settings.max_steps:
            found.setdefault(text.strip(), record)
    return list(found.values())


async def _label(asker: Asker, record: Record, expected: str, source: str) -> Candidate:
    question, solution = record.candidate.parts["question"], record.candidate.parts[PART]
    steps = split_steps(solution)
    drawn = await all_of([_roll_out(asker, record, question, steps[:end]) for end in range(1, len(steps))])
    answers = tuple(tuple(answer_of(one.reply) for one in row) for row in drawn)
    identity = stable_hash(NAME, asker.seed.id, str(asker.resources.round), record.candidate.id)
    settings: LabelSteps = asker.resources.settings
    check = StepRollouts(expected, (*answers, (final_answer(solution),)), settings.aggregate)
    metadata: dict[str, JSON] = {
        "answer_source": source,
        "labels": record.candidate.id,
        "exports": ["step_labels"],
        "round": asker.resources.round,
        SET_ASIDE: {one.reply.key: StepRollouts.kind for row in drawn for one in row},
    }
    return Candidate(
        id=identity,
        chain_id=identity,
        seed=asker.seed,
        recipe=NAME,
        messages=(Message("user", question), Message("assistant", solution)),
        parts={"question": question, PART: solution},
        checks=(check,),
        calls=quoted_calls(record),
        metadata=metadata,
    )


async def _roll_out(asker: Asker, record: Record, question: str, prefix: list[str]) -> list[Answer]:
    settings: LabelSteps = asker.resources.settings
    fields = {"question": question, "solution_so_far": "".join(prefix).strip()}
    index = (record.candidate.id, len(prefix))
    return await all_of([asker.ask("continue", ROLE, fields, *index, number) for number in range(settings.rollouts)])


RECIPE = Recipe(NAME, seeds="attempts", settings=LabelSteps, propose=propose, corpus="run:math/solve")
