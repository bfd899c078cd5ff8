"""A recipe whose requests share prefixes, as dialogues and votes do: turns about a passage, then samples of an answer.

A config names it by path: use = "benchmarks/prefix_recipe.py:DIALOGUE". With P the passage's tokens, a seed's prompts
are P, P + 1 turn, ..., and then the whole dialogue once for each sample.
"""

from __future__ import annotations

import asyncio

from pydantic import Field

from generators.recipe import Recipe, Resources, Settings
from records.types import Candidate, Message, Seed, stable_hash, stable_seed
from served_model.types import ChatRequest, Reply, Sampling
from verifiers.response_hygiene import ResponseHygiene

PART = "response"


class DialogueSettings(Settings):
    """What the benchmark varies."""

    turns: int = Field(4, ge=1, description="questions about the passage, one after another")
    samples: int = Field(4, ge=1, description="answers to the last one")
    max_tokens: int = Field(32, ge=1, description="tokens of a reply")


async def propose(seed: Seed, resources: Resources) -> list[Candidate]:
    """One candidate for each answer to the last question."""
    settings: DialogueSettings = resources.settings
    messages: tuple[Message, ...] = (Message("user", seed.fields["question"]),)

    async def ask(number: int) -> Reply:
        sampling = Sampling(1.0, 1.0, settings.max_tokens, stable_seed(str(resources.run_seed), seed.id, str(number)))
        return await resources.model.ask(ChatRequest("writer", messages, sampling, "benchmark/dialogue", "0" * 64))

    for turn in range(settings.turns):
        reply = await ask(turn)
        messages = (*messages, Message("assistant", reply.text), Message("user", f"And what of point {turn + 1}?"))
    replies = await asyncio.gather(*(ask(settings.turns + sample) for sample in range(settings.samples)))
    return [_candidate(seed, messages, reply) for reply in replies]


def _candidate(seed: Seed, messages: tuple[Message, ...], reply: Reply) -> Candidate:
    identity = stable_hash("benchmark/dialogue", seed.id, reply.key)
    return Candidate(
        id=identity,
        chain_id=identity,
        seed=seed,
        recipe="benchmark/dialogue",
        messages=(*messages, Message("assistant", reply.text)),
        parts={PART: reply.text},
        checks=(ResponseHygiene(reply.finish_reason, 1, 20_000, 1.0),),
        calls=(),
    )


DIALOGUE = Recipe("benchmark/dialogue", seeds="questions", settings=DialogueSettings, propose=propose)
