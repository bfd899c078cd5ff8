"""The sandbox as callers see it: a pool of slots over one backend, with retries on fresh slots and a circuit breaker."""

from __future__ import annotations

import asyncio
import atexit
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sandbox.backend import Backend, Reply, Slot, SlotFailed
from sandbox.jobs import Job, make_job
from sandbox.types import Execution, Limits, Request, SandboxError, SandboxUnavailable, Status
from sandbox.verdict import judge

_ATTEMPTS = 3  # the first and two on fresh slots
_OPEN_AFTER = 3  # failed requests in a row without a success between
_RECYCLE_AFTER = 2000  # executions of one slot: a fresh fork pool, fresh address layout
_BACKSTOP_S = 25.0  # beyond the program's own wall limit, before the agent itself is given up
_STARVED = 0.3  # a wall timeout with this share of waiting for a core says more about the machine than the program


class SlotPool:
    """Implements `types.Sandbox`. Slots start when first needed."""

    def __init__(self, backend: Backend, slots: int | None = None) -> None:
        self._backend = backend
        self._size = slots or os.cpu_count() or 1
        self._free: asyncio.Queue[int] = asyncio.Queue()
        for index in range(self._size):
            self._free.put_nowait(index)
        self._slots: dict[int, Slot] = {}
        self._used: dict[int, int] = {}
        self._alone = asyncio.Lock()
        self._failures = 0
        self._closed = False
        self._started = 0
        atexit.register(self._kill_all)

    @property
    def backend(self) -> str:
        """Name of the backend that runs the programs."""
        return self._backend.name

    async def run(self, request: Request) -> Execution:
        """Run one program; see `types.Sandbox.run`."""
        if self._closed:
            raise SandboxUnavailable("the sandbox is closed")
        job = make_job(request)
        if isinstance(job, Execution):
            return job
        execution, delay_s = await self._attempt(job)
        if execution.status is Status.TIMEOUT_WALL and delay_s > _STARVED * request.limits.wall_limit_s:
            async with self._all_slots():
                execution, _ = await self._attempt(job, index=0)
        return execution

    async def aclose(self) -> None:
        """End every slot."""
        self._closed = True
        slots, self._slots = list(self._slots.values()), {}
        await asyncio.gather(*(slot.close() for slot in slots))
        atexit.unregister(self._kill_all)

    def _kill_all(self) -> None:
        for slot in self._slots.values():
            slot.kill()

    async def _attempt(self, job: Job, index: int | None = None) -> tuple[Execution, float]:
        """Try on up to three slots. Raises SandboxError, or SandboxUnavailable once too much has failed."""
        if self._failures >= _OPEN_AFTER:
            raise SandboxUnavailable("the sandbox kept failing; run `provender doctor`")
        error: SandboxError = SandboxError("never tried")
        for _ in range(_ATTEMPTS):
            try:
                reply = await self._on_slot(job, index)
                execution = judge(job.request, reply, self._backend.name)
            except SlotFailed as failure:
                error = failure
            else:
                self._failures = 0
                return execution, float(reply.header["delay_s"])
        self._failures += 1
        raise SandboxError(f"the sandbox failed {_ATTEMPTS} times: {error}") from error

    async def _on_slot(self, job: Job, index: int | None) -> Reply:
        if index is not None:
            return await self._use(index, job)
        index = await self._free.get()
        try:
            return await self._use(index, job)
        finally:
            self._free.put_nowait(index)

    async def _use(self, index: int, job: Job) -> Reply:
        try:
            slot = self._slots.get(index) or await self._start(index)
            for step in job.before:
                reply = await slot.execute(step, job.request.limits.wall_limit_s + _BACKSTOP_S)
                if not _went_well(reply):
                    return reply
            reply = await slot.execute(job.frames, job.request.limits.wall_limit_s + _BACKSTOP_S)
        except BaseException:  # cancelled or failed: the slot may be in the middle of anything
            await self._discard(index)
            raise
        self._used[index] += 1
        if reply.header.get("broken") or self._used[index] >= _RECYCLE_AFTER:
            await self._discard(index)
        return reply

    async def _start(self, index: int) -> Slot:
        self._started += 1
        slot = await self._backend.start(index + self._started * self._size)
        self._slots[index] = slot
        self._used[index] = 0
        return slot

    async def _discard(self, index: int) -> None:
        slot = self._slots.pop(index, None)
        if slot is not None:
            slot.kill()
            await asyncio.shield(slot.close())

    @asynccontextmanager
    async def _all_slots(self) -> AsyncIterator[None]:
        """Hold every slot, so that nothing of ours competes."""
        async with self._alone:
            held = [await self._free.get() for _ in range(self._size)]
            try:
                yield
            finally:
                for index in held:
                    self._free.put_nowait(index)


def _went_well(reply: Reply) -> bool:
    return reply.header["verdict"] is None and reply.header["program"] == 0


__all__ = ["Limits", "SlotPool"]
