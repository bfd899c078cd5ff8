"""The child side of `verifiers.workers`: reads calls from its standard input socket, runs them, writes the results.

`ProcessPool` starts it with two arguments: the parent's process id and the address space allowed, in bytes.
"""

from __future__ import annotations

import ctypes
import importlib
import os
import pickle
import resource
import signal
import socket
import struct
import sys
from dataclasses import dataclass
from typing import Any

HEADER = struct.Struct("!I")  # every message is its length, then that many bytes of pickle
PR_SET_PDEATHSIG = 1  # linux/prctl.h

# What a pure function may raise on bad input. MemoryError is not among them: a worker that met its memory limit is not
# trusted with another call, so it is left to die of it.
CALL_ERRORS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    ImportError,
    LookupError,
    NameError,
    OSError,
    RuntimeError,  # also RecursionError and NotImplementedError
    SyntaxError,
    TypeError,
    ValueError,
    pickle.PickleError,
)


@dataclass(frozen=True)
class Named:
    """A function by its name, for a call in a worker: the caller need not import its module, which may be heavy."""

    module: str
    name: str

    def __call__(self, *args: Any) -> Any:
        """Only the function that the worker loads in its place is called."""
        raise TypeError(f"{self.module}.{self.name} runs in a worker")

    def __reduce__(self) -> tuple[Any, tuple[str, str]]:
        return load_named, (self.module, self.name)


def load_named(module: str, name: str) -> Any:
    """The function; loading it is not part of a call, and takes nothing of its deadline."""
    return getattr(importlib.import_module(module), name)


def receive(connection: socket.socket, size: int) -> bytes | None:
    """Exactly `size` bytes, or None when the parent hung up."""
    parts = bytearray()
    while len(parts) < size:
        chunk = connection.recv(size - len(parts))
        if not chunk:
            return None
        parts += chunk
    return bytes(parts)


def answer(message: bytes) -> bytes:
    """Run one call under its CPU limit; the kernel ends this process (SIGPROF) when the limit is met."""
    try:
        cpu_s, function, args = pickle.loads(message)
        signal.setitimer(signal.ITIMER_PROF, cpu_s)
        return pickle.dumps(("ok", function(*args)))
    except CALL_ERRORS as error:
        return pickle.dumps(("error", f"{type(error).__name__}: {str(error)[:500]}"))
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def restrict(parent: int, memory_bytes: int) -> None:
    """Die with the parent, bound the memory, leave no core file. Interrupts are the parent's business."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the line above
        os._exit(0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main() -> None:
    """Serve calls one after the other until the parent hangs up."""
    restrict(int(sys.argv[1]), int(sys.argv[2]))
    connection = socket.socket(fileno=os.dup(0))
    while (header := receive(connection, HEADER.size)) is not None:
        message = receive(connection, HEADER.unpack(header)[0])
        if message is None:
            return
        reply = answer(message)
        connection.sendall(HEADER.pack(len(reply)) + reply)
