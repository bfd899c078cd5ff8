import asyncio

import pytest

from served_model.scripted import ScriptedModel
from served_model.types import ModelUnavailable, Reply, Usage


async def test_texts_replies_and_errors(request_of):
    answers = iter(["a b", Reply("any", "cut", "length", "m", Usage(1, 2)), ModelUnavailable("down")])
    model = ScriptedModel(lambda request: next(answers), model_name="m")
    request = request_of("one two three")
    assert await model.ask(request) == Reply(model.key(request), "a b", "stop", "m", Usage(3, 2))
    cut = await model.ask(request)
    assert (cut.key, cut.text, cut.finish_reason, cut.usage) == (model.key(request), "cut", "length", Usage(1, 2))
    with pytest.raises(ModelUnavailable, match="down"):
        await model.ask(request)
    assert model.requests == [request] * 3


async def test_the_function_may_be_async(request_of):
    async def answer(request):
        await asyncio.sleep(0)
        return request.messages[0].content.upper()

    assert (await ScriptedModel(answer).ask(request_of("x"))).text == "X"
