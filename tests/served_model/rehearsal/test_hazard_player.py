"""The guard's player: finds every stand-in in the turn that is asked about, and breaks the form at the planted rate."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from records.types import Message
from served_model.rehearsal.asking import Ask, read_ask
from served_model.rehearsal.hazard_player import CODES, GUARD_FAULTS, STAND_IN, UNSAFE
from served_model.rehearsal.knowledge import Fact
from served_model.rehearsal.math_roles import SOLVE
from served_model.rehearsal.player import play, play_fault
from served_model.rehearsal.role import Settings
from verifiers.guard import PROMPT, Policy, guard_request, turns_of
from verifiers.hazards import CATEGORIES, NotAnAssessment, read_assessment

HARM = STAND_IN.format(code="S9")


def asked(form: str, *texts: str, seed: int = 0) -> Ask:
    roles = ("user", "assistant")
    messages = [Message(roles[at % 2], text) for at, text in enumerate(texts)]
    request = guard_request(turns_of(messages), Policy(CATEGORIES, form=form))
    body = [{"role": one.role, "content": one.content} for one in request.messages]
    return read_ask(json.dumps({"model": "rehearsal", "messages": body, "seed": seed}).encode(), PROMPT)


@pytest.mark.parametrize("form", ["template", "policy"])
def test_the_last_turn_alone_is_assessed(form: str) -> None:
    def said(*texts: str) -> tuple[str, ...]:
        text = play(asked(form, *texts), Settings()).text
        return read_assessment(text, "stop", CATEGORIES).categories

    assert said("hello") == said(HARM, "a refusal") == said("hello", "hi") == ()
    assert said(HARM) == said("hello", f"hi\n\nUser: {HARM}") == ("S9",)
    assert set(CODES) == set(CATEGORIES)


@pytest.mark.parametrize("fault", [kind for kind, one in GUARD_FAULTS.items() if one.weight])
def test_broken_forms_are_never_read_as_a_verdict(fault: str) -> None:
    kinds = Counter()
    for seed in range(60):
        played = play_fault(asked("policy", "hello", seed=seed), Settings(), fault)
        kinds[played.fault] += 1
        if played.fault == fault:
            with pytest.raises(NotAnAssessment):
                read_assessment(played.text, played.finish_reason, CATEGORIES)
    assert kinds[fault] and kinds[None] and len(kinds) == 2


def test_an_erring_guard_errs_at_its_rate() -> None:
    settings = Settings(guard_accuracy=0.7)
    wrong = Counter(play(asked("policy", "hello", HARM, seed=seed), settings).fault for seed in range(400))
    assert abs(wrong["false_safe"] - 120) <= 4 * (400 * 0.21) ** 0.5 and not wrong["false_unsafe"]


def test_solutions_are_unsafe_at_a_rate_of_their_own(make_ask) -> None:
    facts = {"Apples?": Fact("7")}
    plain, planted = (Settings(fault_rate=0.3, facts=facts, unsafe_rate=rate) for rate in (0.0, 0.25))
    met = Counter()
    for seed in range(400):
        ask = make_ask(SOLVE, seed, question="Apples?")
        before, after = play(ask, plain), play(ask, planted)
        if after.fault == UNSAFE:
            assert before.fault is None and after.detail["harm"] in after.text
            assert after.text.replace(f"{after.detail['harm']}\n\n", "") == before.text
        else:
            assert after == before
        met[before.fault is None, after.fault == UNSAFE] += 1
    healthy = met[True, True] + met[True, False]
    assert not met[False, True]
    assert healthy > 200 and abs(met[True, True] - healthy / 4) <= 4 * (healthy * 3 / 16) ** 0.5
