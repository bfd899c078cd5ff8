"""Plays one reply: picks the fault, lets the prompt's player write, cuts at the caller's limit, labels the outcome."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random

from records.types import JSON
from served_model.rehearsal.asking import CHARS_PER_TOKEN, PROBLEM, REVISE, SOLUTION, SOLVE, TESTS, Ask
from served_model.rehearsal.code_player import play_problem, play_solution, play_tests
from served_model.rehearsal.draft import CannotAnswer, Draft
from served_model.rehearsal.faults import CANNOT_ANSWER, MAX_TOKENS, decidable_by, draw_fault
from served_model.rehearsal.knowledge import Fact
from served_model.rehearsal.math_player import play_solve
from served_model.rehearsal.revise_player import play_revise

PLAYERS: Mapping[str, Callable[[Mapping[str, str], Random, str | None], Draft]] = {
    PROBLEM: play_problem,
    SOLUTION: play_solution,
    TESTS: play_tests,
    REVISE: play_revise,
}


@dataclass(frozen=True)
class Settings:
    """What besides the request decides a reply. Rates are shares of replies, 0 to 1."""

    seed: int = 0
    fault_rate: float = 0.0
    wire_fault_rate: float = 0.0
    facts: Mapping[str, Fact] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Played:
    """A reply and its labels. `fault` names what is wrong with it, `benign` an odd form that is right."""

    prompt: str
    text: str
    finish_reason: str
    fault: str | None
    benign: str | None
    decidable_by: str | None
    detail: Mapping[str, JSON]


def play(ask: Ask, settings: Settings) -> Played:
    """The reply to a request: depends on its body, the prompt played and the settings, and on nothing else."""
    fault = draw_fault(ask.prompt, ask.rng(settings.seed, "fault"), settings.fault_rate)
    return play_fault(ask, settings, fault)


def play_fault(ask: Ask, settings: Settings, fault: str | None) -> Played:
    """The reply with a fault of the given kind, or with none."""
    prompt, rng = ask.prompt, ask.rng(settings.seed, "reply")
    try:
        if prompt == SOLVE:
            draft = play_solve(ask.tags, rng, fault, settings.facts)
        else:
            draft = PLAYERS[prompt](ask.tags, rng, fault)
    except CannotAnswer as error:
        draft, fault = Draft(error.text), CANNOT_ANSWER
    text, finish_reason = draft.text, draft.finish_reason
    limit = ask.max_tokens * CHARS_PER_TOKEN
    if len(text) > limit:
        text, finish_reason, fault = text[:limit], "length", fault or MAX_TOKENS
    benign = draft.benign if fault is None else None
    return Played(prompt, text, finish_reason, fault, benign, decidable_by(prompt, fault), draft.detail)
