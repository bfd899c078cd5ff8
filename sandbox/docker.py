"""The Docker backend: the same agent, as first process of a container of its own per slot.

What it covers and what not stands in THREATS.md beside this file.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Sequence
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
_UID_BASE, _UID_STEP = 0x70000000, 4  # ids far above any account of the engine's machine


class DockerSlot:
    """One container at a time with its agent; another work area needs another container."""

    def __init__(self, engine: Engine, index: int) -> None:
        self._engine = engine
        self._boot = boot_bytes({"first_uid": _UID_BASE + (os.getpid() % 65536 * 64 + index % 64) * _UID_STEP})
        self._opened: Opened | None = None
        self._line: AttachedLine | None = None
        self._warming: dict[str, Any] | None = None  # the order that made the agent warm, for the next container
        self._shape = Shape(0, 0)
        self._memory = 0

    async def open(self, shape: Shape, memory_bytes: int) -> None:
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
        self._opened, self._line = opened, AttachedLine(opened.stream)
        self._shape, self._memory = shape, memory_bytes
        try:
            async with asyncio.timeout(_START_S):
                header, _ = await receive(self._line)
        except (OSError, EOFError, WireError, TimeoutError) as error:
            said = self._line.complaints.decode(errors="replace").strip().rpartition("\n")[2]
            await self.close()
            raise SandboxUnavailable(f"the container's agent does not start: {said or error or 'no answer'}") from error
        except BaseException:
            self.kill()
            raise
        if "error" in header:
            await self.close()
            raise SandboxUnavailable(f"the container's agent does not start: {header['error']}")

    async def execute(self, frames: Sequence[bytes], deadline_s: float) -> Reply:
        """Run one execution; see `backend.Slot`."""
        header = _header(frames[0])
        if header.get("mode") == "warm":
            self._warming = header
        try:
            await self._fit(header)
        except SandboxUnavailable as error:
            raise SlotFailed(str(error)) from error
        if self._line is None:
            raise SlotFailed("closed")
        return await exchange(self._line, frames, deadline_s)

    async def _fit(self, header: dict[str, Any]) -> None:
        """Give the container the limits of this execution. What only a new one can have, it gets with fresh work."""
        if "disk_bytes" not in header:  # a cell of a session, whose limits are set
            return
        shape = shape_of(header["disk_bytes"], header["memory_bytes"], header["inodes"])
        memory = header["memory_bytes"] + SLACK + header.get("profile_bytes", 0)
        if header["fresh"] and shape != self._shape:
            await self.close()
            await self.open(shape, memory)
            if self._warming and self._line is not None and header["mode"] != "warm":
                work = {name: header[name] for name in ("disk_bytes", "memory_bytes", "inodes")}
                await exchange(self._line, [pack({**self._warming, **work})], WARM_S)
        elif memory != self._memory and self._opened is not None:
            await asyncio.to_thread(self._engine.set_memory, self._opened.identity, memory)
            self._memory = memory

    async def close(self) -> None:
        """End the container and wait until the engine has forgotten it."""
        self.kill()
        opened, self._opened, self._line = self._opened, None, None
        if opened is not None:
            try:
                await asyncio.to_thread(self._engine.remove, opened.identity)
            finally:
                opened.close()

    def kill(self) -> None:
        """Hang up: the agent ends, with it all that is in the container, and the engine removes it."""
        if self._opened is not None:
            with contextlib.suppress(OSError):
                self._opened.stream.shutdown(socket.SHUT_RDWR)


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
