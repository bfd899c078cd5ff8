"""Enough seeds to keep the model full, few more, first come first served."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from flows.seed_gate import LEAST, MOST_PER_SLOT, TICK_S, Load, SeedGate


@dataclass
class Model:
    """A load that tests set by hand."""

    slots: int = 100
    waiting: int = 0
    gate: SeedGate = field(init=False)

    def __post_init__(self) -> None:
        self.gate = SeedGate(lambda: Load(self.slots, self.waiting))


async def enter(gate: SeedGate, count: int) -> list[asyncio.Task[None]]:
    tasks = [asyncio.create_task(gate.enter()) for _ in range(count)]
    await asyncio.sleep(0)
    return tasks


async def test_as_many_seeds_as_slots_whatever_waits() -> None:
    model = Model(waiting=1000)
    tasks = await enter(model.gate, 150)
    assert [task.done() for task in tasks] == [True] * 100 + [False] * 50
    model.gate.leave()
    await asyncio.sleep(0)
    assert tasks[100].done()
    assert not tasks[101].done()


async def test_more_where_no_request_waits_because_seeds_are_in_verification() -> None:
    model = Model(slots=20)
    tasks = await enter(model.gate, 500)
    let_in = sum(task.done() for task in tasks)
    assert 20 <= let_in <= 20 + 20 // 2 + 1
    ticking = asyncio.create_task(model.gate.run())
    while model.gate.inside < MOST_PER_SLOT * 20:
        await asyncio.sleep(TICK_S)
    model.waiting = 50
    await asyncio.sleep(3 * TICK_S)
    assert model.gate.inside == MOST_PER_SLOT * 20
    ticking.cancel()


async def test_room_for_a_further_shard_comes_when_the_line_is_short() -> None:
    model = Model(slots=LEAST, waiting=1000)
    await enter(model.gate, LEAST + 10)
    room = asyncio.create_task(model.gate.room())
    await asyncio.sleep(0)
    assert not room.done()
    for _ in range(6):
        model.gate.leave()
    await asyncio.sleep(0)
    assert room.done()


async def test_who_leaves_the_line_takes_no_place() -> None:
    model = Model(slots=LEAST, waiting=1000)
    tasks = await enter(model.gate, LEAST + 2)
    tasks[LEAST].cancel()
    model.gate.leave()
    await asyncio.gather(*tasks[LEAST:], return_exceptions=True)
    assert tasks[LEAST].cancelled()
    assert model.gate.inside == LEAST
