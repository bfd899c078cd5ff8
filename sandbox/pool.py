"""The sandbox as callers see it: slots over one backend, retries on fresh slots, and a circuit breaker."""

from __future__ import annotations

import asyncio
import atexit
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from types import MappingProxyType

from sandbox.backend import Backend, Reply, Slot, SlotFailed
from sandbox.execution import PATIENCE
from sandbox.jobs import COMPILE_LIMITS, Job, make_job
from sandbox.profiles import PLAIN, PROFILES, WARM_S, warming_frames
from sandbox.session import IDLE_S, LiveSession, Opening
from sandbox.types import (
    DEFAULT_LIMITS,
    Execution,
    Limits,
    Request,
    SandboxError,
    SandboxUnavailable,
    Session,
    Status,
    ToolchainMissing,
)
from sandbox.verdict import judge_all

_ATTEMPTS = 3  # the first, and two on fresh slots
_OPEN_AFTER = 3  # requests that failed in a row, without a success between
MAX_SESSIONS = 64  # at a time; about 20 MB each while idle
_RECYCLE_AFTER = 2000  # executions of one slot, for a fresh address layout
_BACKSTOP_S = 25.0  # beyond the longest that a program may take, after which the agent itself is given up
_STARVED = 0.3  # a wall timeout with this share of waiting for a core says more about the machine than the program


_Place = tuple[int, str]  # a slot's number, which stands for a core, and the profile that is warm in it


class SlotPool:
    """Implements `types.Sandbox`. Slots start when they are first needed; used from one event loop."""

    def __init__(self, backend: Backend, slots: int | None = None, idle_s: float = IDLE_S) -> None:
        self._idle_s = idle_s
        self._backend = backend
        self._size = slots or len(os.sched_getaffinity(0))
        self._free: asyncio.LifoQueue[int] = asyncio.LifoQueue()  # the warmest slot first; a late one may never start
        for index in reversed(range(self._size)):
            self._free.put_nowait(index)
        self._slots: dict[_Place, Slot] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._used: dict[_Place, int] = {}
        self._alone = asyncio.Lock()
        self._started = 0
        self._worked = False
        self._sessions: set[LiveSession] = set()
        self._room = asyncio.Semaphore(MAX_SESSIONS)
        self._failures = 0
        self._closed = False
        atexit.register(self._kill_all)

    @property
    def backend(self) -> str:
        """Name of the backend that runs the programs."""
        return self._backend.name

    async def run(self, request: Request) -> Execution:
        """Run one program; see `types.Sandbox.run`."""
        job = make_job(request, site=self._backend.site is not None)
        if isinstance(job, Execution):
            return job
        execution, delay_s = await self._attempt(job)
        if execution.status is Status.TIMEOUT_WALL and delay_s > _STARVED * request.limits.wall_limit_s:
            async with self._every_slot():
                execution, _ = await self._attempt(job, index=0)
        return execution

    @asynccontextmanager
    async def session(
        self,
        language: str = "python",
        limits: Limits = DEFAULT_LIMITS,
        files: Mapping[str, bytes] = MappingProxyType({}),
        profile: str = PLAIN,
    ) -> AsyncIterator[Session]:
        """A stateful session; see `types.Sandbox.session`. Its jail is no slot: cells take turns with programs."""
        if profile not in PROFILES:
            raise SandboxError(f"no such profile: {profile!r} (there are: {', '.join(PROFILES)})")
        if profile != PLAIN and self._backend.site is None:
            raise ToolchainMissing(f"the profile {profile!r} needs a folder of packages: set sandbox.site")
        opening = Opening(Request(language, "", files=files, limits=limits), profile, self._backend.name)
        async with self._room:
            session = LiveSession(opening, lambda: self._start_apart(profile), self._turn, self._idle_s)
            self._sessions.add(session)
            try:
                await session.open()
                yield session
            finally:
                self._sessions.discard(session)
                await session.close()

    async def aclose(self) -> None:
        """End every slot. What still runs ends with SandboxUnavailable."""
        self._closed = True
        slots, self._slots = list(self._slots.values()), {}
        sessions = (session.close("the sandbox was closed") for session in self._sessions)
        await asyncio.gather(*(slot.close() for slot in slots), *sessions, *self._closing)
        await self._backend.aclose()
        atexit.unregister(self._kill_all)

    def _kill_all(self) -> None:
        for session in self._sessions:
            session.kill()
        for slot in self._slots.values():
            slot.kill()

    async def _attempt(self, job: Job, index: int | None = None) -> tuple[Execution, float]:
        """Try on up to three slots; the execution, and the seconds that the program waited for a core."""
        error: SandboxError = SandboxError("never tried")
        for _ in range(_ATTEMPTS):
            if self._closed or self._failures >= _OPEN_AFTER:
                raise SandboxUnavailable("closed" if self._closed else f"the sandbox kept failing; last: {error}")
            try:
                replies = await (self._on_free_slot(job) if index is None else self._on_slot(index, job))
                execution = judge_all(job, replies, self._backend.name)
            except SlotFailed as failure:
                error = failure
            else:
                self._failures = 0
                return execution, max(float(reply.header["delay_s"]) for reply in replies)
        self._failures += 1
        raise SandboxError(f"the sandbox failed {_ATTEMPTS} times: {error}") from error

    async def _on_free_slot(self, job: Job) -> list[Reply]:
        index = await self._free.get()
        try:
            return await self._on_slot(index, job)
        finally:
            self._free.put_nowait(index)

    async def _on_slot(self, index: int, job: Job) -> list[Reply]:
        place = (index, job.profile)
        try:
            slot = self._slots.get(place) or await self._start(place)
            replies = await _execute(slot, job)
        except BaseException:  # failed or cancelled: the slot may be in the middle of anything
            self._discard(place)
            raise
        self._used[place] += 1
        if replies[-1].header["broken"] or self._used[place] >= _RECYCLE_AFTER:
            self._discard(place)
        return replies

    async def _start(self, place: _Place) -> Slot:
        slot = self._slots[place] = await self._start_apart(place[1])
        self._used[place] = 0
        return slot

    async def _start_apart(self, profile: str) -> Slot:
        """A new slot that the pool does not keep."""
        if self._closed:
            raise SandboxUnavailable("the sandbox is closed")
        self._started += 1
        try:
            slot = await self._backend.start(self._started)
        except SandboxUnavailable as error:
            if self._worked:  # so the machine is short of something for the moment
                raise SlotFailed(str(error)) from error
            raise
        self._worked = True
        if self._backend.site is not None:
            try:
                await slot.execute(warming_frames(profile, self._backend.site), WARM_S)
            except BaseException:
                await slot.close()
                raise
        return slot

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """The right to use one core, as long as a cell runs."""
        index = await self._free.get()
        try:
            yield
        finally:
            self._free.put_nowait(index)

    def _discard(self, place: _Place) -> None:
        slot = self._slots.pop(place, None)
        if slot is not None:
            slot.kill()
            task = asyncio.get_running_loop().create_task(slot.close())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    @asynccontextmanager
    async def _every_slot(self) -> AsyncIterator[None]:
        """Hold every slot, so that nothing of ours competes for the machine."""
        async with self._alone:
            held: list[int] = []
            try:
                while len(held) < self._size:
                    held.append(await self._free.get())
                yield
            finally:
                for index in held:
                    self._free.put_nowait(index)


async def _execute(slot: Slot, job: Job) -> list[Reply]:
    """Compile, where the language does, and run: the replies of the runs, or of the step that went no further."""
    for frames in job.compile_frames:
        reply = await slot.execute(frames, PATIENCE * COMPILE_LIMITS.wall_limit_s + _BACKSTOP_S)
        if reply.header["program"] != 0 or reply.header["verdict"] is not None or reply.header["broken"]:
            return [replace(reply, compiling=True)]
    replies: list[Reply] = []
    for frames in (job.frames, *job.later):
        if replies and replies[-1].header["broken"]:
            raise SlotFailed("the jail broke between two inputs")
        replies.append(await slot.execute(frames, PATIENCE * job.request.limits.wall_limit_s + _BACKSTOP_S))
    return replies
