"""math/solve: several worked solutions per question, proved by the reference answer or by their own majority (M4-M7).

A record's messages, for the question "How many legs have three cats?" with the reference answer 12:
  user       How many legs have three cats?
  assistant  A cat has 4 legs, so three cats have 3 * 4 = 12 legs. \\boxed{12}
  checks     ResponseHygiene(finish_reason="stop"), MathAnswer(expected="12")
"""

from __future__ import annotations

import asyncio
from collections import Counter

from pydantic import Field, model_validator

from generators.recipe import Recipe, Resources, SeedRefused, Settings
from records.types import Call, Candidate, Check, Message, Seed, stable_hash, stable_seed
from served_model.prompts import load_prompt
from served_model.types import ChatRequest, Reply, Sampling
from verifiers.answer_extraction import extract_answer
from verifiers.answer_text import canonical
from verifiers.equivalence import MAX_CHARACTERS
from verifiers.majority_vote import MajorityVote
from verifiers.math_answer import MathAnswer
from verifiers.response_hygiene import ResponseHygiene

NAME = "math/solve"
ROLE = "solver"
PART = "response"
LONGEST_QUESTION = 20_000  # characters


class SolveSettings(Settings):
    """What a user may vary. T=0.7 and top-p 0.95 are OpenMathReasoning's values; Llama 3 gives none."""

    samples: int = Field(4, ge=1, le=256, description="solutions per question")
    max_samples: int = Field(
        0, ge=0, le=256, description="draw up to this many where the first ones disagree; 0: never"
    )
    temperature: float = Field(0.7, ge=0, le=2)
    top_p: float = Field(0.95, gt=0, le=1)
    max_tokens: int = Field(2048, ge=1)
    min_agreement: float = Field(0.5, ge=0, lt=1, description="share of votes to be exceeded without a reference")
    min_characters: int = Field(20, ge=0)
    max_characters: int = Field(20_000, ge=1)
    max_repeated_share: float = Field(0.3, ge=0, le=1)

    @model_validator(mode="after")
    def _enough_for_a_vote(self) -> SolveSettings:
        if self.max_samples and self.max_samples < self.samples:
            raise ValueError("max_samples must be 0 or at least samples")
        return self


async def propose(seed: Seed, resources: Resources) -> list[Candidate]:
    """One candidate per sampled solution. Raises SeedRefused("no_question" | "question_too_long") and ModelError."""
    settings: SolveSettings = resources.settings
    question = seed.fields.get("question", seed.text).strip()
    if not question:
        raise SeedRefused("no_question")
    if len(question) > LONGEST_QUESTION:
        raise SeedRefused("question_too_long", characters=len(question))
    requests = [_request(seed, question, index, resources) for index in range(settings.samples)]
    replies = await _ask_all(requests, resources)
    if settings.max_samples > settings.samples and _disagree(replies, settings.min_agreement):
        more = [_request(seed, question, index, resources) for index in range(settings.samples, settings.max_samples)]
        requests, replies = requests + more, replies + await _ask_all(more, resources)
    # An answer that is too long to be compared stays too long when it is cut; every sample stores all answers.
    answers = tuple(_answer(reply)[: MAX_CHARACTERS + 1] for reply in replies)
    return [
        _candidate(seed, question, index, resources, (requests[index], replies[index], answers))
        for index in range(len(replies))
    ]


def _request(seed: Seed, question: str, index: int, resources: Resources) -> ChatRequest:
    settings: SolveSettings = resources.settings
    prompt = load_prompt(__package__ or "generators.math", "solve")
    sample_seed = stable_seed(str(resources.run_seed), NAME, str(resources.round), seed.id, str(index))
    return ChatRequest(
        role=ROLE,
        messages=prompt.render(question=question),
        sampling=Sampling(settings.temperature, settings.top_p, settings.max_tokens, sample_seed),
        prompt=prompt.name,
        prompt_sha256=prompt.sha256,
    )


async def _ask_all(requests: list[ChatRequest], resources: Resources) -> list[Reply]:
    """All replies, in order. The first ModelError ends the others and passes through."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(resources.model.ask(request)) for request in requests]
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [task.result() for task in tasks]


def _disagree(replies: list[Reply], min_agreement: float) -> bool:
    """Whether the first samples leave the question open: the sign of a hard one, which gets more samples (M4).

    Answers are compared by their text, not proved: this only decides how many samples are drawn.
    """
    votes = Counter(canonical(_answer(reply)[:MAX_CHARACTERS]) for reply in replies)
    del votes[""]
    return not votes or max(votes.values()) <= min_agreement * len(replies)


def _answer(reply: Reply) -> str:
    found = extract_answer(reply.text)
    return found.text if found else ""


def _candidate(
    seed: Seed, question: str, index: int, resources: Resources, drawn: tuple[ChatRequest, Reply, tuple[str, ...]]
) -> Candidate:
    request, reply, answers = drawn
    identity = stable_hash(NAME, str(resources.run_seed), str(resources.round), seed.id, str(index), reply.key)
    reference = seed.fields.get("answer", "")
    metadata = {
        "answer_source": "reference" if reference else "majority",
        "sample": index,
        "samples": len(answers),
        "round": resources.round,
        "temperature": request.sampling.temperature,
        "top_p": request.sampling.top_p,
    }
    if seed.fields.get("skill"):
        metadata["skill"] = seed.fields["skill"]
    return Candidate(
        id=identity,
        chain_id=identity,
        seed=seed,
        recipe=NAME,
        messages=(Message("user", question), Message("assistant", reply.text)),
        parts={"question": question, PART: reply.text},
        checks=_checks(reference, answers, index, reply, resources.settings),
        calls=(_call(request, reply),),
        metadata=metadata,
    )


def _checks(
    reference: str, answers: tuple[str, ...], index: int, reply: Reply, settings: SolveSettings
) -> tuple[Check, ...]:
    hygiene = ResponseHygiene(
        reply.finish_reason, settings.min_characters, settings.max_characters, settings.max_repeated_share
    )
    if reference:
        return hygiene, MathAnswer(reference)
    return hygiene, MajorityVote(answers, index, settings.min_agreement)


def _call(request: ChatRequest, reply: Reply) -> Call:
    return Call(
        part=PART,
        key=reply.key,
        model=reply.model,
        prompt=request.prompt,
        prompt_sha256=request.prompt_sha256,
        temperature=request.sampling.temperature,
        top_p=request.sampling.top_p,
        seed=request.sampling.seed,
        finish_reason=reply.finish_reason,
    )


RECIPE = Recipe(name=NAME, seeds="questions", settings=SolveSettings, propose=propose)
