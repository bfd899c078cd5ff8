import asyncio
import random
import sys

import pytest

from served_model.client import ChatClient
from served_model.journal import Journal, read_journal
from served_model.journaled import JournaledModel
from served_model.scripted import ScriptedModel
from served_model.types import RequestRefused, UnreadableReply, Usage

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
SECRET = "sk-very-secret-4711"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "replies.jsonl"


async def test_a_stored_reply_is_replayed(path, request_of):
    model = ScriptedModel(lambda request: "hi")
    with Journal.open(path) as journal:
        journaled = JournaledModel(model, journal)
        first = await journaled.ask(request_of())
        assert await journaled.ask(request_of(role="judge", prompt="other")) == first
        assert journaled.key(request_of()) == first.key
        counts = journaled.snapshot()
    assert len(model.requests) == 1
    assert (counts.asked, counts.replayed, counts.shared) == (1, 1, 0)
    assert counts.asked_usage == counts.replayed_usage == Usage(1, 1)
    with Journal.open(path) as journal:
        assert await JournaledModel(model, journal).ask(request_of()) == first
    assert len(model.requests) == 1


async def test_repair_rounds_are_journaled_under_their_own_keys_and_replayed(path, request_of):
    model = ScriptedModel(lambda request: "oops" if len(request.messages) == 1 else '{"n": 3}')
    replies = []
    for _ in range(2):
        with Journal.open(path) as journal:
            replies.append(await JournaledModel(model, journal).ask(request_of(schema=SCHEMA)))
            first_key = model.key(model.requests[0])
            assert list(journal.unreadable) == [first_key]
    assert replies[0] == replies[1]
    assert replies[0].data == {"n": 3}
    assert replies[0].key == model.key(model.requests[1])
    assert len(model.requests) == 2
    lines = list(read_journal(path))
    assert [line["key"] for line in lines] == [first_key, first_key, replies[0].key]
    assert [line.get("event") for line in lines] == [None, "unreadable", None]
    assert [line["prompt"] for line in lines if "prompt" in line] == ["generators.code/problem", "served_model/repair"]


async def test_unreadable_replies_fail_the_same_way_on_replay(path, request_of):
    model = ScriptedModel(lambda request: "oops")
    errors = []
    for _ in range(2):
        with Journal.open(path) as journal:
            with pytest.raises(UnreadableReply) as caught:
                await JournaledModel(model, journal).ask(request_of(schema=SCHEMA))
            errors.append(str(caught.value))
            assert len(journal.unreadable) == 2
    assert errors[0] == errors[1]
    assert len(model.requests) == 2


async def test_refusals_are_not_journaled(path, request_of):
    answers = iter([RequestRefused("too long"), "now it works"])
    model = ScriptedModel(lambda request: next(answers))
    with Journal.open(path) as journal:
        journaled = JournaledModel(model, journal)
        with pytest.raises(RequestRefused):
            await journaled.ask(request_of())
        assert len(journal) == 0
        assert (await journaled.ask(request_of())).text == "now it works"


async def test_concurrent_askers_of_one_request_share_one_call(path, request_of):
    async def slowly(request):
        await asyncio.sleep(0.01)
        return "hi"

    model = ScriptedModel(slowly)
    with Journal.open(path) as journal:
        journaled = JournaledModel(model, journal)
        replies = await asyncio.gather(*(journaled.ask(request_of()) for _ in range(20)))
        counts = journaled.snapshot()
    assert len(set(map(id, replies))) == 1
    assert len(model.requests) == 1
    assert (counts.asked, counts.shared, counts.replayed) == (1, 19, 0)


async def test_concurrent_askers_share_an_error(path, request_of):
    async def slowly(request):
        await asyncio.sleep(0.01)
        return RequestRefused("no")

    model = ScriptedModel(slowly)
    with Journal.open(path) as journal:
        journaled = JournaledModel(model, journal)
        results = await asyncio.gather(*(journaled.ask(request_of()) for _ in range(5)), return_exceptions=True)
    assert [str(result) for result in results] == ["no"] * 5
    assert len({id(result) for result in results}) == 5
    assert len(model.requests) == 1


async def test_when_the_first_asker_is_cancelled_another_takes_over(path, request_of):
    gate = asyncio.Event()

    async def wait(request):
        await gate.wait()
        return "hi"

    model = ScriptedModel(wait)
    with Journal.open(path) as journal:
        journaled = JournaledModel(model, journal)
        asks = [asyncio.ensure_future(journaled.ask(request_of())) for _ in range(5)]
        await asyncio.sleep(0)
        asks[0].cancel()
        asks[3].cancel()
        await asyncio.sleep(0.01)
        gate.set()
        results = await asyncio.gather(*asks, return_exceptions=True)
        assert journaled.snapshot().asked == 1
    assert [isinstance(result, asyncio.CancelledError) for result in results] == [True, False, False, True, False]
    assert len(model.requests) == 2


async def test_the_journal_holds_no_secret(path, server, config_of, request_of):
    async with ChatClient({"default": config_of(server)}) as client:
        with Journal.open(path) as journal:
            await JournaledModel(client, journal).ask(request_of())
    assert SECRET not in path.read_text()
    assert "Authorization" not in path.read_text()
    assert server.url not in path.read_text()


async def test_the_same_request_is_never_sent_twice_whatever_the_wire_does(
    path, server, config_of, request_of, answers
):
    dice = random.Random(4)
    steps = [answers.fails(429), answers.fails(500), answers.Step(cut="reset"), answers.Step(cut="half")]
    server.default = lambda seen: dice.choice(steps) if dice.random() < 0.2 else answers.Step(delay_s=0.001)
    for concurrency in (3, 16):
        async with ChatClient({"default": config_of(server, max_in_flight=concurrency)}) as client:
            with Journal.open(path) as journal:
                journaled = JournaledModel(client, journal)
                asks = [journaled.ask(request_of(f"n{n % 100}", seed=n % 100)) for n in range(200)]
                replies = await asyncio.gather(*asks)
        assert [reply.text for reply in replies] == [f"echo n{n % 100}" for n in range(200)]
        whole = [key for key in server.answered if server.answered.count(key) > 1]
        assert whole == []


CHILD = """
import asyncio, sys
from pathlib import Path
from records.types import Message
from served_model.client import ChatClient
from served_model.config import ModelConfig
from served_model.journal import Journal
from served_model.journaled import JournaledModel
from served_model.types import ChatRequest, Sampling

def request_of(n):
    return ChatRequest("writer", (Message("user", f"n{n}"),), Sampling(seed=n), "p", "h")

async def main(path, url, bound):
    config = ModelConfig("m", (url,), max_in_flight=int(bound))
    async with ChatClient({"default": config}) as client:
        with Journal.open(Path(path)) as journal:
            model = JournaledModel(client, journal)
            await asyncio.gather(*(model.ask(request_of(n)) for n in range(300)))

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.heavy
async def test_killed_at_random_moments_nothing_journaled_is_asked_again(path, server, answers):
    server.default = lambda seen: answers.Step(delay_s=0.02)
    dice = random.Random(5)
    for attempt in range(6):
        journaled = {line["key"] for line in read_journal(path)} if path.exists() else set()
        start = len(server.seen)
        bound = str(dice.choice([2, 8, 32]))
        child = await asyncio.create_subprocess_exec(sys.executable, "-c", CHILD, str(path), server.url, bound)
        if attempt < 5:
            goal = start + dice.randrange(1, 60)
            while len(server.seen) < goal and child.returncode is None:
                await asyncio.sleep(0.002)
            child.kill()
        assert await child.wait() == (0 if attempt == 5 else -9)
        assert not journaled & {seen.key for seen in server.seen[start:]}
    assert len({line["key"] for line in read_journal(path)}) == 300
    assert len(list(read_journal(path))) == 300
