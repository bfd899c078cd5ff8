"""A journal in a store: no reply is used before it is there, torn and doubled lines do no harm, writers fence off."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from uuid import uuid4

import pytest

pytest.importorskip("fsspec")

from hypothesis import given, settings
from hypothesis import strategies as st

from records.store import Store
from records.types import Message
from served_model.journal import Journal, JournalError, read_journal
from served_model.journaled import JournaledModel
from served_model.scripted import ScriptedModel
from served_model.segments import JournalTaken, SegmentLog, fetch_journal
from served_model.types import ChatRequest, Reply, Sampling, Usage


@pytest.fixture
def store() -> Store:
    return Store.open(f"memory://{uuid4().hex}")


def reply(key: str, text: str = "text") -> Reply:
    return Reply(key, text, "stop", "m", Usage(1, 2))


def request(number: int) -> ChatRequest:
    return ChatRequest("writer", (Message("user", f"{number}"),), Sampling(seed=number), "p", "0" * 64)


def stored(store: Store, folder: Path) -> dict[str, str]:
    """Key and text of what another machine would find."""
    path = folder / f"{uuid4().hex}.jsonl"
    fetch_journal(store, path)
    return {line["key"]: line["text"] for line in read_journal(path)} if path.exists() else {}


async def test_a_reply_is_in_the_store_before_it_is_used(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "one.jsonl"
    log = SegmentLog.open(store, path)

    async def answer(request: ChatRequest) -> Reply:
        return reply("", request.messages[0].content)

    with Journal.open(path) as journal:
        model = JournaledModel(ScriptedModel(answer), journal, log.durable)

        async def ask(number: int) -> None:
            got = await model.ask(request(number))
            assert stored(store, tmp_path)[got.key] == got.text

        await asyncio.gather(*(ask(number % 20) for number in range(40)))  # each twice: one waits for the other
        assert len(journal) == 20
    assert 2 <= len(store.names("")) <= 8  # the taking over, then groups


async def test_replies_that_the_store_did_not_take_are_not_used(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "one.jsonl"
    log, used = SegmentLog.open(store, path), list[Reply]()

    async def answer(request: ChatRequest) -> Reply:
        return reply("")

    def full(name: str, data: bytes) -> bool:
        raise OSError("quota exceeded")

    with Journal.open(path) as journal:
        model = JournaledModel(ScriptedModel(answer), journal, log.durable)
        store.files.pipe_file = lambda *_, **__: full("", b"")
        try:
            for number in range(2):
                with pytest.raises(JournalError, match="quota exceeded"):
                    used.append(await model.ask(request(number)))
        finally:
            del store.files.pipe_file
    assert used == []


async def test_who_takes_over_has_all_replies_and_stops_the_one_before(store: Store, tmp_path: Path) -> None:
    first, second = SegmentLog.open(store, tmp_path / "1.jsonl"), None
    with Journal.open(tmp_path / "1.jsonl") as journal:
        journal.append(reply("a"), "p")
        await first.durable()
        second = SegmentLog.open(store, tmp_path / "2.jsonl")
        journal.append(reply("b"), "p")
        with pytest.raises(JournalTaken):
            await first.durable()
        with pytest.raises(JournalTaken):
            await first.durable()
    with Journal.open(tmp_path / "2.jsonl") as journal:
        assert journal.get("a") == reply("a") and "b" not in journal
        journal.append(reply("b", "another"), "p")
        await second.durable()
    assert stored(store, tmp_path) == {"a": "text", "b": "another"}


async def test_a_disk_that_knows_more_than_the_store_fills_it_up(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "1.jsonl"
    with Journal.open(path) as journal:
        for key in "abc":
            journal.append(reply(key), "p")
    SegmentLog.open(store, path)
    assert stored(store, tmp_path).keys() == {"a", "b", "c"}
    before = path.read_bytes()
    SegmentLog.open(store, path)
    assert path.read_bytes() == before
    with path.open("ab") as file:
        file.write(b'{"key": "torn')
    log = SegmentLog.open(store, path)
    with Journal.open(path) as journal:
        assert len(journal) == 3
        journal.append(reply("d"), "p")
        await log.durable()
    assert stored(store, tmp_path).keys() == {"a", "b", "c", "d"}


@settings(max_examples=40)
@given(st.data())
def test_any_cut_of_any_segment_loses_only_lines_that_it_tears(data: st.DataObject) -> None:
    """Stores put whole objects; one that did not must not cost the other replies."""
    store, rng = Store.open(f"memory://{uuid4().hex}"), random.Random(data.draw(st.integers(0, 99)))
    folder = Path("/tmp") / uuid4().hex
    folder.mkdir()
    try:
        with Journal.open(folder / "whole.jsonl") as journal:
            for number in range(9):
                journal.append(reply(str(number), "x" * rng.randint(0, 30)), "p")
        lines = (folder / "whole.jsonl").read_bytes().splitlines(keepends=True)
        whole = set[str]()
        for segment in range(3):
            part = lines[3 * segment : 3 * segment + 3] * rng.choice((1, 2))
            text = b'{"writer":"w"}\n' + b"".join(part)
            cut = data.draw(st.integers(0, len(text)))
            store.put(f"{segment:08d}", text[:cut])
            ends = [len(b"".join(part[: count + 1])) + 15 for count in range(len(part))]
            whole |= {str(3 * segment + count % 3) for count, end in enumerate(ends) if end <= cut}
        assert stored(store, folder).keys() == whole
        SegmentLog.open(store, folder / "other.jsonl")
        if whole:
            with Journal.open(folder / "other.jsonl") as journal:
                assert len(journal) == len(whole)
    finally:
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
