import asyncio
import gc
import json
import logging
import socket
import traceback
import warnings

import pytest

from served_model.client import ChatClient
from served_model.config import ModelConfig
from served_model.types import Listing, ModelError, ModelUnavailable, RequestRefused, UnreadableReply, Usage

SECRET = "sk-very-secret-4711"


@pytest.fixture(autouse=True)
def no_secret_in_any_log(caplog):
    with caplog.at_level(logging.DEBUG, logger="served_model"):
        yield
    assert SECRET not in caplog.text


async def error_of(client, request) -> ModelError:
    """The error of one request, after a look for the key in everything that a user could get to see of it."""
    with pytest.raises(ModelError) as caught:
        await client.ask(request)
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    assert SECRET not in shown
    assert "\n" not in str(caught.value)
    return caught.value


async def test_one_request(server, config_of, request_of):
    async with ChatClient({"default": config_of(server)}) as client:
        request = request_of("hi", prompt="päth/x\ny")
        reply = await client.ask(request)
        assert (reply.text, reply.finish_reason, reply.model, reply.usage) == ("echo hi", "stop", "m", Usage(3, 5))
        assert reply.key == client.key(request)
        counts = client.snapshot()["m"]
    (seen,) = server.seen
    assert seen.headers["X-Provender-Key"] == reply.key
    assert seen.headers["X-Provender-Prompt"] == "p%C3%A4th/x%0Ay"
    assert seen.headers["Authorization"] == f"Bearer {SECRET}"
    assert seen.headers["User-Agent"] == "provender"
    assert (counts.requests, counts.retries, counts.replies, counts.usage) == (1, 0, 1, Usage(3, 5))


async def test_no_key_means_no_authorization_header(server, config_of, request_of):
    async with ChatClient({"default": config_of(server, api_key="")}) as client:
        await client.ask(request_of())
    assert "Authorization" not in server.seen[0].headers


async def test_roles_map_to_models(server, second_server, config_of, request_of):
    judge = ModelConfig("j", (second_server.url,))
    async with ChatClient({"default": config_of(server), "judge": judge}) as client:
        await client.ask(request_of(role="solver"))
        reply = await client.ask(request_of(role="judge"))
        assert client.key(request_of(role="solver")) == client.key(request_of(role="writer")) != reply.key
    assert (server.seen[0].body["model"], second_server.seen[0].body["model"]) == ("m", "j")


def retryable(answers):
    step = answers.Step
    return {
        "429": answers.fails(429),
        "429 with Retry-After": answers.fails(429, headers={"Retry-After": "0.05"}),
        "408": answers.fails(408),
        "409": answers.fails(409),
        "500": answers.fails(500),
        "502": step(502, b"<html>Bad Gateway</html>", content_type="text/html"),
        "503": answers.fails(503),
        "reset": step(cut="reset"),
        "closed": step(cut="close"),
        "half reply": step(cut="half"),
        "stall": step(delay_s=30),
        "truncated JSON": step(body=b'{"choices": [{"mess'),
        "not JSON": step(body=b"hello"),
        "wrong content type": step(content_type="text/plain"),
        "empty choices": step(body=b'{"choices": []}'),
        "wrong encoding": step(headers={"Content-Encoding": "gzip"}, body=b"not gzip"),
    }


KINDS = [
    *("429", "429 with Retry-After", "408", "409", "500", "502", "503", "reset", "closed", "half reply", "stall"),
    *("truncated JSON", "not JSON", "wrong content type", "empty choices", "wrong encoding"),
]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_retryable_fault_is_retried_and_counted(kind, server, config_of, request_of, answers):
    assert set(KINDS) == set(retryable(answers))
    server.script.extend([retryable(answers)[kind], retryable(answers)[kind]])
    async with ChatClient({"default": config_of(server, timeout_s=0.2)}) as client:
        assert (await client.ask(request_of("hi"))).text == "echo hi"
        counts = client.snapshot()["m"]
    assert len(server.seen) == 3
    assert len({seen.key for seen in server.seen}) == 1
    assert (counts.requests, counts.retries, counts.replies, sum(counts.faults.values())) == (3, 2, 1, 2)
    assert counts.in_flight == 0


async def test_retry_after_is_waited_for(server, config_of, request_of, answers):
    times = []

    def answer(seen):
        times.append(asyncio.get_running_loop().time())
        return answers.fails(429, headers={"Retry-After": "0.3"}) if len(times) == 1 else answers.Step()

    server.default = answer
    async with ChatClient({"default": config_of(server)}) as client:
        await client.ask(request_of())
    assert times[1] - times[0] >= 0.3


PERMANENT = {
    401: "check the API key",
    403: "check the API key",
    404: "served there: m, other",
    402: "check base URL",
    301: "check base URL",
    405: "check base URL",
}


@pytest.mark.parametrize("status", PERMANENT)
async def test_permanent_faults_stop_at_once_with_one_clear_line(status, server, config_of, request_of, answers):
    server.models = ["m", "other"]
    server.default = lambda seen: answers.fails(status, f"Incorrect key {SECRET}", {"Location": "/elsewhere"})
    async with ChatClient({"default": config_of(server, max_in_flight=2)}) as client:
        errors = await asyncio.gather(*(error_of(client, request_of(seed=seed)) for seed in range(20)))
        await error_of(client, request_of(seed=99))
    assert all(isinstance(error, ModelUnavailable) for error in errors)
    text = str(errors[0])
    assert server.url in text
    assert str(status) in text
    assert "'m'" in text
    assert PERMANENT[status] in text
    assert len(server.seen) <= 2  # those under way; the others never left


async def test_an_unknown_model_at_a_server_that_lists_none(server, config_of, request_of, answers):
    server.default = lambda seen: answers.fails(404)
    async with ChatClient({"default": config_of(server, base_urls=(f"{server.url}/wrong",))}) as client:
        assert "no list of models: HTTP 404" in str(await error_of(client, request_of()))


@pytest.mark.parametrize("status", [400, 413, 422])
async def test_a_refused_request_is_one_bad_record(status, server, config_of, request_of, answers):
    server.script.append(answers.fails(status, "maximum context length is 4096"))
    async with ChatClient({"default": config_of(server)}) as client:
        error = await error_of(client, request_of())
        assert isinstance(error, RequestRefused)
        assert "maximum context length" in str(error)
        assert (await client.ask(request_of("next"))).text == "echo next"
    assert len(server.seen) == 2


async def test_an_empty_account_is_not_retried(server, config_of, request_of, answers):
    server.default = lambda seen: answers.fails(429, "quota", code="insufficient_quota")
    async with ChatClient({"default": config_of(server)}) as client:
        assert isinstance(await error_of(client, request_of()), ModelUnavailable)
    assert len(server.seen) == 1


async def test_the_deadline_ends_retries(server, config_of, request_of, answers):
    server.default = lambda seen: answers.fails(500, SECRET)
    async with ChatClient({"default": config_of(server, deadline_s=0.3)}) as client:
        error = await error_of(client, request_of())
    assert isinstance(error, ModelUnavailable)
    assert "HTTP 500: ***" in str(error)
    assert 2 <= len(server.seen) <= 40


async def test_a_request_that_alone_fails_is_one_bad_record(server, config_of, request_of, answers):
    server.default = lambda seen: answers.fails(500) if seen.text == "bad" else answers.Step(delay_s=0.01)
    async with ChatClient({"default": config_of(server, deadline_s=0.3)}) as client:

        async def others():
            for seed in range(100):
                await client.ask(request_of("good", seed=seed))

        error, _ = await asyncio.gather(error_of(client, request_of("bad")), others())
    assert isinstance(error, RequestRefused)
    assert "while other requests were answered" in str(error)


async def test_nobody_listens(config_of, request_of):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
        async with ChatClient({"default": config_of(base_urls=(url,), deadline_s=0.3)}) as client:
            errors = await asyncio.gather(*(error_of(client, request_of(seed=seed)) for seed in range(50)))
            counts = client.snapshot()["m"]
    assert all(isinstance(error, ModelUnavailable) for error in errors)
    assert all(url in str(error) and "check that the server runs" in str(error) for error in errors)
    assert counts.requests <= 50 + 30  # one probe at a time once it is left out


async def test_a_name_that_does_not_resolve(config_of, request_of, monkeypatch):
    async def no_such_name(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", no_such_name)
    config = config_of(base_urls=("http://model-server.example/v1",), deadline_s=0.2)
    async with ChatClient({"default": config}) as client:
        error = await error_of(client, request_of())
    assert isinstance(error, ModelUnavailable)


async def test_never_more_in_flight_than_allowed(server, config_of, request_of, answers):
    server.default = lambda seen: answers.Step(delay_s=0.005)
    async with ChatClient({"default": config_of(server, max_in_flight=7)}) as client:
        replies = await asyncio.gather(*(client.ask(request_of(seed=seed)) for seed in range(100)))
    assert server.most_in_flight == 7
    assert len({reply.key for reply in replies}) == 100
    assert len(server.seen) == 100


async def test_roles_of_one_model_share_its_bound(server, config_of, request_of, answers):
    server.default = lambda seen: answers.Step(delay_s=0.01)
    config = config_of(server, max_in_flight=3)
    async with ChatClient({"default": config, "judge": config_of(server, max_in_flight=3)}) as client:
        asks = [client.ask(request_of(seed=n, role="judge" if n % 2 else "writer")) for n in range(20)]
        await asyncio.gather(*asks)
    assert server.most_in_flight == 3


async def test_a_full_server_gets_no_more_than_it_takes(server, config_of, request_of, answers):
    """8 slots behind a bound of 64: the limit finds the server's size, and nothing is lost on the way."""
    running = 0

    async def answer(seen):
        nonlocal running
        if running >= 8:
            return answers.fails(429)
        running += 1
        await asyncio.sleep(0.01)
        running -= 1
        return answers.Step()

    server.default = answer
    async with ChatClient({"default": config_of(server, max_in_flight=64)}) as client:
        replies = await asyncio.gather(*(client.ask(request_of(seed=seed)) for seed in range(600)))
        late = client.snapshot()["m"].requests
        await asyncio.gather(*(client.ask(request_of(seed=seed)) for seed in range(1000, 1300)))
        wasted = client.snapshot()["m"].requests - late - 300
    assert len(replies) == 600
    assert wasted < 150


async def test_twenty_percent_of_all_faults_lose_nothing(server, config_of, request_of, answers):
    steps = list(retryable(answers).values())
    count = 0

    def answer(seen):
        nonlocal count
        count += 1
        return steps[count // 5 % len(steps)] if count % 5 == 0 else answers.Step()

    server.default = answer
    async with ChatClient({"default": config_of(server, timeout_s=0.3, max_in_flight=32)}) as client:
        replies = await asyncio.gather(*(client.ask(request_of(f"n{seed}", seed=seed)) for seed in range(400)))
        counts = client.snapshot()["m"]
    assert [reply.text for reply in replies] == [f"echo n{seed}" for seed in range(400)]
    assert counts.requests == counts.replies + sum(counts.faults.values())
    unseen = counts.requests - len(server.seen)  # given up by the clock before the server had read them
    assert 0 <= unseen <= counts.faults["stalled"]
    assert counts.retries == counts.requests - 400
    assert counts.usage == Usage(3 * 400, 5 * 400)


async def test_finish_by_length_is_a_reply_that_says_so(server, config_of, request_of, answers):
    server.script.append(answers.says("half a sen", "length"))
    async with ChatClient({"default": config_of(server)}) as client:
        reply = await client.ask(request_of())
    assert (reply.text, reply.finish_reason) == ("half a sen", "length")


SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


async def test_structured_replies_are_repaired_once(server, config_of, request_of, answers):
    server.script.extend([answers.says('{"n": 1', "length"), answers.says('{"n": 1}')])
    async with ChatClient({"default": config_of(server)}) as client:
        reply = await client.ask(request_of(schema=SCHEMA))
        assert reply.data == {"n": 1}
        assert reply.key == server.seen[1].key != server.seen[0].key
        assert server.seen[1].headers["X-Provender-Prompt"] == "served_model/repair"
        assert server.seen[1].body["response_format"] == server.seen[0].body["response_format"]
        server.script.extend([answers.says("no"), answers.says("[" * 100_000)])
        error = await error_of(client, request_of(schema=SCHEMA))
    assert isinstance(error, UnreadableReply)
    assert "nested" in str(error)
    assert len(server.seen) == 4


async def test_cancelling_closes_requests_and_leaves_nothing_behind(server, config_of, request_of, answers):
    server.default = lambda seen: answers.Step(delay_s=60)
    before = asyncio.all_tasks()
    async with ChatClient({"default": config_of(server, max_in_flight=4)}) as client:
        asks = [asyncio.ensure_future(client.ask(request_of(seed=seed))) for seed in range(10)]
        while server.in_flight < 4:
            await asyncio.sleep(0.005)
        for ask in asks:
            ask.cancel()
        results = await asyncio.gather(*asks, return_exceptions=True)
        assert all(isinstance(result, asyncio.CancelledError) for result in results)
        assert client.snapshot()["m"].in_flight == 0
        while server.in_flight:
            await asyncio.sleep(0.005)
        assert server.dropped == 4
        server.default = lambda seen: answers.Step()
        replies = await asyncio.gather(*(client.ask(request_of(seed=seed)) for seed in range(10)))
        assert len(replies) == 10
    left = {task for task in asyncio.all_tasks() - before if "RequestHandler" not in repr(task)}
    assert not left


async def test_a_cancelled_waiter_does_not_take_a_slot_with_it(server, config_of, request_of, answers):
    server.default = lambda seen: answers.Step(delay_s=0.02)
    async with ChatClient({"default": config_of(server, max_in_flight=1)}) as client:
        asks = [asyncio.ensure_future(client.ask(request_of(seed=seed))) for seed in range(30)]
        for number, ask in enumerate(asks):
            await asyncio.sleep(0.011)
            if number % 3:
                ask.cancel()
        results = await asyncio.gather(*asks, return_exceptions=True)
        assert all(not isinstance(result, BaseException) for result in results[::3])
        assert client.snapshot()["m"].in_flight == 0
        await client.ask(request_of(seed=100))
    assert server.most_in_flight <= 2  # one that the server has not yet seen to be gone


async def test_closing_is_clean(server, config_of, request_of):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        async with ChatClient({"default": config_of(server)}) as client:
            await client.ask(request_of())
            assert await client.served_models("writer") == {server.url: Listing(("m",))}
        del client
        gc.collect()


async def test_what_is_served_where_nobody_answers(config_of):
    url = "http://127.0.0.1:9/v1"
    async with ChatClient({"default": config_of(base_urls=(url,))}) as client:
        listing = await client.served_models("writer")
    assert listing == {url: Listing(problem="it does not answer", usable=False)}


async def test_the_request_on_the_wire_is_plain_json(server, config_of, request_of):
    async with ChatClient({"default": config_of(server)}) as client:
        await client.ask(request_of("ünï\ud800", schema=None))
    assert json.loads(json.dumps(server.seen[0].body))["messages"][0]["content"] == "ünï\ud800"
