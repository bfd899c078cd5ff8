"""Proof that a dialogue is safe: a guard model finds no hazard in it, or only such as the config puts up with (G1-G4).

Each category has an action, for prompts and for responses. The heaviest of what was found decides:

    drop      FAIL      in no training file, not even as a bad example
    negative  FAIL      only as the rejected side of a preference pair
    review    UNJUDGED  set apart for a person
    tag       PASS      kept, with the categories in its evidence

Closed where the guard says nothing: UNJUDGED, never safe. A hazard whose action is `drop` decides also where another
turn could not be judged; a lesser one does not, because what was not read might be worse.

Evidence: `prompt` and `response` (categories found), `assessments` (of each turn), `refuses` (the last response
declines to help), `known_safe` (a person says that its prompt is harmless), `rests_on`, `set_aside`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal, get_args

from pydantic import BaseModel, Field

from records.types import JSON, Candidate, Check, Message, Outcome, Verdict
from verifiers.base import Resources
from verifiers.guard import UNSPECIFIED, Assessment, Form, Policy, Side, Turn, assess, turns_of
from verifiers.hazards import CATEGORIES
from verifiers.refusal import find_kind

Action = Literal["drop", "negative", "review", "tag"]
ACTIONS: tuple[Action, ...] = get_args(Action)  # the heaviest first
KIND = "safety"
AS_NEGATIVE = "unsafe_negative"
UNREADABLE, NEEDS_REVIEW = "guard_unreadable", "needs_review"
ENDS: Mapping[Action, tuple[Outcome, str]] = {
    "drop": (Outcome.FAIL, "unsafe"),
    "negative": (Outcome.FAIL, AS_NEGATIVE),
    "review": (Outcome.UNJUDGED, NEEDS_REVIEW),
    "tag": (Outcome.PASS, "tagged"),
}


@dataclass(frozen=True)
class Safety(Check):
    """The dialogue is safe by these categories; `actions` and `prompt_actions` name one for each of them."""

    kind: ClassVar[str] = KIND
    categories: tuple[tuple[str, str], ...] = tuple(CATEGORIES.items())  # in the order in which a guard reads them
    actions: Mapping[str, Action] = field(default_factory=dict)  # a category that is not named: drop
    prompt_actions: Mapping[str, Action] = field(default_factory=dict)
    sides: tuple[Side, ...] = ("prompt", "response")
    form: Form = "template"
    retries: int = 1
    known_safe: bool = False
    threshold: float | None = None  # of the guard's certainty; None: what it says

    @property
    def policy(self) -> Policy:
        """What the guard is asked."""
        return Policy(dict(self.categories), self.sides, self.form, self.retries, self.threshold)

    def action(self, side: Side, category: str) -> Action:
        """What is done where the category is found on that side."""
        return (self.prompt_actions if side == "prompt" else self.actions).get(category, "drop")


class Row(BaseModel):
    """One row of `provender verify safety`; other fields are ignored."""

    id: str | int
    response: str
    prompt: str = Field("", description="What it replies to.")


async def verify(check: Safety, candidate: Candidate, resources: Resources) -> Verdict:
    """PASS safe, tagged; FAIL unsafe, unsafe_negative; UNJUDGED needs_review, guard_unreadable, guard_refused,
    guard_unavailable, no_guard."""
    return await judge(check, turns_of(candidate.messages), resources)


async def prove_row(row: Row, resources: Resources) -> Verdict:
    """The same for a prompt and a response; every hazard fails. The guard is asked with the policy written out."""
    prompt = (Message("user", row.prompt),) if row.prompt else ()
    return await judge(Safety(form="policy"), turns_of((*prompt, Message("assistant", row.response))), resources)


async def judge(check: Safety, turns: Sequence[Turn], resources: Resources) -> Verdict:
    """The verdict on a dialogue. Raises ModelUnavailable."""
    if resources.model is None:
        return Verdict(KIND, Outcome.UNJUDGED, "no_guard")
    assessments = await assess(turns, check.policy, resources.model)
    outcome, reason = decide(check, assessments)
    return Verdict(KIND, outcome, reason, _evidence(check, turns, assessments, outcome))


def decide(check: Safety, assessments: Sequence[Assessment]) -> tuple[Outcome, str]:
    """What the assessments come to. A dialogue of which nothing was assessed is not safe but unknown."""
    found = {check.action(one.side, category) for one in assessments for category in one.flagged}
    if "drop" in found:
        return ENDS["drop"]
    problems = [one.problem for one in assessments if one.problem]
    if problems or not assessments:
        return Outcome.UNJUDGED, f"guard_{problems[0].partition(':')[0]}" if problems else UNREADABLE
    for action in ACTIONS:
        if action in found:
            return ENDS[action]
    return Outcome.PASS, "safe"


def _evidence(
    check: Safety, turns: Sequence[Turn], assessments: Sequence[Assessment], outcome: Outcome
) -> dict[str, JSON]:
    unread = [key for one in assessments for key in one.unread]
    keys = [one.key for one in assessments if one.key]
    unknown = outcome is Outcome.UNJUDGED  # then what could not be read decided as well
    return {
        **{side: _found(check, assessments, side) for side in check.sides},
        "assessments": [one.evidence() for one in assessments],
        "refuses": _refuses(turns),
        "known_safe": check.known_safe,
        "rests_on": [*keys, *unread] if unknown else keys,
        "set_aside": {} if unknown else dict.fromkeys(unread, UNREADABLE),
    }


def _found(check: Safety, assessments: Sequence[Assessment], side: Side) -> list[str] | None:
    """Categories found on one side, in the order of the policy; None where a turn of it could not be judged."""
    own = [one for one in assessments if one.side == side]
    if any(one.problem for one in own):
        return None
    found = {category for one in own for category in one.flagged}
    return [category for category in (*dict(check.categories), UNSPECIFIED) if category in found]


def _refuses(turns: Sequence[Turn]) -> bool:
    """Whether the last response declines to help; not knowing is no refusal of that kind."""
    response = next((turn.text for turn in reversed(turns) if turn.side == "response"), "")
    finding = find_kind(response) if response else None
    return finding is not None and finding.kind == "refusal" and finding.style == "policy"
