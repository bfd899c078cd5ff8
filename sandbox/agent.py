"""The resident agent: first process of its jail, one child per execution, nothing left of it afterwards.

It never reads a program, a test or an expected value: the children take their own frames from the control socket, so
that nothing of one execution lies in the memory from which the next one is forked.
"""

from __future__ import annotations

import _socket
import contextlib
import gc
import os
import select
import signal
import time
from typing import Any, NoReturn

from sandbox import child, conversation, warming
from sandbox.execution import PATIENCE, Run, fork
from sandbox.harness import driver
from sandbox.meters import Meters
from sandbox.reader import Reader
from sandbox.surroundings import Surroundings
from sandbox.wire import read_frame, write_frame

_TICK_S = 0.025  # how often CPU time and memory are looked at
_REAP_S = 1.0  # a jail that cannot be emptied within this is thrown away
_SETUP_S = 20.0  # the child's own preparation, before the program's clock starts
_HANG_UP = 0x2000  # POLLRDHUP: the host closed its end
_STREAMS = ("stdout", "stderr", "report")


class Agent:
    """The agent's state between executions."""

    def __init__(self, line: tuple[int, int], counters: dict[str, int], surroundings: Surroundings) -> None:
        self.control, self.answers = line
        self.around = surroundings
        self.meters = Meters(counters, surroundings.processes, surroundings.files_bytes)
        self._grouped = any(name.startswith("memory.") for name in counters)
        self._base_bytes = 0
        self.readers = {name: Reader() for name in _STREAMS}

    def warm_up(self) -> None:
        """Get ready to be forked from."""
        child.warm_up()
        with open("/proc/self/statm", "rb") as file:
            self._base_bytes = int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        gc.collect()
        gc.freeze()

    def _become_warm(self, order: dict[str, Any]) -> bool:
        missing = warming.warm(order, self.around)
        self.warm_up()
        write_frame(self.answers, {"error": "", "missing": missing}, *[memoryview(b"")] * len(_STREAMS))
        return True

    def serve_one(self) -> bool:
        """Answer one request; False once the host is gone, or this jail should be."""
        try:
            header, _ = read_frame(self.control)
        except EOFError:
            return False
        if header["mode"] == "session":
            return conversation.hold(self, header)
        if header["mode"] == "warm":
            return self._become_warm(header)
        run = Run(header)
        try:
            if header["fresh"]:
                self.around.fresh_work(header)
            self.meters.start(header["memory_bytes"] + header["profile_bytes"], header["pids"])
            self.start(run)
            self.watch(run)
        except (OSError, EOFError) as failure:
            run.error = f"{type(failure).__name__}: {failure}"
        run.ended = time.monotonic()
        clean = self.empty(run)
        write_frame(self.answers, self.reply(run, clean), *(reader.data() for reader in self.readers.values()))
        for reader in self.readers.values():
            reader.clear()
        return clean and not run.error

    def start(self, run: Run) -> None:
        """Fork the program's process, and after it, where there are tests to drive, the driver's."""
        header = run.header
        tested, spoken_to = header["mode"] == "tests", header["mode"] == "session"
        progress, progress_write = os.pipe()
        run.descriptors["progress"] = progress
        for name, limit in zip(_STREAMS, ("output_bytes", "output_bytes", "report_bytes"), strict=True):
            self.readers[name].open(header[limit])
        inner, outer = _socketpair() if tested or spoken_to else (-1, -1)
        program_id, driver_id = self.around.ids
        run.program = run.main = fork(child.main, header, self.place(program_id, progress_write, inner))
        os.close(progress_write)
        run.descriptors["main"] = os.pidfd_open(run.program)
        self._await_setup(run, progress)
        if tested:
            os.close(inner)
            os.close(run.descriptors["main"])
            run.main = fork(driver.main, header, self.place(driver_id, -1, outer))
            os.close(outer)
            run.descriptors["main"] = os.pidfd_open(run.main)
        if spoken_to:
            os.close(inner)
            run.descriptors["answers"] = outer
        for reader in self.readers.values():
            reader.close_write_end()

    def place(self, uid: int | None, progress: int, channel: int) -> child.Place:
        """What a child that is forked now needs to know."""
        out = {name: reader.write_end for name, reader in self.readers.items()}
        return child.Place(self.control, out, uid, self.around.work, self._grouped, self._base_bytes, progress, channel)

    def _await_setup(self, run: Run, progress: int) -> None:
        """Wait until the child has taken its frame and is confined; the program's clock starts here."""
        poll = select.poll()
        poll.register(progress, select.POLLIN)
        while b"r" not in run.progress:
            if not poll.poll(_SETUP_S * 1000):
                raise OSError("the program's process was not ready in time")
            said = os.read(progress, 512)
            if not said:
                raise OSError("the program's process ended while it was being set up")
            run.progress += said
        run.began = time.monotonic()

    def watch(self, run: Run) -> None:
        """Read output and look at the limits until the main process ends, or answers, or meets one."""
        poll = select.poll()
        readers = {reader.fd: reader for reader in self.readers.values() if reader.fd >= 0}
        for fd in (*readers, *run.descriptors.values()):
            poll.register(fd, select.POLLIN)
        poll.register(self.control, _HANG_UP)
        next_look = run.began + _TICK_S
        ended = False
        while run.verdict is None and not ended:
            for fd, _ in poll.poll(max(0.0, next_look - time.monotonic()) * 1000):
                if fd == self.control:
                    os._exit(0)  # the host is gone; as first process we take everything with us
                elif fd in (run.descriptors["main"], run.descriptors.get("answers")):
                    ended = True
                elif not self._take(run, fd, readers):
                    poll.unregister(fd)
            if ended or time.monotonic() >= next_look:
                run.verdict = run.verdict or self._limit_met(run, ended)
                next_look = time.monotonic() + _TICK_S

    def _take(self, run: Run, fd: int, readers: dict[int, Reader]) -> bool:
        """Read from one descriptor; False where it has ended."""
        if fd == run.descriptors["progress"]:
            said = os.read(fd, 512)
            run.progress += said
            return bool(said)
        more = readers[fd].read()
        if readers[fd].over:
            run.verdict = "output"
        return more

    def _limit_met(self, run: Run, ended: bool) -> str | None:
        limits = run.header
        if self.meters.out_of_memory(limits["memory_bytes"]):
            return "memory"
        if ended:  # what remains to be said about CPU time is said once everything has been reaped
            return None
        if self.meters.cpu_s() >= limits["cpu_s"]:
            return "timeout_cpu"
        elapsed = time.monotonic() - run.began
        limit = limits["wall_s"]
        if elapsed >= limit and elapsed >= min(PATIENCE * limit, limit + self.waited(run)):
            return "timeout_wall"
        return None

    def waited(self, run: Run) -> float:
        """Seconds that the main processes were ready to run but had no core: they are not on the program's clock."""
        return sum(self.meters.run_delay(pid) for pid in {run.program, run.main}) - run.waited

    def empty(self, run: Run) -> bool:
        """End and reap every process, take what is left in the pipes; False where somebody would not die."""
        run.delay_s = self.waited(run)
        deadline = time.monotonic() + _REAP_S
        clean = self._reap(run.statuses, deadline)
        for reader in self.readers.values():
            reader.finish()
        if "progress" in run.descriptors:
            os.set_blocking(run.descriptors["progress"], False)
            with contextlib.suppress(BlockingIOError):
                run.progress += os.read(run.descriptors["progress"], 512)
        for fd in run.descriptors.values():
            os.close(fd)
        return clean

    def _reap(self, statuses: dict[int, int], deadline: float) -> bool:
        while True:
            with contextlib.suppress(ProcessLookupError):
                self.around.kill_all()
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return True
            if pid:
                statuses[pid] = status
            elif time.monotonic() > deadline:
                return False
            else:
                time.sleep(0.0003)

    def reply(self, run: Run, clean: bool) -> dict[str, Any]:
        """What the host is told once everything has been reaped."""
        cpu_s = self.meters.finish_cpu_s()
        if run.verdict is None and cpu_s >= run.header["cpu_s"]:
            run.verdict = "timeout_cpu"
        if run.verdict is None and any(reader.over for reader in self.readers.values()):
            run.verdict = "output"
        return {
            "error": run.error,
            "broken": bool(run.error) or not clean,
            "verdict": run.verdict,
            "progress": run.progress.decode("ascii", "replace"),
            "program": run.statuses.get(run.program),
            "driver": run.statuses.get(run.main) if run.main != run.program else None,
            "cpu_s": cpu_s,
            "wall_s": run.ended - run.began if run.began else 0.0,
            "delay_s": run.delay_s,
            "peak_bytes": self.meters.peak_bytes(),
            "killed": max(0, len(run.statuses) - 1),
        }


def _socketpair() -> tuple[int, int]:
    first, second = _socket.socketpair()
    return first.detach(), second.detach()


def serve(line: tuple[int, int], counters: dict[str, int], surroundings: Surroundings) -> NoReturn:
    """Serve executions until the host goes away; never returns.

    `line`: the descriptors on which the host speaks and is answered; they may be one and the same socket.
    """
    agent = Agent(line, counters, surroundings)
    agent.warm_up()
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # a handler would make the first process killable from inside
    null = os.open("/dev/null", os.O_RDWR)
    os.dup2(null, 2)  # until now the host's file for complaints
    os.close(null)
    write_frame(line[1], {"ready": True, "counters": sorted(counters)})
    while agent.serve_one():
        pass
    os._exit(0)
