"""The frames between host, agent and the agent's children: a JSON header, then raw bytes whose sizes it names."""

from __future__ import annotations

import json
import os
from typing import Any

MAX_HEADER = 1 << 20
_LENGTH = 8  # bytes in front of a frame: header size and body size, 4 each, big-endian


class WireError(Exception):
    """A frame that is cut, too long or not what the protocol says."""


def pack(header: dict[str, Any], *blobs: bytes | memoryview) -> bytes:
    """One frame. The sizes of the blobs travel in the header under "sizes"."""
    return b"".join([_opening(header, blobs), *blobs])


def _opening(header: dict[str, Any], blobs: tuple[bytes | memoryview, ...]) -> bytes:
    head = json.dumps({**header, "sizes": [len(blob) for blob in blobs]}).encode()
    return len(head).to_bytes(4, "big") + sum(len(blob) for blob in blobs).to_bytes(4, "big") + head


def sizes_of(prefix: bytes | bytearray) -> tuple[int, int]:
    """Header and body size, in bytes, from the first eight bytes of a frame."""
    head, body = int.from_bytes(prefix[:4], "big"), int.from_bytes(prefix[4:_LENGTH], "big")
    if not 0 < head <= MAX_HEADER:
        raise WireError(f"header of {head} bytes")
    return head, body


def unpack(head: bytes | bytearray, body: memoryview) -> tuple[dict[str, Any], list[memoryview]]:
    """Header and blobs of one frame; the blobs are views of `body`."""
    try:
        header = json.loads(head)
        sizes = list(header["sizes"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise WireError(f"unreadable header: {error}") from error
    if not all(type(size) is int and size >= 0 for size in sizes) or sum(sizes) != len(body):
        raise WireError("sizes do not add up")
    blobs, start = [], 0
    for size in sizes:
        blobs.append(body[start : start + size])
        start += size
    return header, blobs


def read_exactly(fd: int, size: int) -> bytearray:
    """`size` bytes from a blocking descriptor; raises EOFError where it ends before."""
    data = bytearray(size)
    view, got = memoryview(data), 0
    while got < size:
        count = os.readv(fd, [view[got:]])
        if count == 0:
            raise EOFError("the other side is gone")
        got += count
    return data


def read_frame(fd: int) -> tuple[dict[str, Any], list[memoryview]]:
    """The next frame of a blocking descriptor, and not one byte more: what follows belongs to another process."""
    head_size, body_size = sizes_of(read_exactly(fd, _LENGTH))
    head = read_exactly(fd, head_size)
    return unpack(head, memoryview(read_exactly(fd, body_size)))


def write_frame(fd: int, header: dict[str, Any], *blobs: memoryview) -> None:
    """Write a frame to a blocking descriptor without copying its blobs, and in one call: each costs a wake-up."""
    parts = [memoryview(_opening(header, blobs)), *(blob for blob in blobs if len(blob))]
    while parts:
        sent = os.writev(fd, parts)
        while parts and sent >= len(parts[0]):
            sent -= len(parts.pop(0))
        if sent:
            parts[0] = parts[0][sent:]


def write_all(fd: int, data: bytes | memoryview) -> None:
    """Write everything to a blocking descriptor."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
