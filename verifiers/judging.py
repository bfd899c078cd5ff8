"""What judging is made of: criteria, panels, ballots, and how ballots decide. `verifiers/judged.py` is the way in.

A seat is one vote of one role. Each seat answers all criteria of a rubric in one reply, the rationale before the
verdict. A reply that cannot be read, also after the repair round and the configured retries, is an empty ballot: its
weight is unknown, and it never counts for either side.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from records.types import JSON, Outcome, canonical_json, stable_seed
from served_model.prompts import Prompt, load_prompt
from served_model.quoting import quote_tags
from served_model.types import ChatRequest, Model, Reply, RequestRefused, Sampling, UnreadableReply

Value = str | int
Rule = Literal["majority", "unanimous", "weighted"]
REPLY_FORM = "reply_form"  # the placeholder of a rubric that is filled with the form of the reply
VOTING_TEMPERATURE = 0.7  # of several votes of one role, which would be equal without it; self-consistency's value
EVIDENCE_CHARACTERS = 400  # kept of a rationale
TAG = re.compile(r"</?([a-z][a-z_]{0,30})>")


@dataclass(frozen=True)
class Criterion:
    """One question of a rubric: what a judge may say, and what of it passes. `unknown` values say "I cannot tell"."""

    name: str
    values: tuple[Value, ...] = ("yes", "no")
    passing: tuple[Value, ...] = ("yes",)
    unknown: tuple[Value, ...] = ()

    def outcome(self, value: Value) -> Outcome:
        """What one verdict means."""
        if value in self.unknown:
            return Outcome.UNJUDGED
        return Outcome.PASS if value in self.passing else Outcome.FAIL


@dataclass(frozen=True)
class Panel:
    """Who judges and how the votes are counted.

    `roles` are roles of the config ("judge", "jury", "jury-2"); each has `votes` seats. `majority` and `weighted` want
    more than half of the seats' weight, `unanimous` all seats for a pass and one for a fail. `weights` belong to the
    roles, by position. An unreadable reply is asked for again with another sampling seed up to `retries` times.
    Without `temperature` it is 0 for one vote and VOTING_TEMPERATURE for several.
    """

    roles: tuple[str, ...] = ("judge",)
    votes: int = 1
    rule: Rule = "majority"
    weights: tuple[float, ...] = ()
    retries: int = 1
    temperature: float | None = None
    max_tokens: int = 1024
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.roles or self.votes < 1 or self.retries < 0:
            raise ValueError("a panel needs a role and a vote, and no negative retries")
        if (self.rule == "weighted") != bool(self.weights) or len(self.weights) not in (0, len(self.roles)):
            raise ValueError("weights go with the rule 'weighted', one for each role")
        if any(weight <= 0 for weight in self.weights):
            raise ValueError("weights must be above 0")

    @property
    def seats(self) -> tuple[tuple[str, int], ...]:
        """Role and vote number of every seat."""
        return tuple((role, vote) for role in self.roles for vote in range(self.votes))

    def weight(self, role: str) -> float:
        """What a seat of the role counts."""
        return self.weights[self.roles.index(role)] if self.weights else 1.0

    @property
    def total(self) -> float:
        """The weight of all seats."""
        return sum(self.weight(role) for role, _ in self.seats)

    @property
    def used_temperature(self) -> float:
        """The temperature that is asked with."""
        if self.temperature is not None:
            return self.temperature
        return VOTING_TEMPERATURE if self.votes > 1 else 0.0


@dataclass(frozen=True)
class Ballot:
    """One seat's verdicts by criterion, with their rationales; empty where nothing readable came (`problem`)."""

    role: str
    vote: int
    key: str = ""
    model: str = ""
    verdicts: Mapping[str, Value] = field(default_factory=dict)
    rationales: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""

    def evidence(self) -> dict[str, JSON]:
        """As a verdict stores it."""
        if self.problem:
            return {"role": self.role, "vote": self.vote, "problem": self.problem}
        return {
            "role": self.role,
            "vote": self.vote,
            "model": self.model,
            "key": self.key,
            "verdicts": dict(self.verdicts),
            "rationales": {name: text[:EVIDENCE_CHARACTERS] for name, text in self.rationales.items()},
        }


@dataclass(frozen=True)
class Rubric:
    """A rubric prompt "package/name" and the criteria that it explains."""

    prompt: str
    criteria: tuple[Criterion, ...]

    def load(self) -> Prompt:
        """The prompt file. Raises PromptError."""
        package, _, name = self.prompt.rpartition("/")
        return load_prompt(package, name)

    def schema(self) -> dict[str, Any]:
        """The JSON Schema of a reply."""
        return _object({one.name: _object(_VERDICT | {"verdict": {"enum": [*one.values]}}) for one in self.criteria})

    def form(self) -> str:
        """The form of a reply, in words that a model follows without constrained decoding."""
        verdicts = {one.name: " or ".join(map(canonical_json, one.values)) for one in self.criteria}
        entries = (f'"{name}": {{"rationale": "...", "verdict": {said}}}' for name, said in verdicts.items())
        return f"{{{', '.join(entries)}}}"


_VERDICT: dict[str, Any] = {"rationale": {"type": "string", "minLength": 1}}


def _object(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": [*properties],
        "additionalProperties": False,
    }


async def ask_panel(rubric: Rubric, fields: Mapping[str, str], panel: Panel, model: Model) -> tuple[Ballot, ...]:
    """Every seat's ballot, in the order of the seats.

    Sampling seeds depend on what is asked and on the seat alone: the same item in two candidates is one paid call.
    Raises PromptError, and ModelError other than of a single reply.
    """
    request = _request(rubric, fields, panel)
    return tuple(await gather([_ask_seat(rubric, request, panel, seat, model) for seat in panel.seats]))


async def gather(coroutines: Sequence[Coroutine[Any, Any, Any]]) -> list[Any]:
    """All results, in order. The first error ends the others and passes through as itself."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one) for one in coroutines]
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [task.result() for task in tasks]


def _request(rubric: Rubric, fields: Mapping[str, str], panel: Panel) -> ChatRequest:
    prompt = rubric.load()
    tags = {tag for section in prompt.sections for tag in TAG.findall(section.template)}
    values = {name: quote_tags(value, tags) for name, value in fields.items()}
    if REPLY_FORM in prompt.fields:
        values[REPLY_FORM] = rubric.form()
    sampling = Sampling(panel.used_temperature, 1.0, panel.max_tokens)
    return ChatRequest("judge", prompt.render(**values), sampling, prompt.name, prompt.sha256, rubric.schema())


async def _ask_seat(rubric: Rubric, request: ChatRequest, panel: Panel, seat: tuple[str, int], model: Model) -> Ballot:
    role, vote = seat
    said = canonical_json([[message.role, message.content] for message in request.messages])
    problem = ""
    for attempt in range(panel.retries + 1):
        seed = stable_seed("judge", str(panel.seed), role, str(vote), str(attempt), said)
        try:
            reply = await model.ask(_seated(request, role, seed))
        except UnreadableReply as error:
            problem = f"unreadable: {error}"[:EVIDENCE_CHARACTERS]
        except RequestRefused as error:
            return Ballot(role, vote, problem=f"refused: {error}"[:EVIDENCE_CHARACTERS])
        else:
            return _ballot(rubric, role, vote, reply)
    return Ballot(role, vote, problem=problem)


def _seated(request: ChatRequest, role: str, seed: int) -> ChatRequest:
    sampling = request.sampling
    return ChatRequest(
        role,
        request.messages,
        Sampling(sampling.temperature, sampling.top_p, sampling.max_tokens, seed),
        request.prompt,
        request.prompt_sha256,
        request.schema,
    )


def _ballot(rubric: Rubric, role: str, vote: int, reply: Reply) -> Ballot:
    """The schema has been checked; 4.0 for 4 fits it, so values are brought to the criterion's own form."""
    data: Mapping[str, Any] = reply.data
    verdicts = {
        one.name: next(value for value in one.values if value == data[one.name]["verdict"]) for one in rubric.criteria
    }
    rationales = {one.name: str(data[one.name]["rationale"]) for one in rubric.criteria}
    return Ballot(role, vote, reply.key, reply.model, verdicts, rationales)


def decide(criterion: Criterion, ballots: Sequence[Ballot], panel: Panel) -> Outcome:
    """PASS or FAIL where the votes decide it whatever the empty ballots would have said; else UNJUDGED."""
    weights = dict.fromkeys(Outcome, 0.0)
    for ballot in ballots:
        if criterion.name in ballot.verdicts:
            weights[criterion.outcome(ballot.verdicts[criterion.name])] += panel.weight(ballot.role)
    if panel.rule == "unanimous":
        if weights[Outcome.FAIL]:
            return Outcome.FAIL
        return Outcome.PASS if weights[Outcome.PASS] == panel.total else Outcome.UNJUDGED
    for outcome in (Outcome.PASS, Outcome.FAIL):
        if 2 * weights[outcome] > panel.total:
            return outcome
    return Outcome.UNJUDGED


def decide_value(criterion: Criterion, ballots: Sequence[Ballot], panel: Panel) -> Value | None:
    """The value that the panel's rule settles on, where a grade has more than two; None where it settles on none."""
    weights: dict[Value, float] = {}
    for ballot in ballots:
        if criterion.name in ballot.verdicts:
            value = ballot.verdicts[criterion.name]
            weights[value] = weights.get(value, 0.0) + panel.weight(ballot.role)
    needed = panel.total if panel.rule == "unanimous" else panel.total / 2
    for value, weight in weights.items():
        if weight > needed or weight == panel.total:
            return None if value in criterion.unknown else value
    return None


def tallied(criterion: Criterion, ballots: Sequence[Ballot]) -> dict[str, JSON]:
    """Seats by value, and those without a readable reply."""
    counts: dict[str, JSON] = {}
    for value in criterion.values:
        counts[str(value)] = sum(ballot.verdicts.get(criterion.name) == value for ballot in ballots)
    return counts | {"unreadable": sum(criterion.name not in ballot.verdicts for ballot in ballots)}
