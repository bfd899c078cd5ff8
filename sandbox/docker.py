"""The Docker backend: the same agent, as first process of a container of its own per slot.

What it covers and what not stands in THREATS.md beside this file.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sandbox.backend import Reply, SlotFailed
from sandbox.engine import IMAGE, Abandoned, Engine, Opened, Shape, boot_bytes
from sandbox.janitor import Janitor
from sandbox.line import AttachedLine, exchange, receive
from sandbox.meters import SLACK
from sandbox.profiles import WARM_S
from sandbox.types import Limits, SandboxUnavailable
from sandbox.wire import WireError, pack, sizes_of, unpack

_START_S = 60.0
_KEPT = 2  # work areas of one slot: those of programs and of their tests, mostly
_UID_BASE, _UID_STEP = 0x70000000, 4  # ids far above any account of the engine's machine


@dataclass(slots=True)
class _Resident:
    """A container that runs, and its agent."""

    opened: Opened
    line: AttachedLine
    memory: int  # its limit at the moment, in bytes

    def hang_up(self) -> None:
        """The agent ends, with it all that is in the container, and the engine removes it."""
        with contextlib.suppress(OSError):
            self.opened.stream.shutdown(socket.SHUT_RDWR)


class DockerSlot:
    """A container for each of the last few work areas that were asked for; one execution at a time."""

    def __init__(self, engine: Engine, index: int) -> None:
        self._engine = engine
        self._boot = boot_bytes({"first_uid": _UID_BASE + (os.getpid() % 65536 * 64 + index % 64) * _UID_STEP})
        self._residents: dict[Shape, _Resident] = {}  # the one used last stands last
        self._warming: dict[str, Any] | None = None  # the order that made the agent warm, for the next container

    async def open(self, shape: Shape, memory_bytes: int) -> _Resident:
        """Start a container and wait for its agent. Raises SandboxUnavailable."""
        abandoned = Abandoned()
        try:
            opened = await asyncio.to_thread(self._engine.open, shape, memory_bytes, self._boot, abandoned)
        except asyncio.CancelledError:
            with abandoned.lock:
                abandoned.now = True
                if abandoned.opened is not None:
                    abandoned.opened.close()  # its agent ends with that, and the engine removes it
            raise
        resident = self._residents[shape] = _Resident(opened, AttachedLine(opened.stream), memory_bytes)
        try:
            async with asyncio.timeout(_START_S):
                header, _ = await receive(resident.line)
            error = header.get("error", "")
        except (OSError, EOFError, WireError, TimeoutError) as failure:
            said = resident.line.complaints.decode(errors="replace").strip().rpartition("\n")[2]
            error = said or str(failure) or "no answer"
        except BaseException:
            resident.hang_up()
            raise
        if error:
            await self._end(shape)
            raise SandboxUnavailable(f"the container's agent does not start: {error}")
        return resident

    async def execute(self, frames: Sequence[bytes], deadline_s: float) -> Reply:
        """Run one execution; see `backend.Slot`."""
        header = _header(frames[0])
        if header.get("mode") == "warm":
            self._warming = header
        try:
            resident = await self._fitting(header)
        except SandboxUnavailable as error:
            raise SlotFailed(str(error)) from error
        return await exchange(resident.line, frames, deadline_s)

    async def _fitting(self, header: dict[str, Any]) -> _Resident:
        """A container with the limits of this execution; the last one where it goes on with what lies there."""
        if not self._residents:
            raise SlotFailed("the slot is closed")
        if "disk_bytes" not in header:  # a cell of a session, whose limits are set
            return next(reversed(self._residents.values()))
        shape = shape_of(header["disk_bytes"], header["memory_bytes"], header["inodes"])
        memory = header["memory_bytes"] + SLACK + header.get("profile_bytes", 0)
        if not header["fresh"]:
            shape = next(reversed(self._residents))
        resident = self._residents.pop(shape, None)
        if resident is None:
            return await self._another(shape, memory, header)
        self._residents[shape] = resident
        if memory != resident.memory:
            await asyncio.to_thread(self._engine.set_memory, resident.opened.identity, memory)
            resident.memory = memory
        return resident

    async def _another(self, shape: Shape, memory: int, header: dict[str, Any]) -> _Resident:
        """One more container, as warm as the others, in place of the one not used for longest."""
        while len(self._residents) >= _KEPT:
            await self._end(next(iter(self._residents)))
        resident = await self.open(shape, memory)
        if self._warming and header["mode"] != "warm":
            work = {name: header[name] for name in ("disk_bytes", "memory_bytes", "inodes")}
            await exchange(resident.line, [pack({**self._warming, **work})], WARM_S)
        return resident

    async def _end(self, shape: Shape) -> None:
        resident = self._residents.pop(shape)
        resident.hang_up()
        try:
            await asyncio.to_thread(self._engine.remove, resident.opened.identity)
        finally:
            resident.opened.close()

    async def close(self) -> None:
        """End the containers and wait until the engine has forgotten them."""
        self.kill()
        await asyncio.gather(*(self._end(shape) for shape in list(self._residents)))

    def kill(self) -> None:
        """The same without waiting for the engine."""
        for resident in self._residents.values():
            resident.hang_up()


class DockerBackend:
    """Starts containers."""

    def __init__(self, image: str = IMAGE, runtime: str | None = None) -> None:
        self.name = "docker"
        self.site = "/usr/lib/python3/dist-packages"  # of Debian's packages, which the image is made of
        self.engine = Engine(image, runtime)
        self._connecting = asyncio.Lock()
        self._janitor: Janitor | None = None

    async def start(self, index: int) -> DockerSlot:
        """Start one container. Raises SandboxUnavailable."""
        async with self._connecting:
            if self._janitor is None:
                await asyncio.to_thread(self.engine.connect)
                await asyncio.to_thread(self.engine.choose)
                self._janitor = Janitor(self.engine.owner)
        slot = DockerSlot(self.engine, index)
        usual = Limits()
        shape = shape_of(usual.disk_bytes, usual.memory_bytes, usual.inodes)
        await slot.open(shape, usual.memory_bytes + SLACK)
        return slot

    async def aclose(self) -> None:
        """Every slot is closed: nobody has to be watched any more."""
        if self._janitor is not None:
            self._janitor.dismiss()
            self._janitor = None
        await asyncio.to_thread(self.engine.close)


def shape_of(disk_bytes: int, memory_bytes: int, inodes: int) -> Shape:
    """The work area that an execution needs: its pages count as memory."""
    return Shape(min(disk_bytes, memory_bytes), inodes + 4)


def _header(frame: bytes) -> dict[str, Any]:
    size, _ = sizes_of(frame[:8])
    return unpack(frame[8 : 8 + size], memoryview(frame)[8 + size :])[0]
