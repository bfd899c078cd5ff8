"""Reads one pipe into memory that is never copied to a child, and counts."""

from __future__ import annotations

import ctypes
import mmap
import os
import select

from sandbox import syscalls

_CHUNK = 1 << 16


class Reader:
    """One output stream of an execution: at most `limit` bytes are kept; more is noticed, not kept."""

    def __init__(self) -> None:
        self.fd = -1
        self.write_end = -1
        self.over = False
        self._limit = 0
        self._size = 0
        self._area = self._new_area(_CHUNK)

    @staticmethod
    def _new_area(size: int) -> mmap.mmap:
        area = mmap.mmap(-1, size)
        syscalls.set_no_fork_copy(ctypes.addressof(ctypes.c_char.from_buffer(area)), size)
        return area

    def open(self, limit: int) -> None:
        """A new pipe for an execution that may write `limit` bytes; 0 opens nothing."""
        if limit == 0:
            return
        self.fd, self.write_end = os.pipe()
        os.set_blocking(self.fd, False)
        self._limit = limit
        if len(self._area) < limit + 1:
            self._area = self._new_area((limit + mmap.PAGESIZE) // mmap.PAGESIZE * mmap.PAGESIZE)

    def close_write_end(self) -> None:
        """Leave the writing to the children."""
        if self.write_end >= 0:
            os.close(self.write_end)
            self.write_end = -1

    def read(self) -> bool:
        """Take what is there; False at the end of the stream."""
        room = min(_CHUNK, self._limit + 1 - self._size)
        try:
            with memoryview(self._area) as view, view[self._size : self._size + room] as part:
                count = os.readv(self.fd, [part])
        except BlockingIOError:
            return True
        self._size += count
        if self._size > self._limit:
            self._size, self.over = self._limit, True
        return count > 0

    def drain(self) -> None:
        """Take what is in the pipe at the moment, without waiting for more."""
        waiting = select.poll()
        waiting.register(self.fd, select.POLLIN)
        while not self.over and waiting.poll(0) and self.read():
            pass

    def finish(self) -> None:
        """Take what is left in the pipe once every writer is dead, and close it."""
        self.close_write_end()
        while self.fd >= 0 and not self.over and self.read():
            pass
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def data(self) -> memoryview:
        """What was read, in place: a copy would lie in the agent's memory, and so in that of the next program."""
        return memoryview(self._area)[: self._size]

    def clear(self) -> None:
        """Forget everything."""
        if self._size:
            self._area[: self._size] = bytes(self._size)
        self._size, self.over, self._limit = 0, False, 0

    def rewind(self) -> None:
        """Forget what was read, and go on with the same pipe and limit."""
        limit = self._limit
        self.clear()
        self._limit = limit
