"""The host's end of the talk with an agent, the same for every backend: frames out, one reply back."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from typing import Any, Protocol

from sandbox.backend import Reply, SlotFailed
from sandbox.wire import WireError, sizes_of, unpack

_MAX_BODY = 256 << 20
_CHUNK = 1 << 18


class Line(Protocol):
    """What bytes travel on."""

    async def send(self, data: bytes) -> None:
        """Send everything. Raises OSError."""
        ...

    async def exactly(self, size: int) -> bytearray:
        """The next `size` bytes. Raises OSError, EOFError where they end before."""
        ...


class SocketLine:
    """A socket whose other end is the agent itself."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control

    async def send(self, data: bytes) -> None:
        """See `Line`."""
        await asyncio.get_running_loop().sock_sendall(self._control, data)

    async def exactly(self, size: int) -> bytearray:
        """See `Line`."""
        data, got = bytearray(size), 0
        view = memoryview(data)
        loop = asyncio.get_running_loop()
        while got < size:
            count = await loop.sock_recv_into(self._control, view[got:])
            if count == 0:
                raise EOFError("the agent is gone")
            got += count
        return data


class AttachedLine:
    """The attached streams of a container, where an engine puts a header before each piece of output.

    Standard output carries the agent's frames; the last of standard error is kept for error messages.
    """

    _HEADER, _STDOUT, _KEPT = 8, 1, 4000

    def __init__(self, stream: socket.socket) -> None:
        self._stream = stream
        self._raw = bytearray()
        self._out = bytearray()
        self.complaints = b""

    async def send(self, data: bytes) -> None:
        """See `Line`."""
        await asyncio.get_running_loop().sock_sendall(self._stream, data)

    async def exactly(self, size: int) -> bytearray:
        """See `Line`."""
        loop = asyncio.get_running_loop()
        while len(self._out) < size:
            chunk = await loop.sock_recv(self._stream, _CHUNK)
            if not chunk:
                raise EOFError("the container is gone")
            self._raw += chunk
            self._sort()
        data = self._out[:size]
        del self._out[:size]
        return data

    def _sort(self) -> None:
        """Move whole pieces to where they belong."""
        at = 0
        while len(self._raw) >= at + self._HEADER:
            end = at + self._HEADER + int.from_bytes(self._raw[at + 4 : at + self._HEADER], "big")
            if len(self._raw) < end:
                break
            piece = self._raw[at + self._HEADER : end]
            if self._raw[at] == self._STDOUT:
                self._out += piece
            else:
                self.complaints = (self.complaints + piece)[-self._KEPT :]
            at = end
        del self._raw[:at]


async def receive(line: Line) -> tuple[dict[str, Any], list[memoryview]]:
    """The agent's next frame. Raises OSError, EOFError, WireError."""
    head_size, body_size = sizes_of(await line.exactly(8))
    if body_size > _MAX_BODY:
        raise WireError(f"a body of {body_size} bytes")
    head = await line.exactly(head_size)
    return unpack(head, memoryview(await line.exactly(body_size)))


async def exchange(line: Line, frames: Sequence[bytes], deadline_s: float) -> Reply:
    """Send one execution's frames and wait for the reply. Raises SlotFailed, after `deadline_s` seconds too."""
    sender = asyncio.get_running_loop().create_task(line.send(b"".join(frames)))
    try:
        async with asyncio.timeout(deadline_s):
            header, blobs = await receive(line)
            await sender
    except (TimeoutError, OSError, EOFError, WireError) as error:
        raise SlotFailed(f"the agent did not answer: {type(error).__name__} {error}") from error
    finally:
        sender.cancel()
    if header.get("error"):
        raise SlotFailed(str(header["error"]))
    stdout, stderr, report = (bytes(blob) for blob in blobs)
    return Reply(header, stdout, stderr, report)
