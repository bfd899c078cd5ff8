"""The one process of a slot that stays in the host's namespaces: it starts the jail, and it outlives nothing.

When the host goes away, however it ended, the supervisor kills the agent, and with it every process of the jail, and
removes the jail's control groups.
"""

# Plain system calls, because pathlib would be loaded into the process of every program:
# ruff: noqa: PTH102, PTH106
from __future__ import annotations

import contextlib
import os
import select
import signal
from dataclasses import replace
from typing import NoReturn

from sandbox import bare, jail, syscalls
from sandbox.jail_config import JailConfig

_LIFELINE = 0  # standard input: closes with the host


def main(config_text: str) -> NoReturn:
    """Run the supervisor; never returns."""
    config = JailConfig.parse(config_text)
    syscalls.prctl(syscalls.PR_SET_CHILD_SUBREAPER, 1)
    told = listen_for_the_hosts_end(config.host)
    config = replace(config, cgroups=tuple(path for path in config.cgroups if _make(path)))
    go_read, go_write = os.pipe()
    maps = os.pipe()
    pid_read, pid_write = os.pipe()
    builder = os.fork()
    if builder == 0:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        for fd in (_LIFELINE, go_write, pid_read):
            os.close(fd)
        os.open("/dev/null", os.O_RDONLY)  # takes the lifeline's place as standard input, before anything else does
        jail.build(config, maps, (go_read, pid_write))
    for fd in (config.control, go_read, pid_write, *maps):
        os.close(fd)
    _, status = os.waitpid(builder, 0)
    agent = int(os.read(pid_read, 32) or b"0")
    if status == 0 and agent:
        _stay(agent, go_write, told)
    _clean_up(config)
    os._exit(0)


def listen_for_the_hosts_end(host: int) -> int:
    """A descriptor that wakes us when the host dies, even if a process forked from it holds the lifeline open."""
    told, teller = os.pipe()
    os.set_blocking(teller, False)
    signal.set_wakeup_fd(teller)
    signal.signal(signal.SIGTERM, lambda *_: None)
    syscalls.prctl(syscalls.PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != host:
        os._exit(1)
    return told


def _stay(agent: int, go_write: int, told: int) -> None:
    """Let the agent begin, and end it with the host."""
    pidfd = os.pidfd_open(agent)
    os.write(go_write, b"g")  # only now is the supervisor its parent, so that the death signal means us
    poll = select.poll()
    for fd in (_LIFELINE, told, pidfd):
        poll.register(fd, select.POLLIN)
    poll.poll()
    with contextlib.suppress(ProcessLookupError):
        os.kill(agent, signal.SIGKILL)
    os.waitpid(agent, 0)


def _make(cgroup: str) -> bool:
    with contextlib.suppress(OSError):  # not ours to use: rlimits and sampling remain, and `probe` says so
        os.mkdir(cgroup)
        return True
    return False


def _clean_up(config: JailConfig) -> None:
    if config.bare_work:
        bare.end_all(config.bare_work)
    for cgroup in config.cgroups:
        with contextlib.suppress(OSError):  # swept at the next start
            os.rmdir(cgroup)
