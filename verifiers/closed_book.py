"""Proof that the answers of a knowledge probe were given without the document (F3).

The requests are made anew from what is stored, by the same code and prompt file, and their journal keys must be those
of the replies: so the messages looked at here are those that were sent. In none of them may there be a run of words of
the document, or the answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from records.types import Candidate, Check, Message, Outcome, Verdict
from served_model.keys import request_key
from served_model.prompts import load_prompt
from served_model.types import ChatRequest, Sampling
from verifiers.base import Resources
from verifiers.wording import contains, longest_shared_run

LONGEST_RUN = 12
"""Words in a row of which a question may share with the document; contamination is counted from 13-grams on (GPT-3)."""


@dataclass(frozen=True)
class ClosedBook(Check):
    """The `samples` were asked with `prompt` about `wordings`, and none of it gives `reference` or `answer` away.

    A sample names its `key`, `model`, `wording` (an index), `temperature`, `top_p`, `max_tokens` and `seed`.
    """

    kind: ClassVar[str] = "closed_book"
    prompt: str
    wordings: tuple[str, ...]
    samples: tuple[Mapping[str, Any], ...]
    reference: str
    answer: str


async def verify(check: ClosedBook, candidate: Candidate, resources: Resources) -> Verdict:
    """PASS closed_book; FAIL document_in_prompt, answer_in_prompt, other_request (it is not what was sent)."""
    aside = {sample["key"]: check.kind for sample in check.samples}
    for wording in check.wordings:
        sent = "\n".join(message.content for message in closed_book_messages(check.prompt, wording))
        shared = longest_shared_run(sent, check.reference) > LONGEST_RUN
        if shared or contains(wording, check.answer):
            reason = "document_in_prompt" if shared else "answer_in_prompt"
            return Verdict(check.kind, Outcome.FAIL, reason, {"wording": wording[:300], "set_aside": aside})
    for sample in check.samples:
        request = closed_book_request(check.prompt, check.wordings[sample["wording"]], _sampling(sample))
        if request_key(sample["model"], request) != sample["key"]:
            return Verdict(check.kind, Outcome.FAIL, "other_request", {"key": sample["key"], "set_aside": aside})
    return Verdict(check.kind, Outcome.PASS, "closed_book", {"requests": len(check.samples)})


def closed_book_request(prompt_name: str, question: str, sampling: Sampling) -> ChatRequest:
    """The request of one closed-book answer: the prompt file and the question, and nothing else."""
    prompt = load_prompt(*prompt_name.rsplit("/", 1))
    messages = closed_book_messages(prompt_name, question)
    return ChatRequest("solver", messages, sampling, prompt.name, prompt.sha256)


def closed_book_messages(prompt_name: str, question: str) -> tuple[Message, ...]:
    """What is sent."""
    return load_prompt(*prompt_name.rsplit("/", 1)).render(question=question)


def _sampling(sample: Mapping[str, Any]) -> Sampling:
    return Sampling(sample["temperature"], sample["top_p"], sample["max_tokens"], sample["seed"])
