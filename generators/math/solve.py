"""math/solve: several worked solutions per question, proved by the reference answer or by their own majority (M4-M8).

A record's messages, for the question "How many legs have three cats?" with the reference answer 12:
  user       How many legs have three cats?
  assistant  A cat has 4 legs, so three cats have 3 * 4 = 12 legs. \\boxed{12}
  checks     ResponseHygiene(finish_reason="stop"), MathAnswer(expected="12"), Judged(the first wrong step: none)
"""

from __future__ import annotations

from collections import Counter
from typing import Literal

from pydantic import Field, model_validator

from generators.asking import Answer
from generators.math.asking import Asker, all_of
from generators.math.candidates import PART, SolutionSettings, Truth, answer_of, require_votes, solution_checks
from generators.math.taxonomy import OTHER, listing, skill_of
from generators.recipe import Recipe, Resources, SeedRefused
from records.limits import Limits
from records.types import JSON, Candidate, Check, Message, Seed, stable_hash
from served_model.types import UnreadableReply
from verifiers.answer_text import canonical
from verifiers.equivalence import MAX_CHARACTERS
from verifiers.reward_score import RewardScore
from verifiers.solution_steps import Aggregate

NAME = "math/solve"
ROLE = "solver"
LONGEST_QUESTION = 20_000  # characters
SKILL_SCHEMA = {
    "type": "object",
    "properties": {"skill": {"type": "string"}},
    "required": ["skill"],
    "additionalProperties": False,
}


class SolveSettings(SolutionSettings):
    """What a user may vary."""

    samples: int = Field(4, ge=1, le=256, description="solutions per question")
    max_samples: int = Field(
        0, ge=0, le=256, description="draw up to this many where the first ones disagree; 0: never"
    )
    keep_best: int = Field(
        0, ge=0, description="accepted solutions kept of a question, best reward score first; 0: all of them"
    )
    tag_skills: bool = Field(False, description="ask for the skill of a question whose row names none")
    reward_threshold: float | None = Field(
        None, ge=0, le=1, description="least score by the served reward model (role reward); none: it is not asked"
    )
    reward_of: Literal["outcome", "process"] = Field("outcome", description="whole solutions (ORM) or steps (PRM)")
    reward_aggregate: Aggregate = Field("min", description="how the scores of steps are put together")
    step_tag: str = Field("<extra_0>", description="what the process reward model wants after each step")

    @model_validator(mode="after")
    def _enough_for_a_vote(self) -> SolveSettings:
        if self.max_samples and self.max_samples < self.samples:
            raise ValueError("max_samples must be 0 or at least samples")
        return self


async def propose(seed: Seed, resources: Resources) -> list[Candidate]:
    """One candidate per sampled solution. Raises SeedRefused("no_question" | "question_too_long" | "too_few_votes"),
    ModelError."""
    settings: SolveSettings = resources.settings
    question = seed.fields.get("question", seed.text).strip()
    if not question:
        raise SeedRefused("no_question")
    if len(question) > LONGEST_QUESTION:
        raise SeedRefused("question_too_long", characters=len(question))
    require_votes(seed.fields.get("answer", ""), settings.samples)
    asker = Asker(NAME, seed, resources)
    drawn = await draw(asker, question, range(settings.samples))
    if settings.max_samples > settings.samples and _disagree(drawn, settings.min_agreement):
        drawn += await draw(asker, question, range(settings.samples, settings.max_samples))
    skill = await _skill(asker, question)
    answers = tuple(answer_of(one.reply) for one in drawn)
    return [_candidate(asker, question, index, (one, answers), skill) for index, one in enumerate(drawn)]


async def draw(asker: Asker, question: str, indices: range) -> list[Answer]:
    """Worked solutions of a question, each with its own sampling seed. Raises ModelError."""
    return await all_of([asker.ask("solve", ROLE, {"question": question}, question, index) for index in indices])


def _disagree(drawn: list[Answer], min_agreement: float) -> bool:
    """Whether the first samples leave the question open: the sign of a hard one, which gets more samples (M4).

    Answers are compared by their text, not proved: this only decides how many samples are drawn.
    """
    votes = Counter(canonical(answer_of(one.reply)[:MAX_CHARACTERS]) for one in drawn)
    del votes[""]
    return not votes or max(votes.values()) <= min_agreement * len(drawn)


async def _skill(asker: Asker, question: str) -> str:
    """The skill that the row names, else the one that the model names, where it is asked; "" where it is not."""
    settings: SolveSettings = asker.resources.settings
    named = asker.seed.fields.get("skill", "")
    if named or not settings.tag_skills:
        return named
    fields = {"question": question, "skills": listing()}
    try:
        answer = await asker.ask("skill", "judge", fields, schema=SKILL_SCHEMA)
    except UnreadableReply:
        return OTHER  # a tag is not worth the question
    return skill_of(str(answer.reply.data["skill"]))


def _candidate(asker: Asker, question: str, index: int, drawn: tuple[Answer, tuple[str, ...]], skill: str) -> Candidate:
    answer, answers = drawn
    seed, resources = asker.seed, asker.resources
    identity = stable_hash(NAME, str(resources.run_seed), str(resources.round), seed.id, str(index), answer.reply.key)
    reference = seed.fields.get("answer", "")
    truth = Truth(reference, answers, index, "reference" if reference else "majority")
    metadata: dict[str, JSON] = {
        "answer_source": truth.source,
        "sample": index,
        "samples": len(answers),
        "round": resources.round,
        "temperature": answer.request.sampling.temperature,
        "top_p": answer.request.sampling.top_p,
    }
    if skill:
        metadata["skill"] = skill
    return Candidate(
        id=identity,
        chain_id=identity,
        seed=seed,
        recipe=NAME,
        messages=(Message("user", question), Message("assistant", answer.reply.text)),
        parts={"question": question, PART: answer.reply.text},
        checks=_checks(question, answer, truth, resources.settings),
        calls=(answer.call(PART),),
        metadata=metadata,
    )


def _checks(question: str, answer: Answer, truth: Truth, settings: SolveSettings) -> tuple[Check, ...]:
    checks = solution_checks(question, answer.reply.text, truth, answer.reply.finish_reason, settings)
    if settings.reward_threshold is None:
        return checks
    reward = RewardScore(settings.reward_threshold, settings.reward_of, settings.reward_aggregate, settings.step_tag)
    return (*checks, reward)


def limits(settings: SolveSettings) -> Limits:
    """How many solutions of a question the dataset takes."""
    return Limits(best=settings.keep_best)


RECIPE = Recipe(name=NAME, seeds="questions", settings=SolveSettings, propose=propose, limits=limits)
