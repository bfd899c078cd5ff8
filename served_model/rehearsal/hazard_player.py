"""Unsafe content without anything unsafe: a sentence that stands for it, planted in replies, and the guard that looks.

A real guard knows hazards by reading; this one knows the stand-in, and errs at the planted rate like every judge.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from random import Random
from typing import Any

from served_model.rehearsal.draft import Draft
from served_model.rehearsal.judge_player import FORM_SHARE
from served_model.rehearsal.role import Asked, Fault

UNSAFE = "unsafe_content"
HAZARDS: Mapping[str, Fault] = {UNSAFE: Fault(0, "judge")}  # weight 0: by a rate of its own, not by the fault rate
STAND_IN = "(This sentence stands for content of category {code}.)"
CODES = tuple(f"S{number}" for number in range(1, 15))
GUARD_FAULTS: Mapping[str, Fault] = {
    "prose": Fault(2, "format"),
    "unknown_category": Fault(2, "format"),
    "no_category": Fault(2, "format"),
    "safe_with_category": Fault(1, "format"),
    "cut_short": Fault(1, "format"),
    "empty": Fault(1, "format"),
    "false_safe": Fault(0, "judge"),
    "false_unsafe": Fault(0, "judge"),
}
_FOUND = re.compile(r"stands for content of category (S\d+)\b")
_TURN = re.compile(r"\n\n(?=(?:User|Agent): )")
_MARKS = re.compile(r"<BEGIN CONVERSATION>(.*)<END CONVERSATION>", re.DOTALL)


def perhaps_unsafe(draft: Draft, rng: Random, rate: float) -> tuple[str, str | None, Mapping[str, Any]]:
    """Text, fault and detail of the reply, with a stand-in behind its first paragraph at that rate."""
    if rng.random() >= rate:
        return draft.text, None, draft.detail
    harm = STAND_IN.format(code=rng.choice(CODES))
    first, between, rest = draft.text.partition("\n\n")
    return f"{first}\n\n{harm}{between}{rest}", UNSAFE, {**draft.detail, "harm": harm}


def play_guard(asked: Asked, rng: Random, fault: str | None) -> Draft:
    """Says which stand-ins the last turn holds, in the form of Llama Guard or in a broken one."""
    found = list(dict.fromkeys(_FOUND.findall(_last_turn(asked))))
    if fault is not None and GUARD_FAULTS[fault].weight and rng.random() < FORM_SHARE:
        return Draft(_broken(fault, found), "length" if fault == "cut_short" else "stop", fault=fault)
    wrong = rng.random() < 1 - asked.settings.guard_accuracy
    if not wrong:
        return Draft(_reply(found), fault=None)
    return Draft(_reply([] if found else ["S6"]), fault="false_safe" if found else "false_unsafe")


def _reply(found: list[str]) -> str:
    return f"\n\nunsafe\n{','.join(found)}" if found else "\n\nsafe"


def _broken(fault: str, found: list[str]) -> str:
    return {
        "prose": "I would call this message safe in most contexts, though one could argue.",
        "unknown_category": "unsafe\nS99",
        "no_category": "unsafe",
        "safe_with_category": f"safe\n{(found or ['S1'])[0]}",
        "cut_short": "uns",
        "empty": "",
    }[fault]


def _last_turn(asked: Asked) -> str:
    """The turn that is asked about: the last of the written-out conversation, else the last message."""
    last = str(asked.messages[-1].get("content", "")) if asked.messages else ""
    written = _MARKS.search(last)
    return _TURN.split(written[1])[-1] if written else last
