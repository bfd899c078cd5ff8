"""The closed-book answers of a probe: which are asked for, with which sampling, and how a check stores them (F3)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from generators.factuality.asking import PACKAGE
from generators.recipe import Resources
from records.types import Call, stable_seed
from served_model.prompts import load_prompt
from served_model.types import Reply, Sampling
from verifiers.closed_book import closed_book_request
from verifiers.judging import gather

PROMPT = f"{PACKAGE}/closed_book"


@dataclass(frozen=True)
class Plan:
    """How many answers to the question and to each paraphrase; `greedy` is one at temperature 0 to each wording."""

    greedy: bool
    samples: int
    paraphrase_samples: int
    temperature: float
    top_p: float

    def sampling(self, wording: int) -> Iterator[tuple[float, float]]:
        """Temperature and top-p of every answer to one wording."""
        if self.greedy:
            yield 0.0, 1.0
        for _ in range(self.paraphrase_samples if wording else self.samples):
            yield self.temperature, self.top_p


async def ask_samples(
    question: str, wordings: Sequence[str], plan: Plan, max_tokens: int, resources: Resources
) -> tuple[dict[str, Any], ...]:
    """All answers, with all that the requests were made of. `question` makes their seeds. Raises ModelError."""
    planned = [
        (wording, Sampling(*cold, max_tokens, _seed(question, wording, number, resources)))
        for wording in range(len(wordings))
        for number, cold in enumerate(plan.sampling(wording))
    ]
    requests = [closed_book_request(PROMPT, wordings[wording], sampling) for wording, sampling in planned]
    replies = await gather([resources.model.ask(one) for one in requests])
    return tuple(_sample(*one, reply) for one, reply in zip(planned, replies, strict=True))


def _seed(question: str, wording: int, number: int, resources: Resources) -> int:
    return stable_seed(
        str(resources.run_seed), "closed_book", str(resources.round), question, str(wording), str(number)
    )


def _sample(wording: int, sampling: Sampling, reply: Reply) -> dict[str, Any]:
    return {
        "text": reply.text,
        "key": reply.key,
        "model": reply.model,
        "wording": wording,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "max_tokens": sampling.max_tokens,
        "seed": sampling.seed,
        "finish_reason": reply.finish_reason,
    }


def closed_book_sample(sample: Mapping[str, Any]) -> dict[str, Any]:
    """What of a sample says how it was asked for."""
    return {name: value for name, value in sample.items() if name not in ("text", "finish_reason")}


def sample_call(sample: Mapping[str, Any]) -> Call:
    """The entry of a candidate's `calls` for the sample that it shows."""
    prompt = load_prompt(*PROMPT.rsplit("/", 1))
    return Call(
        part="response",
        key=sample["key"],
        model=sample["model"],
        prompt=prompt.name,
        prompt_sha256=prompt.sha256,
        temperature=sample["temperature"],
        top_p=sample["top_p"],
        seed=sample["seed"],
        finish_reason=sample["finish_reason"],
    )
