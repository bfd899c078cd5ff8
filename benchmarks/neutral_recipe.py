"""The neutral job as a recipe of a user's own: one generation and one judged score per seed.

A config names it by path: use = "benchmarks/neutral_recipe.py:NEUTRAL". Its two requests are the same as those of the
loops that it is measured against (benchmarks/neutral_job.py).
"""

from __future__ import annotations

from benchmarks.neutral_requests import SCHEMA, score_messages, write_messages
from generators.recipe import Recipe, Resources, Settings
from records.types import Call, Candidate, Message, Seed, stable_hash, stable_seed
from served_model.types import ChatRequest, Reply, Sampling
from verifiers.response_hygiene import ResponseHygiene


def _request(role: str, seed: Seed, messages: tuple[Message, ...], run_seed: int) -> ChatRequest:
    sampling = Sampling(0.7, 0.95, 1024, stable_seed(str(run_seed), role, seed.id))
    schema = SCHEMA if role == "judge" else None
    return ChatRequest(role, messages, sampling, f"neutral/{role}", "0" * 64, schema)


async def propose(seed: Seed, resources: Resources) -> list[Candidate]:
    """One candidate, with its score in the metadata."""
    request = _request("writer", seed, write_messages(seed.text), resources.run_seed)
    reply = await resources.model.ask(request)
    judging = _request("judge", seed, score_messages(seed.text, reply.text), resources.run_seed)
    judged = await resources.model.ask(judging)
    identity = stable_hash("neutral", seed.id, reply.key)
    return [
        Candidate(
            id=identity,
            chain_id=identity,
            seed=seed,
            recipe="neutral/write",
            messages=(Message("user", seed.text), Message("assistant", reply.text)),
            parts={"response": reply.text},
            checks=(ResponseHygiene(reply.finish_reason, 20, 20_000, 1.0),),
            calls=(_call("response", request, reply), _call("score", judging, judged)),
            metadata={"score": judged.data["score"]},
        )
    ]


def _call(part: str, request: ChatRequest, reply: Reply) -> Call:
    sampling = request.sampling
    prompt = (request.prompt, request.prompt_sha256)
    return Call(
        part,
        reply.key,
        reply.model,
        *prompt,
        sampling.temperature,
        sampling.top_p,
        sampling.seed,
        reply.finish_reason,
    )


NEUTRAL = Recipe("neutral/write", seeds="questions", settings=Settings, propose=propose)
