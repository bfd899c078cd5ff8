"""What a flow tells its workers while they work: which shards to drop, which limit is met, and that it lives."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import MappingProxyType

import pytest

from flows.config import validate_config
from flows.make_shard import ShardJob
from flows.orders import Beat, FolderBoard, Heart, Order, Pulse, Recalled, shard_name

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
    return Pulse(order(root, start), FolderBoard(root), halts.append, lost_s=lost_s, look_s=0.01)


class Work:
    """Endless, and knows how it ended."""

    stopped = False

    async def run(self) -> None:
        try:
            await asyncio.sleep(600)
        finally:
            self.stopped = True


async def test_work_that_is_wanted_gives_its_result_and_its_errors(tmp_path: Path) -> None:
    heart = Heart(FolderBoard(tmp_path), lambda: "")

    async def fail() -> None:
        raise ValueError("of the work")

    async with heart.beating():
        assert await pulse(tmp_path, heart.start, []).while_wanted(asyncio.sleep(0.05, "done")) == "done"
        with pytest.raises(ValueError, match="of the work"):
            await pulse(tmp_path, heart.start, []).while_wanted(fail())
    with pytest.raises(Recalled, match="the flow has ended"):
        await pulse(tmp_path, heart.start, []).while_wanted(Work().run())


async def test_a_recall_stops_the_work_of_that_shard_only(tmp_path: Path) -> None:
    heart, work = Heart(FolderBoard(tmp_path), lambda: ""), Work()
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
    async with Heart(FolderBoard(tmp_path), lambda: "").beating():
        with pytest.raises(Recalled, match="another start"):
            await pulse(tmp_path, "an earlier one", []).while_wanted(work.run())
    assert work.stopped


async def test_a_flow_that_died_is_noticed(tmp_path: Path) -> None:
    """A beat that stays the same says nothing, as does one that is not there."""
    await Heart(FolderBoard(tmp_path), lambda: "", start="mine").beat()
    work = Work()
    with pytest.raises(Recalled, match="no sign of the flow"):
        await pulse(tmp_path, "mine", [], lost_s=0.2).while_wanted(work.run())
    assert work.stopped
    with pytest.raises(Recalled, match="no sign of the flow"):
        await pulse(tmp_path / "nowhere", "mine", [], lost_s=0.2).while_wanted(Work().run())


async def test_a_limit_that_is_met_elsewhere_halts_this_process(tmp_path: Path) -> None:
    heart, halts = Heart(FolderBoard(tmp_path), lambda: "budget: tokens"), list[str]()

    async def until_halted() -> str:
        while not halts:
            await asyncio.sleep(0.01)
        return "cut"

    async with heart.beating():
        assert await pulse(tmp_path, heart.start, halts).while_wanted(until_halted()) == "cut"
    assert set(halts) == {"budget: tokens"}


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"start": "a"}', '{"start": "a", "count": 1, "halted": ""}'])
def test_a_part_of_a_beat_is_none(tmp_path: Path, text: str) -> None:
    FolderBoard(tmp_path).path.write_text(text)
    assert FolderBoard(tmp_path).read() is None
    FolderBoard(tmp_path).path.write_text(Beat("a", 1, "", frozenset({"x"})).to_json())
    assert FolderBoard(tmp_path).read() == Beat("a", 1, "", frozenset({"x"}))
