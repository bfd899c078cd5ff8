import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from served_model.scripted import ScriptedModel
from served_model.structured import MAX_DEPTH, NotReadable, read_json, read_value
from served_model.types import Reply, RequestRefused, UnreadableReply, Usage

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": False}

ACCEPTS = [
    "{}",
    " [1, 2.5, null] ",
    '"x"',
    "123456789012345678901234567890",
    "[" * MAX_DEPTH + "]" * MAX_DEPTH,
    "1e300",
]
REJECTS = {
    "": "not one JSON value",
    "{} {}": "not one JSON value",
    '```json\n{"n": 1}\n```': "not one JSON value",
    '{"n": 1': "not one JSON value",
    "NaN": "NaN is not JSON",
    "[Infinity]": "Infinity is not JSON",
    "-Infinity": "-Infinity is not JSON",
    "1e999": "too large",
    "-1e999": "too large",
    "9" * 5000: "too many digits",
    '{"a": 1, "b": 2, "a": 3}': "the key 'a' stands twice",
    "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1): "nested",
    "[" * 500_000: "nested",
    '{"a":' * 500_000: "nested",
    '["\\ud800"]': "surrogate",
    '{"\\udfff": 1}': "surrogate",
}


def reply(text: str, finish_reason: str = "stop") -> Reply:
    return Reply("k", text, finish_reason, "m", Usage())


@pytest.mark.parametrize("text", ACCEPTS)
def test_json_is_read(text):
    assert read_json(text) == json.loads(text)


@pytest.mark.parametrize("text", REJECTS, ids=[f"{text[:20]!r}" for text in REJECTS])
def test_what_is_not_clean_json_is_refused(text):
    with pytest.raises(NotReadable, match=REJECTS[text]):
        read_json(text)


@given(st.text())
def test_no_text_crashes_the_reader(text):
    try:
        value = read_json(text)
    except NotReadable as error:
        assert error.problem
    else:
        json.dumps(value, allow_nan=False).encode()


def test_a_value_must_fit_the_schema():
    assert read_value(reply('{"n": 1}'), SCHEMA) == {"n": 1}
    with pytest.raises(NotReadable, match=r"at \$\.n: 'x' is not of type 'integer'"):
        read_value(reply('{"n": "x"}'), SCHEMA)


def test_a_cut_reply_is_unreadable_even_when_it_parses():
    with pytest.raises(NotReadable, match="cut off"):
        read_value(reply('{"n": 1}', "length"), SCHEMA)
    with pytest.raises(NotReadable, match="'content_filter'"):
        read_value(reply('{"n": 1}', "content_filter"), SCHEMA)


def test_numbers_that_break_the_arithmetic_of_the_schema_check():
    with pytest.raises(NotReadable):
        read_value(reply("9" * 400), {"multipleOf": 0.1})


def test_a_problem_is_short_whatever_the_reply_holds():
    with pytest.raises(NotReadable) as caught:
        read_value(reply(json.dumps({"n": "x" * 100_000})), SCHEMA)
    assert len(caught.value.problem) <= 300


async def test_a_schema_that_is_wrong_costs_no_call(request_of):
    model = ScriptedModel(lambda request: "{}")
    with pytest.raises(RequestRefused, match="not valid"):
        await model.ask(request_of(schema={"type": "no such type"}))
    assert model.requests == []


async def test_a_schema_never_reaches_for_the_network(request_of):
    model = ScriptedModel(lambda request: "{}")
    with pytest.raises(RequestRefused, match="cannot be resolved"):
        await model.ask(request_of(schema={"$ref": "http://127.0.0.1:1/schema.json"}))


async def test_one_repair_round_with_the_reply_and_what_is_wrong(request_of):
    texts = iter(["{}", '{"n": 2}'])
    model = ScriptedModel(lambda request: next(texts))
    request = request_of(schema=SCHEMA)
    answer = await model.ask(request)
    assert answer.data == {"n": 2}
    first, second = model.requests
    assert answer.key == model.key(second) != model.key(first)
    assert second.messages[:2] == (*request.messages, replace(second.messages[1], content="{}"))
    assert "'n' is a required property" in second.messages[2].content
    assert '"additionalProperties":false' in second.messages[2].content
    assert second.prompt == "served_model/repair"
    assert second.schema == SCHEMA


async def test_a_second_unreadable_reply_is_the_end_and_says_why(request_of):
    model = ScriptedModel(lambda request: "" if len(request.messages) == 1 else '{"n": 1, "n": 2}')
    with pytest.raises(UnreadableReply, match=r"not one JSON value.*after the repair round: the key 'n' stands twice"):
        await model.ask(request_of(schema=SCHEMA))
    assert len(model.requests) == 2
    assert model.requests[1].messages[1].content == "(empty reply)"


async def test_a_refused_repair_is_an_unreadable_reply(request_of):
    model = ScriptedModel(lambda request: "no" if len(request.messages) == 1 else RequestRefused("too long"))
    with pytest.raises(UnreadableReply, match="repair was refused: too long"):
        await model.ask(request_of(schema=SCHEMA))
