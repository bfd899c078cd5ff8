"""math/learn_from_mistakes: a wrong solution, what is wrong with it, and a verified correction, as a dialogue (M13).

A record's messages: the question; the wrong solution, as it was sampled; "There is a mistake ..."; what is wrong, and a
correct solution. The seeds are the attempts of a `math/solve` run. A correction must reach the right answer by sound
steps, and the step that it names as wrong must be the one that a judge, who is not told, names as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field, ValidationError

from generators.attempts import chains_of
from generators.math.asking import PACKAGE, Asker, all_of
from generators.math.candidates import (
    PART,
    RETRIES,
    SOUND_STEPS,
    STEP_CHECK,
    SolutionSettings,
    Truth,
    numbered,
    proven_answer,
    quoted_calls,
    solution_checks,
)
from generators.recipe import Recipe, Resources, SeedRefused, Settings
from records.types import JSON, Candidate, Check, Message, Record, Seed, stable_hash
from served_model.prompts import load_prompt
from served_model.types import UnreadableReply
from verifiers.judged import Judged
from verifiers.judging import Criterion, Panel
from verifiers.solution_steps import split_steps

NAME = "math/learn_from_mistakes"
ROLE = "solver"
WRONG = frozenset({"wrong_answer", "minority_answer", f"not_{SOUND_STEPS}"})
SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "first_wrong_step": {"type": "integer", "minimum": 1, "maximum": 1000},
        "what_is_wrong": {"type": "string", "minLength": 1},
        "corrected_solution": {"type": "string", "minLength": 1},
    },
    "required": ["first_wrong_step", "what_is_wrong", "corrected_solution"],
    "additionalProperties": False,
}


class LearnFromMistakes(SolutionSettings):
    """What a user may vary. `judge_diagnosis` has the named step held against a judge's own finding."""

    mistakes: int = Field(1, ge=1, le=64, description="wrong solutions of one question to correct")
    judge_diagnosis: bool = Field(True, description="a judge must find the same first wrong step")


class Correction(Settings):
    """The reply to the prompt."""

    first_wrong_step: int
    what_is_wrong: str
    corrected_solution: str


async def propose(seed: Seed, resources: Resources) -> list[Candidate]:
    """One candidate per wrong solution. Raises SeedRefused("no_mistake" | "no_known_answer"), ModelError."""
    settings: LearnFromMistakes = resources.settings
    chains = chains_of(seed)
    wrong = _mistakes([chain[-1] for chain in chains])[: settings.mistakes]
    if not wrong:
        raise SeedRefused("no_mistake")
    answer, source = proven_answer(chains)
    if not answer:
        raise SeedRefused("no_known_answer")
    truth = Truth(reference=answer, source=source)
    asker = Asker(NAME, seed, resources)
    return await all_of([_correct(asker, record, truth) for record in wrong])


def _mistakes(records: list[Record]) -> list[Record]:
    """The refused solutions that are wrong, one for each text."""
    found: dict[str, Record] = {}
    for record in records:
        if record.deciding.reason in WRONG and len(split_steps(record.candidate.parts[PART])) > 1:
            found.setdefault(record.candidate.parts[PART].strip(), record)
    return list(found.values())


async def _correct(asker: Asker, mistake: Record, truth: Truth) -> Candidate:
    question, wrong = mistake.candidate.parts["question"], mistake.candidate.parts[PART]
    steps = split_steps(wrong)
    fields = {"question": question, "wrong_solution": numbered(steps)}
    answer = await asker.ask("correct", ROLE, fields, mistake.candidate.id, schema=SCHEMA)
    correction = _read(answer.reply.data)
    critique = f"Step {correction.first_wrong_step} is wrong. {correction.what_is_wrong.strip()}"
    solution = correction.corrected_solution.strip()
    dialogue = load_prompt(PACKAGE, "mistake").render(question=question, wrong_solution=wrong.strip())
    resources = asker.resources
    identity = stable_hash(NAME, asker.seed.id, str(resources.round), mistake.candidate.id, answer.reply.key)
    metadata: dict[str, JSON] = {
        "answer_source": truth.source,
        "corrects": mistake.candidate.id,
        "first_wrong_step": correction.first_wrong_step,
        "round": resources.round,
    }
    if mistake.candidate.metadata.get("skill"):
        metadata["skill"] = mistake.candidate.metadata["skill"]
    checks = solution_checks(question, solution, truth, answer.reply.finish_reason, resources.settings)
    return Candidate(
        id=identity,
        chain_id=identity,
        seed=asker.seed,
        recipe=NAME,
        messages=(*dialogue, Message("assistant", f"{critique}\n\n{solution}")),
        parts={"question": question, "wrong_solution": wrong, "critique": critique, PART: solution},
        checks=(*checks, *_diagnosis(question, steps, correction.first_wrong_step, resources.settings)),
        calls=(answer.call(PART), *quoted_calls(mistake)),
        metadata=metadata,
    )


def _read(data: Any) -> Correction:
    try:
        return Correction.model_validate(data)
    except ValidationError as error:
        raise UnreadableReply(f"not a correction: {error.error_count()} field(s) do not fit") from error


def _diagnosis(question: str, steps: list[str], named: int, settings: LearnFromMistakes) -> tuple[Check, ...]:
    """The judge reads the wrong solution without the correction; only the step that was named passes."""
    if not settings.judge_diagnosis:
        return ()
    values = tuple(range(max(len(steps), named) + 1))
    return (
        Judged(
            prompt=STEP_CHECK,
            criteria=(Criterion(SOUND_STEPS, values=values, passing=(named,)),),
            fields={"question": question, "steps": numbered(steps)},
            panel=Panel(votes=settings.judge_votes, retries=RETRIES),
        ),
    )


RECIPE = Recipe(NAME, seeds="attempts", settings=LearnFromMistakes, propose=propose, corpus="run:math/solve")
