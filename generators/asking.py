"""What every domain's questions share: the sampling that a recipe's settings hold, a reply with its request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from records.types import Call
from served_model.types import ChatRequest, Reply


class SamplingSettings(Protocol):
    """What of a recipe's settings goes into every request."""

    @property
    def temperature(self) -> float: ...

    @property
    def top_p(self) -> float: ...

    @property
    def max_tokens(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply with the request that it answers."""

    request: ChatRequest
    reply: Reply

    def call(self, part: str) -> Call:
        """The entry of a candidate's `calls`: this reply wrote `part`."""
        sampling = self.request.sampling
        return Call(
            part=part,
            key=self.reply.key,
            model=self.reply.model,
            prompt=self.request.prompt,
            prompt_sha256=self.request.prompt_sha256,
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            seed=sampling.seed,
            finish_reason=self.reply.finish_reason,
        )
