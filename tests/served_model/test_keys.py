from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from records.types import Message
from served_model.keys import request_key
from served_model.types import ChatRequest, Sampling

REQUEST = ChatRequest("writer", (Message("user", "hi"),), Sampling(), "p/x", "0" * 64)


def test_the_key_is_stable_across_releases():
    """A changed key would make every journal worthless: change this test only with a migration of journals."""
    assert request_key("m", REQUEST) == "4e92e855eb70dccd9049eb09394dee82"
    with_schema = replace(REQUEST, schema={"type": "object", "required": ["ü"]})
    assert request_key("m", with_schema) == "874cb1c64cb7e5b393802a251131ddde"


@pytest.mark.parametrize(
    "change",
    [{"role": "judge"}, {"prompt": "q/y"}, {"prompt_sha256": "1" * 64}, {"sampling": Sampling(temperature=0.70)}],
)
def test_what_the_model_does_not_see_is_not_in_the_key(change):
    assert request_key("m", replace(REQUEST, **change)) == request_key("m", REQUEST)


@pytest.mark.parametrize(
    "change",
    [
        {"messages": (Message("system", "hi"),)},
        {"messages": (Message("user", "hi "),)},
        {"messages": (Message("user", "hi"), Message("user", ""))},
        {"sampling": Sampling(seed=1)},
        {"sampling": Sampling(temperature=0.71)},
        {"sampling": Sampling(top_p=0.9)},
        {"sampling": Sampling(max_tokens=1)},
        {"schema": {}},
    ],
)
def test_what_the_model_sees_is_in_the_key(change):
    assert request_key("m", replace(REQUEST, **change)) != request_key("m", REQUEST)
    assert request_key("other", REQUEST) != request_key("m", REQUEST)


def test_whole_numbers_and_the_order_of_schema_keys_do_not_matter():
    first = replace(REQUEST, sampling=Sampling(temperature=1, top_p=1), schema={"a": 1, "b": 2})
    second = replace(REQUEST, sampling=Sampling(temperature=1.0, top_p=1.0), schema={"b": 2, "a": 1})
    assert request_key("m", first) == request_key("m", second)


TEXTS = st.text(alphabet=st.characters(codec=None, exclude_categories=[]))


@given(st.lists(st.tuples(st.sampled_from(["user", "assistant"]), TEXTS), min_size=1, max_size=3))
def test_any_text_has_a_key_of_32_hexadecimal_characters(turns):
    request = replace(REQUEST, messages=tuple(Message(role, text) for role, text in turns))
    key = request_key("m", request)
    assert len(key) == 32
    assert bytes.fromhex(key)
