import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from served_model.retry import Failure, Fault
from served_model.types import Usage
from served_model.wire import Completion, one_line, read_answer, request_body

JSON_TYPE = {"Content-Type": "application/json"}


def read(body, status=200, headers=JSON_TYPE):
    return read_answer(status, headers, body if isinstance(body, bytes) else json.dumps(body).encode())


def test_the_body_of_a_request(request_of):
    assert json.loads(request_body("m", request_of("hi", seed=7))) == {
        "model": "m",
        "messages": [{"role": "user", "content": "hi"}],
        "temperature": 0.7,
        "top_p": 0.95,
        "max_tokens": 2048,
        "seed": 7,
    }
    schema = {"type": "object"}
    body = json.loads(request_body("m", request_of(schema=schema)))
    assert body["response_format"]["type"] == "json_schema"
    assert body["response_format"]["json_schema"] == {"name": "reply", "strict": True, "schema": schema}


def test_a_body_that_orjson_cannot_write_is_written_all_the_same(request_of):
    body = json.loads(request_body("m", request_of("\ud800", schema={"maximum": 10**30})))
    assert body["messages"][0]["content"] == "\ud800"
    assert body["response_format"]["json_schema"]["schema"] == {"maximum": 10**30}


def test_a_completion(answers):
    assert read(answers.completion("hi")) == Completion("hi", "stop", Usage(3, 5))
    assert read(answers.completion(None, "length")) == Completion("", "length", Usage(3, 5))
    assert read({**answers.completion("x"), "usage": None}) == Completion("x", "stop", Usage())
    assert read({**answers.completion("x"), "usage": {"prompt_tokens": -1, "completion_tokens": "9"}}).usage == Usage()
    json_with_charset = {"Content-Type": "Application/JSON; charset=utf-8"}
    assert isinstance(read(answers.completion("x"), headers=json_with_charset), Completion)


def test_half_characters_in_a_reply_are_replaced(answers):
    body = json.dumps(answers.completion("a\ud800b")).encode()
    assert read(body) == Completion("a\ufffdb", "stop", Usage(3, 5))


def broken_bodies(answers):
    whole = answers.completion("x")
    choice = whole["choices"][0]
    return [
        b"",
        b"not json",
        b"[" * 200_000,
        b"9" * 5000,
        b"\xff\xfe",
        [],
        {},
        {"choices": []},
        {"choices": None},
        {"choices": [None]},
        {"choices": [{}]},
        {"choices": [{**choice, "message": {"content": 7}}]},
        {"choices": [{**choice, "finish_reason": None}]},
        {"error": {"message": "upstream died"}},
        json.dumps(whole).encode()[:-20],
    ]


def test_half_and_malformed_bodies_are_worth_a_retry(answers):
    for body in broken_bodies(answers):
        answer = read(body)
        assert isinstance(answer, Failure), body
        assert answer.fault is Fault.BROKEN


def test_a_page_of_a_proxy_is_worth_a_retry(answers):
    answer = read(answers.completion("x"), headers={"Content-Type": "text/html"})
    assert isinstance(answer, Failure)
    assert (answer.fault, answer.problem) == (Fault.BROKEN, "the answer is not JSON but text/html")
    assert read(answers.completion("x"), headers={}).fault is Fault.BROKEN


def test_a_refusal_field_is_a_refused_request(answers):
    answer = read(answers.completion(None, refusal="I will not."))
    assert isinstance(answer, Failure)
    assert (answer.fault, answer.problem) == (Fault.REFUSED, "the model refused: I will not.")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"error": {"message": "too\nlong\x1b[31m"}}, "HTTP 400: too long [31m"),
        ({"message": "vllm says"}, "HTTP 400: vllm says"),
        ({"detail": "fastapi says"}, "HTTP 400: fastapi says"),
        ({"detail": [{"loc": ["body"]}]}, "HTTP 400"),
        ({"error": "plain"}, "HTTP 400: plain"),
        (b"<h1>Bad Gateway</h1>", "HTTP 400: <h1>Bad Gateway</h1>"),
        (b"", "HTTP 400"),
        ([1], "HTTP 400"),
    ],
)
def test_the_servers_words_are_in_the_error_on_one_line(body, words):
    answer = read(body, status=400)
    assert isinstance(answer, Failure)
    assert answer.problem == words


def test_an_empty_account_is_permanent_unlike_other_429s():
    body = {"error": {"message": "pay", "code": "insufficient_quota"}}
    assert read(body, status=429).fault is Fault.PERMANENT
    slow_down = read({"error": {"message": "slow"}}, status=429, headers={**JSON_TYPE, "Retry-After": "7"})
    assert (slow_down.fault, slow_down.retry_after_s) == (Fault.OVERLOADED, 7.0)


@given(st.integers(100, 599), st.binary(), st.sampled_from(["application/json", "text/html", ""]))
def test_no_answer_crashes_the_reader(status, body, content_type):
    answer = read_answer(status, {"Content-Type": content_type}, body)
    assert isinstance(answer, Failure)
    assert "\n" not in answer.problem


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["choices", "message", "content", "finish_reason", "usage", "error", "refusal", "code"]),
            inner,
        )
    ),
)


@given(st.sampled_from([200, 400, 429]), JSON_VALUES)
def test_no_json_crashes_the_reader(status, value):
    assert isinstance(read_answer(status, JSON_TYPE, json.dumps(value).encode()), Completion | Failure)


@given(st.text())
def test_one_line(text):
    line = one_line(text)
    assert line.isprintable()
    assert len(line) <= 300
