"""Asks a guard model about the turns of a dialogue, each in the light of what stands before it (G1).

Two forms of asking. `template`: the dialogue itself is sent, and the guard's own chat template wraps it in its policy,
as servers of Llama Guard do. `policy`: the policy is written out in Llama Guard's words with the categories of the
config, for any other model that plays the guard. Text inside a dialogue cannot pretend to be another turn of it: what
looks like the head of a turn or a mark of the form is made harmless first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from records.types import JSON, Message, canonical_json, stable_seed
from served_model.guard_scores import read_said
from served_model.prompts import load_prompt
from served_model.types import ChatRequest, Model, OutOfReach, Reply, RequestRefused, Sampling
from verifiers.hazards import NotAnAssessment, read_assessment
from verifiers.judging import VOTING_TEMPERATURE, gather

ROLE = "guard"
PROMPT = "verifiers/guard"
MAX_TOKENS = 100
Side = Literal["prompt", "response"]
Form = Literal["template", "policy"]
SPEAKERS: Mapping[str, str] = {"prompt": "User", "response": "Agent"}
UNSPECIFIED = "unspecified"
NO_PROMPT = "(no prompt)"  # chat templates want a user's turn first; a text without a prompt has none
_HEAD = re.compile(r"(?m)^(\s*(?:user|agent|assistant|human))\s*:", re.IGNORECASE)
_MARK = re.compile(r"<(?=\s*(?:BEGIN|END)\s+(?:CONVERSATION|UNSAFE))", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Policy:
    """What the guard is asked: about which sides, by which categories, in which form."""

    categories: Mapping[str, str]
    sides: tuple[Side, ...] = ("prompt", "response")
    form: Form = "template"
    retries: int = 1
    threshold: float | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """What one side says before the other one does: neighbouring messages of one side are one turn."""

    side: Side
    text: str


@dataclass(frozen=True, slots=True)
class Assessment:
    """What the guard says of one turn. With a `problem` nothing is known of it."""

    turn: int
    side: Side
    flagged: tuple[str, ...] = ()
    problem: str = ""
    key: str = ""
    model: str = ""
    unread: tuple[str, ...] = ()  # journal keys of replies that were no assessment
    score: float | None = None  # how sure the guard is that it is unsafe

    def evidence(self) -> dict[str, JSON]:
        """As a verdict stores it."""
        said: dict[str, JSON] = {"turn": self.turn, "side": self.side}
        if self.problem:
            return said | {"problem": self.problem}
        sure = {} if self.score is None else {"score": self.score}
        return said | {"flagged": list(self.flagged), **sure, "model": self.model, "key": self.key}


def turns_of(messages: Sequence[Message]) -> tuple[Turn, ...]:
    """A dialogue as turns of two sides. What the system says counts with the user, what tools return with the agent:
    a model is trained on both, so neither goes unseen."""
    turns: list[Turn] = []
    for message in messages:
        side: Side = "prompt" if message.role in ("user", "system") else "response"
        calls = [f"{call.name}({call.arguments})" for call in message.tool_calls]
        text = "\n".join(part for part in (message.content, *calls) if part)
        if turns and turns[-1].side == side:
            turns[-1] = Turn(side, f"{turns[-1].text}\n\n{text}")
        else:
            turns.append(Turn(side, text))
    return tuple(turns)


async def assess(turns: Sequence[Turn], policy: Policy, model: Model) -> tuple[Assessment, ...]:
    """An assessment of every turn of the sides that the policy names; empty turns are not asked about.

    Raises ModelUnavailable. A request that the server refuses (too long) and a reply that is no assessment, also when
    it is asked for again, are problems of that turn.
    """
    asked = [at for at, turn in enumerate(turns) if turn.side in policy.sides and turn.text.strip()]
    return tuple(await gather([_assess(turns[: at + 1], policy, model) for at in asked]))


async def _assess(turns: Sequence[Turn], policy: Policy, model: Model) -> Assessment:
    at, side = len(turns) - 1, turns[-1].side
    request = guard_request(turns, policy)
    unread: list[str] = []
    problem = ""
    for attempt in range(policy.retries + 1):
        try:
            reply = await model.ask(_attempted(request, attempt))
        except RequestRefused as error:
            problem = f"{'unavailable' if isinstance(error, OutOfReach) else 'refused'}: {error}"[:200]
            break
        try:
            return _read(reply, policy, Assessment(at, side, unread=tuple(unread)))
        except NotAnAssessment as error:
            unread.append(reply.key)
            problem = f"unreadable: {error}"
    return Assessment(at, side, problem=problem, unread=tuple(unread))


def _read(reply: Reply, policy: Policy, blank: Assessment) -> Assessment:
    """By what the guard says, or by how sure it is; what is unsafe by certainty alone is in no category."""
    said = read_said(reply.text)
    flagged = read_assessment(said.text, reply.finish_reason, policy.categories).categories
    if policy.threshold is not None:
        if said.unsafe is None:
            raise NotAnAssessment("the server gives no probabilities, and the threshold needs them")
        flagged = (flagged or (UNSPECIFIED,)) if said.unsafe >= policy.threshold else ()
    return replace(blank, flagged=flagged, key=reply.key, model=reply.model, score=said.unsafe)


def guard_request(turns: Sequence[Turn], policy: Policy) -> ChatRequest:
    """What the guard is asked about the last of the turns."""
    said = [Turn(turn.side, _harmless(turn.text)) for turn in turns]
    sampling = Sampling(0.0, 1.0, MAX_TOKENS)
    if policy.form == "template":
        return ChatRequest(ROLE, _messages(said), sampling, PROMPT, "")
    prompt = load_prompt(*PROMPT.split("/"))
    messages = prompt.render(
        side=SPEAKERS[said[-1].side],
        categories="\n".join(f"{code}: {name}." for code, name in policy.categories.items()),
        conversation="\n\n".join(f"{SPEAKERS[turn.side]}: {turn.text}" for turn in said),
    )
    return ChatRequest(ROLE, messages, sampling, prompt.name, prompt.sha256)


def _messages(turns: Sequence[Turn]) -> tuple[Message, ...]:
    first = (Message("user", NO_PROMPT),) if turns[0].side == "response" else ()
    return (*first, *(Message("user" if turn.side == "prompt" else "assistant", turn.text) for turn in turns))


def _harmless(text: str) -> str:
    return _MARK.sub("(", _HEAD.sub(r"\1 -", text))


def _attempted(request: ChatRequest, attempt: int) -> ChatRequest:
    """Greedy first. Only another sample can differ where that could not be read."""
    said = canonical_json([[message.role, message.content] for message in request.messages])
    seed = stable_seed(ROLE, str(attempt), said)
    return replace(request, sampling=Sampling(VOTING_TEMPERATURE if attempt else 0.0, 1.0, MAX_TOKENS, seed))
