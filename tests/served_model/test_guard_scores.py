"""The certainty of a guard: read out of an answer in which anything may be, and asked for only where it is wanted."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from records.types import Message
from served_model.guard_scores import Said, read_said, with_score
from served_model.types import ChatRequest, Sampling
from served_model.wire import Completion, read_answer, request_body

REQUEST = ChatRequest("guard", (Message("user", "hi"),), Sampling(), "p", "")
HEADERS = {"Content-Type": "application/json"}


def place(token: str, **shares: float) -> dict[str, Any]:
    top = [{"token": name, "logprob": math.log(share)} for name, share in shares.items()]
    return {"token": token, "logprob": -0.1, "top_logprobs": top}


def answer(text: str, *places: Any) -> bytes:
    choice = {"message": {"content": text}, "finish_reason": "stop", "logprobs": {"content": list(places)}}
    return json.dumps({"choices": [choice]}).encode()


def said(body: bytes) -> Said:
    completion = read_answer(200, HEADERS, body, "guard")
    assert isinstance(completion, Completion)
    return read_said(completion.text)


def test_probabilities_are_asked_for_by_a_guard_alone() -> None:
    chat, guard = (json.loads(request_body("m", REQUEST, api)) for api in ("chat", "guard"))
    assert "logprobs" not in chat
    assert guard == {**chat, "logprobs": True, "top_logprobs": 5}


@pytest.mark.parametrize(
    ("places", "score"),
    [
        ([place("safe", safe=0.9, unsafe=0.1)], 0.1),
        ([place("\n\n", **{"\n\n": 0.99}), place("unsafe", unsafe=0.6, safe=0.2, other=0.2)], 0.75),
        ([place("un", un=0.5, Safe=0.5)], 0.5),  # pieces of words, and other cases
        ([place("maybe", maybe=1.0)], None),
        ([], None),
    ],
)
def test_scores(places: list[Any], score: float | None) -> None:
    found = said(answer("safe", *places))
    assert found.text == "safe"
    assert found.unsafe is score if score is None else found.unsafe == pytest.approx(score, abs=1e-6)


JUNK = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5) | st.just("safe"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["content", "token", "logprob", "top_logprobs", "x"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(JUNK)
def test_anything_may_stand_there(junk: Any) -> None:
    found = read_said(with_score("safe", {"logprobs": junk}))
    assert found.text == "safe" and (found.unsafe is None or 0 <= found.unsafe <= 1)


@given(st.text())
def test_other_texts_are_what_was_said(text: str) -> None:
    assert read_said(text) == Said(text) or text.lstrip().startswith("{")
    assert read_said(with_score(text, {})) == Said(text)


@pytest.mark.parametrize("text", ['{"said": 3}', '{"said": "safe", "more": 1}', "[1]", "{" * 9999])
def test_what_only_looks_like_it(text: str) -> None:
    assert read_said(text) == Said(text)
