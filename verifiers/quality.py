"""Proof that a reply is good by a judge, criterion by criterion (Q2): what Llama 3 calls the maximum score, or less.

For text: accuracy, instruction following, presentation; for code: no bugs, the user's intention (arXiv 2407.21783,
4.2.3: three points for general English, two for code). PASS where at least `least` criteria hold, FAIL where so many
cannot hold any more, UNJUDGED where that depends on what no judge has said readably.

Evidence: `score`, the criteria with their votes, the ballots with their rationales, `rests_on`, `set_aside`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from records.types import JSON, Candidate, Check, Message, Outcome, Verdict
from served_model.types import Model
from verifiers.base import Resources
from verifiers.judged import ballot_evidence, overruled
from verifiers.judging import Ballot, Criterion, Panel, Rubric, ask_panel, decide, tallied

KIND = "quality"
GENERAL = Rubric(
    "verifiers/quality", (Criterion("accuracy"), Criterion("instruction_following"), Criterion("presentation"))
)
CODE = Rubric("verifiers/code_quality", (Criterion("no_bugs"), Criterion("user_intention")))
Choice = Literal["auto", "general", "code"]
_CODE = re.compile(r"^\s*(?:```|~~~)", re.MULTILINE)


@dataclass(frozen=True)
class Quality(Check):
    """The dialogue's last reply is good; `least` criteria must hold, all of them where it is None."""

    kind: ClassVar[str] = KIND
    rubric: Choice = "auto"
    least: int | None = None
    votes: int = 1


class QualityRule(BaseModel):
    """A judge must find each record good, criterion by criterion, behind the recipe's own proofs."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rubric: Choice = Field("auto", description="auto: code where the reply holds a block of it, else general.")
    least: int | None = Field(None, ge=1, le=3, description="Criteria that must hold; none: all.")
    votes: int = Field(1, ge=1, description="Votes of the judge; more than half decide.")

    def check(self) -> Quality:
        """The check of one record."""
        return Quality(self.rubric, self.least, self.votes)


@dataclass(frozen=True, slots=True)
class Findings:
    """What a judge says of a reply: the outcome of each criterion, and the ballots that it comes from."""

    rubric: Rubric
    outcomes: Mapping[str, Outcome]
    ballots: tuple[Ballot, ...]

    @property
    def score(self) -> int | None:
        """How many criteria hold; None where one is not decided."""
        if Outcome.UNJUDGED in self.outcomes.values():
            return None
        return self.count(Outcome.PASS)

    def count(self, outcome: Outcome) -> int:
        """Criteria with that outcome."""
        return sum(one is outcome for one in self.outcomes.values())


async def verify(check: Quality, candidate: Candidate, resources: Resources) -> Verdict:
    """PASS good; FAIL low_quality; UNJUDGED judge_unreadable, judges_disagree, no_judge, no_reply."""
    if resources.model is None:
        return Verdict(KIND, Outcome.UNJUDGED, "no_judge")
    request, reply = exchange(candidate.messages)
    if not reply.strip():
        return Verdict(KIND, Outcome.UNJUDGED, "no_reply")
    found = await grade(request, reply, (check.rubric, check.votes), resources.model)
    outcome, reason = _result(found, check.least)
    return Verdict(KIND, outcome, reason, _evidence(found))


def exchange(messages: Sequence[Message]) -> tuple[str, str]:
    """What is asked and what is replied: all before the last assistant's turn, and from that turn on."""
    last = max((at for at, one in enumerate(messages) if one.role == "assistant"), default=len(messages))
    before, said = messages[:last], messages[last:]
    asked = "\n\n".join(one.content for one in before if one.role != "system" or len(before) == 1)
    return asked, "\n\n".join(one.content for one in said)


async def grade(request: str, reply: str, how: tuple[Choice, int], model: Model) -> Findings:
    """Ask the judge by a rubric with so many votes. Raises ModelUnavailable."""
    choice, votes = how
    code = choice == "code" or (choice == "auto" and _CODE.search(reply) is not None)
    rubric, panel = CODE if code else GENERAL, Panel(votes=votes)
    ballots = await ask_panel(rubric, {"request": request, "reply": reply}, panel, model)
    return Findings(rubric, {one.name: decide(one, ballots, panel) for one in rubric.criteria}, ballots)


def _result(found: Findings, least: int | None) -> tuple[Outcome, str]:
    wanted = min(least or len(found.outcomes), len(found.outcomes))
    if found.count(Outcome.PASS) >= wanted:
        return Outcome.PASS, "good"
    if len(found.outcomes) - found.count(Outcome.FAIL) < wanted:
        return Outcome.FAIL, "low_quality"
    unread = any(ballot.problem for ballot in found.ballots)
    return Outcome.UNJUDGED, "judge_unreadable" if unread else "judges_disagree"


def _evidence(found: Findings) -> dict[str, JSON]:
    criteria = found.rubric.criteria
    return {
        "prompt": found.rubric.prompt,
        "criteria": {
            one.name: {"outcome": str(found.outcomes[one.name]), "votes": tallied(one, found.ballots)}
            for one in criteria
        },
        "score": found.score,
        **ballot_evidence(found.ballots, overruled(criteria, found.ballots, found.outcomes)),
    }
