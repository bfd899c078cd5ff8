"""Faults come at the configured rate, in all kinds, and always to the same requests."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from served_model.rehearsal.asking import BadRequest, read_ask, read_tags
from served_model.rehearsal.code_roles import PROBLEM, REVISE, SOLUTION, TESTS
from served_model.rehearsal.faults import FAULTS, WIRE_FAULTS, decidable_by, draw_fault, draw_wire_fault
from served_model.rehearsal.math_roles import SOLVE
from served_model.rehearsal.player import play
from served_model.rehearsal.role import Settings
from served_model.rehearsal.roles import ROLES

DRAWS = 2000


@pytest.mark.parametrize("prompt", [name for name, role in ROLES.items() if role.faults])
@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 1.0])
def test_faults_come_at_their_rate_and_in_all_kinds(prompt, rate):
    drawn = Counter(draw_fault(prompt, random.Random(f"{prompt} {seed}"), rate) for seed in range(DRAWS))
    planted = DRAWS - drawn.pop(None, 0)
    assert abs(planted - rate * DRAWS) <= 4 * (DRAWS * rate * (1 - rate)) ** 0.5  # four standard deviations
    if rate == 1.0:
        assert set(drawn) == {kind for kind, fault in FAULTS[prompt].items() if fault.weight}
        total = sum(fault.weight for fault in FAULTS[prompt].values())
        for kind, fault in FAULTS[prompt].items():
            share = fault.weight / total
            assert abs(drawn[kind] - share * DRAWS) <= 4 * (DRAWS * share * (1 - share)) ** 0.5
            assert decidable_by(prompt, kind) in ("execution", "equivalence", "format", "state", "judge")


def test_wire_faults_come_in_all_kinds():
    drawn = Counter(draw_wire_fault(random.Random(seed), 0.5) for seed in range(DRAWS))
    assert set(drawn) == {None, *WIRE_FAULTS}
    assert abs(drawn[None] - DRAWS / 2) <= 4 * (DRAWS / 4) ** 0.5


def test_the_measured_rate_of_whole_replies(make_ask, snippet):
    settings = Settings(seed=11, fault_rate=0.2)
    faults = Counter(play(make_ask(PROBLEM, seed, snippet=snippet), settings).fault for seed in range(DRAWS))
    assert abs((DRAWS - faults[None]) - 0.2 * DRAWS) <= 4 * (DRAWS * 0.16) ** 0.5


def test_a_higher_rate_only_adds_faults(make_ask, snippet):
    for seed in range(200):
        ask = make_ask(PROBLEM, seed, snippet=snippet)
        low, high = (play(ask, Settings(seed=1, fault_rate=rate)) for rate in (0.2, 0.6))
        assert low.fault is None or low == high
        assert high.fault is not None or low == high


def test_server_seed_and_body_decide(make_ask, snippet):
    texts = {play(make_ask(PROBLEM, body, snippet=snippet), Settings(seed=s)).text for body in (1, 2) for s in (1, 2)}
    assert len(texts) == 4


def test_the_prompt_is_found_without_a_header(make_ask):
    assert make_ask("", snippet="x").prompt == PROBLEM
    assert make_ask("", question="x").prompt == SOLVE
    assert (
        make_ask("served_model/repair", problem="p", signature="s", solution="x", tests="t", feedback="f").prompt
        == REVISE
    )
    assert make_ask("somebody.elses/prompt").prompt in ROLES


def test_a_repair_names_the_prompt_that_it_repairs(make_body):
    body = make_body("<problem>\np\n</problem>\n<signature>\ns\n</signature>")
    assert read_ask(body, "served_model/repair", TESTS).prompt == TESTS
    assert read_ask(body, "served_model/repair").prompt == SOLUTION
    assert read_ask(body, REVISE, TESTS).prompt == REVISE


def test_tags_are_read_around_prose_and_code():
    text = "Text in <snippet> tags:\n<snippet>\nif a <b> c: '</problem>'\n</snippet>\n<problem>\n\n</problem> <tests>"
    assert read_tags(text) == {"snippet": "if a <b> c: '</problem>'", "problem": ""}


@given(st.text(alphabet="<>/abt problem\nests", max_size=200))
def test_any_text_can_be_searched_for_tags(text):
    assert all(value in text for value in read_tags(text).values())


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"messages": []}',
        b'{"messages": "hello"}',
        b'{"messages": [1]}',
        b'{"messages": [{"role": "user", "content": null}]}',
        b'{"messages": [{"role": "user", "content": "x"}], "n": 2}',
        b'{"messages": [{"role": "user", "content": "x"}], "stream": true}',
        b'{"messages": [{"role": "user", "content": "x"}], "max_tokens": -1}',
        b'{"messages": [{"role": "user", "content": "x"}], "max_tokens": "many"}',
        b"[" * 100_000,
        b'{"messages": ' + b"9" * 10_000 + b"}",
    ],
)
def test_bad_bodies_are_refused(body):
    with pytest.raises(BadRequest):
        read_ask(body)


def test_content_in_parts_and_half_characters_are_read():
    parts = b'{"messages": [{"role": "user", "content": [{"type": "text", "text": "<question>1\\ud800</question>"}]}]}'
    ask = read_ask(parts)
    assert ask.tags == {"question": "1\ud800"} and len(ask.request) == 32
    assert play(ask, Settings()).fault == "cannot_answer"
