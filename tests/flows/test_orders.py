"""What a flow tells its workers while they work: which shards to drop, which limit is met, and that it lives."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import MappingProxyType

import pytest

from flows.config import validate_config
from flows.make_shard import ShardJob
from flows.orders import Beat, FolderBoard, Heart, Order, Pulse, Recalled, shard_name
from flows.worker import Account
from served_model.meter import Cost, Limits, Meter
from served_model.types import Usage

CONFIG = validate_config(
    {
        "name": "orders",
        "models": {"default": {"base_url": "http://127.0.0.1:9/v1", "name": "none"}},
        "recipes": [{"use": "math/solve", "seeds": 1}],
    },
    "test",
)


def order(root: Path, start: str, shard: int = 3) -> Order:
    return Order(ShardJob(CONFIG, root, 0, shard), "00-math-solve", "", start, MappingProxyType({}))


def pulse(root: Path, start: str, halts: list[str], lost_s: float = 600) -> Pulse:
    return Pulse(
        order(root, start),
        FolderBoard(root),
        lambda beat: halts.extend([beat.halted] if beat.halted else []),
        lost_s=lost_s,
        look_s=0.01,
    )


class Work:
    """Endless, and knows how it ended."""

    stopped = False

    async def run(self) -> None:
        try:
            await asyncio.sleep(600)
        finally:
            self.stopped = True


async def test_work_that_is_wanted_gives_its_result_and_its_errors(tmp_path: Path) -> None:
    heart = Heart(FolderBoard(tmp_path), Meter())

    async def fail() -> None:
        raise ValueError("of the work")

    async with heart.beating():
        assert await pulse(tmp_path, heart.start, []).while_wanted(asyncio.sleep(0.05, "done")) == "done"
        with pytest.raises(ValueError, match="of the work"):
            await pulse(tmp_path, heart.start, []).while_wanted(fail())
    with pytest.raises(Recalled, match="the flow has ended"):
        await pulse(tmp_path, heart.start, []).while_wanted(Work().run())


async def test_a_recall_stops_the_work_of_that_shard_only(tmp_path: Path) -> None:
    heart, work = Heart(FolderBoard(tmp_path), Meter()), Work()
    heart.recalled.add(shard_name("00-math-solve", 4))
    async with heart.beating():
        working = asyncio.ensure_future(pulse(tmp_path, heart.start, []).while_wanted(work.run()))
        await asyncio.sleep(0.1)
        assert not working.done()
        heart.recalled.add(shard_name("00-math-solve", 3))
        await heart.beat()
        with pytest.raises(Recalled, match="00-math-solve-00003: not needed"):
            await working
    assert work.stopped


async def test_another_start_of_the_run_takes_over(tmp_path: Path) -> None:
    work = Work()
    async with Heart(FolderBoard(tmp_path), Meter()).beating():
        with pytest.raises(Recalled, match="another start"):
            await pulse(tmp_path, "an earlier one", []).while_wanted(work.run())
    assert work.stopped


async def test_a_flow_that_died_is_noticed(tmp_path: Path) -> None:
    """A beat that stays the same says nothing, as does one that is not there."""
    await Heart(FolderBoard(tmp_path), Meter(), start="mine").beat()
    work = Work()
    with pytest.raises(Recalled, match="no sign of the flow"):
        await pulse(tmp_path, "mine", [], lost_s=0.2).while_wanted(work.run())
    assert work.stopped
    with pytest.raises(Recalled, match="no sign of the flow"):
        await pulse(tmp_path / "nowhere", "mine", [], lost_s=0.2).while_wanted(Work().run())


async def test_a_limit_that_is_met_elsewhere_halts_this_process(tmp_path: Path) -> None:
    heart, halts = Heart(FolderBoard(tmp_path), Meter(halted="budget: tokens")), list[str]()

    async def until_halted() -> str:
        while not halts:
            await asyncio.sleep(0.01)
        return "cut"

    async with heart.beating():
        assert await pulse(tmp_path, heart.start, halts).while_wanted(until_halted()) == "cut"
    assert set(halts) == {"budget: tokens"}


async def test_what_workers_spend_is_known_to_all_before_their_shards_are_done(tmp_path: Path) -> None:
    """The run has paid 100 tokens before, and may spend 1000."""
    paid = {"m": Usage(100, 0)}
    board, limits = FolderBoard(tmp_path), Limits(tokens=1000)
    flow = Meter(limits, usage=dict(paid))
    heart = Heart(board, flow)
    workers = [Account(Meter(limits, usage=dict(paid)), board, heart.start) for _ in range(2)]
    other = Account(Meter(limits), board, "an earlier start")
    for account, tokens in (*zip(workers, (300, 500), strict=True), (other, 900)):
        account.meter.spent_elsewhere("m", Usage(tokens, 0))
        reporting = asyncio.create_task(account.report())
        while account.reported.tokens != tokens:
            await asyncio.sleep(0.01)
        reporting.cancel()
    await heart.beat()
    assert flow.elsewhere.tokens == 800 and not flow.halted
    flow.spent_elsewhere("m", Usage(300, 0))  # the first worker's shard is done: its cost is known, and counts once
    await heart.beat()
    assert (flow.elsewhere.tokens, flow.halted) == (500, "")
    beat = board.read()
    assert beat is not None and beat.spent.tokens == 900
    for account in workers:
        account.hear(beat)
    assert [account.meter.elsewhere.tokens for account in workers] == [500, 300]
    board.report(heart.start, "a third", Cost(101))
    await heart.beat()
    beat = board.read()
    assert beat is not None and beat.halted == "budget: tokens"
    workers[1].hear(beat)
    assert workers[1].meter.halted == "budget: tokens" and not workers[0].meter.halted


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"start": "a"}', '{"start": "a", "count": 1, "halted": ""}'])
def test_a_part_of_a_beat_is_none(tmp_path: Path, text: str) -> None:
    FolderBoard(tmp_path).path.write_text(text)
    assert FolderBoard(tmp_path).read() is None
    FolderBoard(tmp_path).path.write_text(Beat("a", 1, "", frozenset({"x"}), Cost(5, 0.5)).to_json())
    assert FolderBoard(tmp_path).read() == Beat("a", 1, "", frozenset({"x"}), Cost(5, 0.5))
