"""Stands between us and vLLM: `python guard.py COMMAND...` runs it, and ends all of it when standard input ends.

Only our process holds the other end of that pipe, so vLLM ends with us however we end, SIGKILL included. vLLM's own
processes (engine, workers) share a process group with it, apart from this one, which ends the whole group in the end.
Standard library only, run by path: nothing of ours is imported.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading

GRACE_S = 10.0  # for vLLM to end by itself after SIGTERM
PR_SET_PDEATHSIG = 1  # prctl(2)


def _end_with_guard() -> None:
    """In the child: where this process is killed, the kernel tells vLLM's main process."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _end_with_pipe(child: subprocess.Popen[bytes]) -> None:
    while os.read(0, 4096):
        pass
    if child.poll() is None:
        child.terminate()
    try:
        child.wait(GRACE_S)
    except subprocess.TimeoutExpired:
        _end_group(child.pid)


def _end_group(group: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def main() -> int:
    """Exit status of vLLM; 128 and the signal's number where one ended it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, process_group=0, preexec_fn=_end_with_guard)
    threading.Thread(target=_end_with_pipe, args=(child,), daemon=True).start()
    status = child.wait()
    _end_group(child.pid)
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main())
