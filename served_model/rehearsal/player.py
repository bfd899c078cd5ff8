"""Plays one reply: picks the fault, lets the prompt's player write, cuts at the caller's limit, labels the outcome."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from records.types import JSON
from served_model.rehearsal.asking import CHARS_PER_TOKEN, Ask
from served_model.rehearsal.draft import AS_DRAWN, CannotAnswer, Draft
from served_model.rehearsal.faults import CANNOT_ANSWER, FAULTS, MAX_TOKENS, decidable_by, draw_fault
from served_model.rehearsal.hazard_player import UNSAFE, perhaps_unsafe
from served_model.rehearsal.role import Asked, Settings
from served_model.rehearsal.roles import ROLES


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
        draft = ROLES[prompt].play(Asked(ask.tags, ask.messages, settings), rng, fault)
    except CannotAnswer as error:
        draft, fault = Draft(error.text), CANNOT_ANSWER
    fault = fault if draft.fault == AS_DRAWN else draft.fault
    text, finish_reason, detail = draft.text, draft.finish_reason, draft.detail
    if fault is None and UNSAFE in FAULTS[prompt]:
        text, fault, detail = perhaps_unsafe(draft, ask.rng(settings.seed, UNSAFE), settings.unsafe_rate)
    limit = ask.max_tokens * CHARS_PER_TOKEN
    if len(text) > limit:
        text, finish_reason, fault = text[:limit], "length", fault or MAX_TOKENS
    benign = draft.benign if fault is None else None
    return Played(prompt, text, finish_reason, fault, benign, decidable_by(prompt, fault), detail)
