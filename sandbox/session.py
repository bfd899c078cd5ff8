"""A stateful session as the host sees it: a jail of its own, one cell at a time, idle expiry."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from sandbox.backend import Reply, Slot, SlotFailed
from sandbox.exchange import DONE, MISSING, NO_ROOM, NOT_REGULAR, TOO_LARGE
from sandbox.execution import PATIENCE
from sandbox.harness.interpreter import DID_NOT_COMPILE
from sandbox.jobs import cell_frames, file_frames, session_frames
from sandbox.types import Execution, FileRefused, Request, SandboxError, SessionEnded, Status
from sandbox.verdict import limit_text

IDLE_S = 600.0  # without a call for so long, the jail is given back: whoever wanted it has gone
_ATTEMPTS = 3
_BACKSTOP_S = 25.0  # beyond the longest that a cell may take, after which the agent itself is given up
_FILE_S = 45.0
_REFUSALS = {
    MISSING: "there is no such file",
    NOT_REGULAR: "not a regular file that can be read",
    TOO_LARGE: "too large",
    NO_ROOM: "no room for it, or something else is in its place",
}


@dataclass(frozen=True, slots=True)
class Opening:
    """What a session begins with, each time: files and limits (of a request without a program), profile, backend."""

    request: Request
    profile: str
    backend: str


class LiveSession:
    """Implements `types.Session`. `start` makes its jail; `turn` is held while a cell runs: cores bound them."""

    def __init__(
        self,
        opening: Opening,
        start: Callable[[], Awaitable[Slot]],
        turn: Callable[[], AbstractAsyncContextManager[None]],
        idle_s: float = IDLE_S,
    ) -> None:
        self._opening = opening
        self._limits = opening.request.limits
        self._start = start
        self._turn = turn
        self._idle_s = idle_s
        self._slot: Slot | None = None
        self._ended = "it was never opened"
        self._one_at_a_time = asyncio.Lock()
        self._expiry: asyncio.TimerHandle | None = None
        self._closing: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Start the jail and the interpreter in it. Raises SandboxError."""
        frames = session_frames(self._opening.request, self._opening.profile)
        error: SandboxError = SandboxError("never tried")
        for _ in range(_ATTEMPTS):
            try:
                self._slot = await self._start()
                await self._ask(frames, PATIENCE * self._wall_s + _BACKSTOP_S)
            except (SlotFailed, SessionEnded) as failure:
                error = failure
            else:
                return
        raise SandboxError(f"a session could not be opened: {error}") from error

    async def run(self, cell: str) -> Execution:
        """Run one cell; see `types.Session.run`."""
        async with self._one_at_a_time, self._turn():
            frames = cell_frames(cell, self._limits, self._wall_s)
            reply = await self._ask(frames, PATIENCE * self._wall_s + _BACKSTOP_S)
        return self._execution(reply)

    async def put(self, name: str, data: bytes) -> None:
        """Write a file; see `types.Session.put`."""
        async with self._one_at_a_time:
            self._refuse(name, await self._ask(file_frames(name, data), _FILE_S))

    async def get(self, name: str) -> bytes:
        """Read a file; see `types.Session.get`."""
        async with self._one_at_a_time:
            reply = await self._ask(file_frames(name, None), _FILE_S)
        self._refuse(name, reply)
        return reply.report

    async def reset(self) -> None:
        """Begin anew; see `types.Session.reset`."""
        async with self._one_at_a_time:
            await self.close("it is being reset")
            await self.open()

    async def close(self, reason: str = "it was closed") -> None:
        """Give the jail back."""
        slot = self._let_go(reason)
        if slot is not None:
            await slot.close()

    def kill(self) -> None:
        """The same without waiting."""
        slot = self._let_go("the sandbox was closed")
        if slot is not None:
            slot.kill()

    @property
    def _wall_s(self) -> float:
        return self._limits.wall_limit_s

    async def _ask(self, frames: Sequence[bytes], deadline_s: float) -> Reply:
        if self._slot is None:
            raise SessionEnded(f"the session has ended: {self._ended}")
        slot = self._slot
        self._stop_clock()
        try:
            reply = await slot.execute(frames, deadline_s)
        except BaseException as error:  # failed or cancelled: the jail may be in the middle of anything
            await self.close(f"{type(error).__name__} {error}".strip())
            raise
        if not reply.header["alive"]:
            await self.close(_last_words(reply))
        else:
            self._expiry = asyncio.get_running_loop().call_later(self._idle_s, self._expire)
        return reply

    def _expire(self) -> None:
        slot = self._let_go(f"not used for {self._idle_s:g} s")
        if slot is not None:
            slot.kill()
            self._closing = asyncio.get_running_loop().create_task(slot.close())

    def _let_go(self, reason: str) -> Slot | None:
        self._stop_clock()
        slot, self._slot = self._slot, None
        if slot is not None:
            self._ended = reason
        return slot

    def _stop_clock(self) -> None:
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None

    def _refuse(self, name: str, reply: Reply) -> None:
        status = reply.header["file"]
        code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else NO_ROOM
        if code != DONE:
            raise FileRefused(f"{name}: {_REFUSALS.get(code, 'it could not be copied')}")

    def _execution(self, reply: Reply) -> Execution:
        status, code, signal, detail = self._end(reply)
        header = reply.header
        return Execution(
            status=status,
            exit_code=code,
            signal=signal,
            stdout=reply.stdout.decode("utf-8", "replace"),
            stderr=reply.stderr.decode("utf-8", "replace"),
            cpu_s=float(header["cpu_s"]),
            wall_s=float(header["wall_s"]),
            peak_bytes=header["peak_bytes"],
            backend=self._opening.backend,
            detail=detail,
        )

    def _end(self, reply: Reply) -> tuple[Status, int | None, int | None, str]:
        header = reply.header
        if header["alive"]:
            kind, code = header["answer"]
            if kind == DID_NOT_COMPILE:
                return Status.COMPILE_ERROR, 1, None, "the cell does not compile"
            return (Status.NONZERO, code, None, "the cell raised or left") if code else (Status.OK, 0, None, "")
        status = header["program"]
        code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else None
        signal = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
        if header["verdict"] is not None:
            return Status(header["verdict"]), code, signal, limit_text(header["verdict"], self._limits)
        if signal is not None and not header["lost"]:
            return Status.SIGNAL, code, signal, _last_words(reply)
        return Status.NONZERO, code, None, _last_words(reply)


def _last_words(reply: Reply) -> str:
    """Why a session that has just ended did so."""
    verdict, status = reply.header["verdict"], reply.header["program"]
    if verdict is not None:
        return f"a cell met a limit ({verdict})"
    if status is not None and os.WIFEXITED(status):
        return f"the interpreter was left with exit code {os.WEXITSTATUS(status)}"
    return "the interpreter no longer answered" if reply.header["lost"] else "the interpreter was ended by a signal"
