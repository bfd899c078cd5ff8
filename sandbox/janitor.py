"""A process that waits for its starter's death and then removes the containers that it left.

A container that runs ends by itself when its connection does. One that was made but not yet started, or whose
connection a forked process holds, does not.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import NoReturn

from sandbox.engine import Engine
from sandbox.supervisor import listen_for_the_hosts_end
from sandbox.types import SandboxUnavailable

_LOOKING_S = 3.0  # the engine may still be working on what its dead client asked for
_BOOT = (
    "import json,os,sys,types;boot=json.loads(os.read(0,65536));package=types.ModuleType('sandbox');"
    "package.__path__=[boot['path']];sys.modules['sandbox']=package;"
    "from sandbox import janitor;janitor.main(boot['owner'],boot['host'])"
)


class Janitor:
    """The process, as its starter sees it."""

    def __init__(self, owner: str) -> None:
        """Start it. The parent must be a thread that lives as long as the process: its death is what is noticed."""
        boot = json.dumps({"path": str(Path(__file__).parent), "owner": owner, "host": os.getpid()})
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", _BOOT], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, cwd="/", start_new_session=True, bufsize=0,
        )  # fmt: skip
        assert self._process.stdin is not None
        self._process.stdin.write(boot.encode())

    def dismiss(self) -> None:
        """Nothing is left to remove: end it."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(b"q")
        self._process.stdin.close()
        self._process.wait()


def main(owner: str, host: int) -> NoReturn:
    """Wait, then clean; never returns."""
    told = listen_for_the_hosts_end(host)
    poll = select.poll()
    for fd in (0, told):
        poll.register(fd, select.POLLIN)
    poll.poll()
    os.set_blocking(0, False)
    with contextlib.suppress(BlockingIOError):
        if os.read(0, 1) == b"q":
            os._exit(0)
    _clean(owner)
    os._exit(0)


def _clean(owner: str) -> None:
    engine = Engine()
    engine.owner = owner
    deadline = time.monotonic() + _LOOKING_S
    with contextlib.suppress(SandboxUnavailable):  # no engine, no containers; the next start sweeps
        engine.connect()
        while time.monotonic() < deadline:
            engine.remove_ours()
            time.sleep(0.2)
