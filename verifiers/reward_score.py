"""Proof by a served reward model: of the whole solution (ORM), or of every step (PRM), with a threshold (M9).

A score that cannot be read is UNJUDGED: it is never 0. How the model is asked (vLLM's score, classify or pooling
endpoint) is a matter of the config: `models.reward.api`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from records.types import JSON, Candidate, Check, Outcome, Verdict
from served_model.reward import ROLE, outcome_score, read_rows, reward_request, step_scores, tagged
from served_model.types import Model, RequestRefused, UnreadableReply
from verifiers.base import Resources
from verifiers.solution_steps import Aggregate, aggregate, split_steps


@dataclass(frozen=True)
class RewardScore(Check):
    """Part "response", as an answer to part "question", must score `threshold` at least.

    Of steps ("process") the scores are put together by `how`; `step_tag` stands after each step when the model is
    asked. `squash` is for models that give raw scores.
    """

    kind: ClassVar[str] = "reward_score"
    threshold: float = 0.5
    of: Literal["outcome", "process"] = "outcome"
    how: Aggregate = "min"
    step_tag: str = "<extra_0>"
    squash: bool = False
    role: str = ROLE


async def verify(check: RewardScore, candidate: Candidate, resources: Resources) -> Verdict:
    """PASS high_score; FAIL low_score, no_steps; UNJUDGED no_reward_model, reward_unreadable."""
    if resources.model is None:
        return Verdict(check.kind, Outcome.UNJUDGED, "no_reward_model")
    steps = split_steps(candidate.parts["response"])
    if not steps:
        return Verdict(check.kind, Outcome.FAIL, "no_steps")
    try:
        scores = await ask_scores(check, candidate.parts["question"], steps, resources.model)
    except (UnreadableReply, RequestRefused) as error:
        return Verdict(check.kind, Outcome.UNJUDGED, "reward_unreadable", {"error": str(error)})
    score = aggregate(scores, check.how)
    evidence: dict[str, JSON] = {"score": round(score, 6), "scores": [round(one, 6) for one in scores], "of": check.of}
    if check.of == "process":
        low = next((number for number, one in enumerate(scores, 1) if one < check.threshold), 0)
        evidence |= {"aggregate": check.how, "first_wrong_step": low}
    if score >= check.threshold:
        return Verdict(check.kind, Outcome.PASS, "high_score", evidence)
    return Verdict(check.kind, Outcome.FAIL, "low_score", evidence)


async def ask_scores(check: RewardScore, question: str, steps: list[str], model: Model) -> list[float]:
    """The scores of the steps, or the one of the whole solution. Raises ModelError."""
    if check.of == "outcome":
        reply = await model.ask(reward_request(question, "".join(steps), check.role))
        return [outcome_score(read_rows(reply), check.squash)]
    reply = await model.ask(reward_request(question, tagged(steps, check.step_tag), check.role))
    return step_scores(read_rows(reply), len(steps), check.squash)
