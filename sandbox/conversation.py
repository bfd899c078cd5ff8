"""A stateful session inside its jail: one interpreter that lives across cells, paused while nobody waits for it.

The jail belongs to the session and is thrown away with it, so what the agent has seen of one session is never in the
memory from which another program is forked.
"""

from __future__ import annotations

import _socket
import array
import contextlib
import os
import select
import signal
import time
from typing import TYPE_CHECKING, Any

from sandbox import exchange
from sandbox.execution import Run, fork
from sandbox.wire import read_frame, write_frame

if TYPE_CHECKING:
    from sandbox.agent import Agent

_FILE_S = 20.0  # a copy of one file in memory; a process of the session may have stopped or ended the helper
_LEAVE_S = 0.2  # from the end of a process's descriptors to its own
_SOL_SOCKET, _SCM_RIGHTS = _socket.SOL_SOCKET, _socket.SCM_RIGHTS


def hold(agent: Agent, header: dict[str, Any]) -> bool:
    """Serve one session until it is closed or dies; always False: its jail is of no further use."""
    run = Run(header)
    try:
        agent.around.fresh_work(header)
        agent.meters.start(header["memory_bytes"] + header["profile_bytes"], header["pids"])
        agent.start(run)
        if _await_answer(agent, run) is None:
            run.error = "the session's interpreter did not start"
    except (OSError, EOFError) as failure:
        run.error = f"{type(failure).__name__}: {failure}"
    if run.error or run.verdict:
        return _end(agent, run, {"alive": False})
    _pause(agent, run)
    _say(agent, run, {"alive": True})
    with contextlib.suppress(EOFError):  # the host is gone
        while _serve(agent, run):
            pass
    return False


def _serve(agent: Agent, run: Run) -> bool:
    """One request of the host; False once the session has ended."""
    order, _ = read_frame(agent.control)
    if order["do"] == "cell":
        return _run_cell(agent, run, order)
    _exchange_file(agent, {**run.header, **order})
    return True


def _run_cell(agent: Agent, run: Run, order: dict[str, Any]) -> bool:
    _, blobs = read_frame(agent.control)
    for name in ("stdout", "stderr"):
        agent.readers[name].rewind()
    run.header.update(cpu_s=order["cpu_s"], wall_s=order["wall_s"])
    agent.meters.start(run.header["memory_bytes"] + run.header["profile_bytes"], run.header["pids"])
    run.waited += agent.waited(run)
    run.began = time.monotonic()
    with contextlib.suppress(OSError):  # it cannot be spoken to any more; how it ended is found out below
        _hand_over(run.descriptors["answers"], bytes(blobs[0]))
    with contextlib.suppress(ProcessLookupError):
        agent.around.signal_all(signal.SIGCONT)
    answer = _await_answer(agent, run)
    if answer is None:
        return _end(agent, run, {"alive": False})
    _pause(agent, run)
    if run.verdict is not None:
        return _end(agent, run, {"alive": False})
    _say(agent, run, {"alive": True, "answer": list(answer)})
    return True


def _hand_over(fd: int, source: bytes) -> None:
    """Give the interpreter a cell as an open file: a message would have to wait for a reader that may never read."""
    memory = os.memfd_create("cell")
    link = _socket.socket(fileno=os.dup(fd))
    try:
        with open(memory, "wb", closefd=False) as file:
            file.write(source)
        os.lseek(memory, 0, os.SEEK_SET)
        link.setblocking(False)
        link.sendmsg([b"c"], [(_SOL_SOCKET, _SCM_RIGHTS, array.array("i", [memory]))])
    finally:
        link.close()
        os.close(memory)


def _await_answer(agent: Agent, run: Run) -> bytes | None:
    """Watch until the interpreter has answered; None where it ended, met a limit or answers nonsense."""
    fd = run.descriptors["answers"]
    os.set_blocking(fd, False)
    agent.watch(run)
    if run.verdict is not None:
        return None
    try:
        answer = os.read(fd, 3)
    except OSError:
        answer = b""
    if len(answer) == 2:
        return answer
    leaving = select.poll()
    leaving.register(run.descriptors["main"], select.POLLIN)
    run.lost = not leaving.poll(_LEAVE_S * 1000)  # else it is just ending, by itself
    return None


def _pause(agent: Agent, run: Run) -> None:
    """Stop every process until the next cell, then take what was printed and reap what has ended."""
    with contextlib.suppress(ProcessLookupError):
        agent.around.signal_all(signal.SIGSTOP)
    for name in ("stdout", "stderr"):
        agent.readers[name].drain()
    if any(reader.over for reader in agent.readers.values()):
        run.verdict = "output"
    run.ended = time.monotonic()
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            pid, status = ended
            if pid == run.program:
                run.statuses[pid] = status


def _end(agent: Agent, run: Run, more: dict[str, Any]) -> bool:
    run.ended = time.monotonic()
    clean = agent.empty(run)
    blobs = [reader.data() for reader in agent.readers.values()]
    write_frame(agent.answers, {**agent.reply(run, clean), **more, "lost": run.lost}, *blobs)
    return False


def _say(agent: Agent, run: Run, more: dict[str, Any]) -> None:
    """The reply to a cell that the session has survived."""
    header = {
        "error": "", "broken": False, "verdict": None, "progress": "r.", "program": 0, "driver": None,
        "cpu_s": agent.meters.cpu_s(), "wall_s": run.ended - run.began, "delay_s": 0.0,
        "peak_bytes": agent.meters.peak_bytes(), "killed": 0,
    }  # fmt: skip
    write_frame(agent.answers, {**header, **more}, *(reader.data() for reader in agent.readers.values()))


def _exchange_file(agent: Agent, order: dict[str, Any]) -> None:
    """Copy a file in or out by a helper that has no more rights than the program, and so reaches no more."""
    reader = agent.readers["report"]
    reader.open(order["most"] + 1)
    place = agent.place(agent.around.ids[0], -1, -1)
    pid = fork(exchange.main, order, place)
    reader.close_write_end()
    deadline = time.monotonic() + _FILE_S
    status = None
    while status is None:
        reader.drain()
        done, code = os.waitpid(pid, os.WNOHANG)
        if done:
            status = code
        elif time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            status = os.waitpid(pid, 0)[1]
        else:
            time.sleep(0.0005)
    reader.finish()
    nothing = memoryview(b"")
    write_frame(agent.answers, {"alive": True, "error": "", "file": status}, nothing, nothing, reader.data())
    reader.clear()
