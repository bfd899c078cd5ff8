"""Copies one file into or out of a session's work area, as a confined process beside the session's own.

Names come from the caller, but what lies under them was made by a hostile program: no link is followed, nothing but a
regular file is read, and no more of it than was asked for.
"""

from __future__ import annotations

import contextlib
import os
import stat
from typing import Any, NoReturn

from sandbox import child
from sandbox.wire import read_frame, write_all

DONE, MISSING, NOT_REGULAR, TOO_LARGE, NO_ROOM = 0, 10, 11, 12, 13
_FLAGS = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_DIRECTORY = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_PATH


def main(order: dict[str, Any], place: child.Place) -> NoReturn:
    """Take the frame with the content, confine this process, copy; the exit status says what became of it."""
    _, blobs = read_frame(place.control)
    child.offer_to_memory_killer(b"1000")
    child.arrange_descriptors(None, place, place.out["report"], -1)
    child.confine(order, place)
    try:
        folder, name = _walk(f"{place.work}/work", order["name"], make=order["do"] == "put")
        status = _put(folder, name, blobs[0]) if order["do"] == "put" else _get(folder, name, order["most"])
    except FileNotFoundError:
        status = MISSING
    except OSError:
        status = NOT_REGULAR if order["do"] == "get" else NO_ROOM
    os._exit(status)


def _walk(work: str, name: str, make: bool) -> tuple[int, str]:
    """The folder of a name, step by step and through no link, and the last part of the name."""
    *folders, last = name.split("/")
    folder = os.open(work, _DIRECTORY)
    for part in folders:
        if make:
            with contextlib.suppress(FileExistsError):
                os.mkdir(part, 0o755, dir_fd=folder)
        folder = os.open(part, _DIRECTORY, dir_fd=folder)
    return folder, last


def _get(folder: int, name: str, most: int) -> int:
    fd = os.open(name, os.O_RDONLY | _FLAGS, dir_fd=folder)
    facts = os.fstat(fd)
    if not stat.S_ISREG(facts.st_mode):
        return NOT_REGULAR
    if facts.st_size > most:
        return TOO_LARGE
    left = most
    while left and (data := os.read(fd, min(left, 1 << 16))):
        write_all(child.CHANNEL, data)
        left -= len(data)
    return DONE


def _put(folder: int, name: str, data: memoryview) -> int:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(name, dir_fd=folder)  # whatever lies there, a link perhaps
    fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FLAGS, 0o644, dir_fd=folder)
    write_all(fd, data)
    return DONE
