"""Served reward models, of outcomes (ORM) and of processes (PRM), through vLLM's pooling endpoints.

A role of the config whose `api` is one of these is asked there instead of for a completion (vLLM, "Pooling Models"):

- "score": POST /score, {"text_1": question, "text_2": solution}; the answer has one `score`. Cross-encoders.
- "classify": POST /classify with messages; the answer has `probs` by class. Sequence classification, one score a text.
- "pooling": POST /pooling with messages; the answer has a row of numbers per pooled token. Process reward models pool
  at a step tag that the caller writes after each step (Qwen2.5-Math-PRM: "<extra_0>"), and give [wrong, right] there.

The reply's text is the rows as JSON, so that scores lie in the journal, and are replayed, like any other reply.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from records.types import Message, canonical_json
from served_model.types import ChatRequest, Reply, Sampling, UnreadableReply, Usage

Api = Literal["chat", "guard", "score", "classify", "pooling"]
CHAT_APIS = ("chat", "guard")  # asked for a completion; a guard also for its score, see served_model.guard_scores
PATHS: Mapping[str, str] = {"score": "/score", "classify": "/classify", "pooling": "/pooling"}
ROLE = "reward"
MAX_ROWS = 4096
V1 = "/v1"


class NotScores(Exception):
    """The answer holds no scores; the text says why."""


def reward_request(question: str, solution: str, role: str = ROLE) -> ChatRequest:
    """What a reward model is asked about a solution. Nothing is sampled, so there is no seed to vary."""
    messages = (Message("user", question), Message("assistant", solution))
    return ChatRequest(role, messages, Sampling(0.0, 1.0, 1, 0), "served_model/reward", "")


def tagged(steps: Sequence[str], step_tag: str) -> str:
    """The steps as a process reward model reads them: its tag after each."""
    return "".join(f"{step.strip()}{step_tag}" for step in steps)


def scoring_url(base_url: str, api: str) -> str:
    """Pooling endpoints stand beside /v1, not below it."""
    return base_url.rstrip("/").removesuffix(V1) + PATHS[api]


def scoring_body(model_name: str, api: str, request: ChatRequest) -> dict[str, Any]:
    """The JSON body. A score request has no system message; what stands before the last turn is the first text."""
    if api == "score":
        first = "\n\n".join(message.content for message in request.messages[:-1])
        return {"model": model_name, "text_1": first, "text_2": request.messages[-1].content}
    messages = [{"role": message.role, "content": message.content} for message in request.messages]
    return {
        "model": model_name,
        "messages": messages,
        "add_generation_prompt": False,
        **({"encoding_format": "float"} if api == "pooling" else {}),
    }


def read_scoring(api: str, body: Any) -> tuple[str, Usage]:
    """The rows of an answer as JSON text. Raises NotScores."""
    data = body.get("data") if isinstance(body, dict) else None
    if not isinstance(data, list) or len(data) != 1 or not isinstance(data[0], dict):
        raise NotScores("the answer holds not exactly one item of data")
    item = data[0]
    value = {"score": item.get("score"), "classify": item.get("probs"), "pooling": item.get("data")}[api]
    return canonical_json({"rows": _rows(value)}), _usage(body.get("usage"))


def _rows(value: Any) -> list[list[float]]:
    """One number, a list of them, or a list of lists, as rows."""
    rows = value if isinstance(value, list) else [value]
    nested = all(isinstance(row, list) for row in rows)
    rows = rows if nested else [rows]
    if not rows or len(rows) > MAX_ROWS or not all(row and all(map(_is_number, row)) for row in rows):
        raise NotScores("the scores are not finite numbers")
    return [[float(number) for number in row] for row in rows]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _usage(usage: Any) -> Usage:
    tokens = usage.get("prompt_tokens") if isinstance(usage, dict) else None
    return Usage(tokens if isinstance(tokens, int) and 0 <= tokens < 2**53 else 0, 0)


def read_rows(reply: Reply) -> list[list[float]]:
    """The rows of a reward model's reply. Raises UnreadableReply for one of a chat model."""
    try:
        return _rows(json.loads(reply.text)["rows"])
    except (ValueError, RecursionError, NotScores, KeyError, TypeError):
        raise UnreadableReply(
            f"{reply.model} gave no scores: is it a reward model, and its api set (models.reward.api)?"
        ) from None


def outcome_score(rows: Sequence[Sequence[float]], squash: bool = False) -> float:
    """The score of a whole solution: the last number of the last row, as a share. Raises UnreadableReply."""
    return _share(rows[-1][-1], squash)


def step_scores(rows: Sequence[Sequence[float]], steps: int, squash: bool = False) -> list[float]:
    """A score per step: the last number of each row (of [wrong, right] the right). Raises UnreadableReply."""
    if len(rows) != steps:
        raise UnreadableReply(f"the reward model scored {len(rows)} steps of {steps}: is its step tag the right one?")
    return [_share(row[-1], squash) for row in rows]


def _share(value: float, squash: bool) -> float:
    """A score from 0 to 1; where that is asked for, made one of a raw score (a logit)."""
    if squash:
        return (1 + math.tanh(value / 2)) / 2  # the logistic function, without overflow
    if not 0 <= value <= 1:
        raise UnreadableReply(f"the reward model's score {value:g} is no share of 1; set squash for raw scores")
    return value
