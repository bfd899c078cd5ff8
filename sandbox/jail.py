"""Builds the jail: the agent as first process of namespaces of its own, on a root of its own."""

# Plain system calls, because pathlib would be loaded into the process of every program:
# ruff: noqa: PTH102, PTH103, PTH110, PTH112, PTH114, PTH115, PTH120, PTH123, PTH208, PTH211
from __future__ import annotations

import contextlib
import os
import re
import signal
import stat
from typing import NoReturn

from sandbox import agent, bare, seccomp, syscalls
from sandbox.jail_config import SITE, JailConfig
from sandbox.surroundings import Jail, Surroundings
from sandbox.wire import pack, write_all

_STAGES = ("/tmp", "/var/tmp", "/mnt", "/usr")  # any directory will do: it is hidden in our mount namespace only
_DEVICES = ("null", "zero", "full", "random", "urandom")
_TOP_DIRS = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
_ETC = {
    "passwd": "root:x:0:0:root:/:/bin/false\nprogram:x:1:1:program:/box/work:/bin/sh\n",
    "group": "root:x:0:\nprogram:x:1:\n",
    "hosts": "127.0.0.1 localhost\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
}
_HOST_ETC = re.compile(r"ld\.so\..*|alternatives|java-\d+-openjdk|php")  # what programs need; no secrets
ROOT_SIZE = "size=1m,nr_inodes=512,mode=0755"


def build(config: JailConfig, maps: tuple[int, int], handover: tuple[int, int]) -> NoReturn:
    """In the builder: leave the host's namespaces, fork the agent, and go away."""
    go_read, pid_write = handover
    try:
        counters = _open_counters([directory for directory in config.cgroups if _join(directory)])
        if config.bare_work:
            _build_bare(config, config.bare_work, counters, handover)
        outside = os.readlink("/proc/self/ns/pid")
        _enter_namespaces(config.first_uid, maps)
        sources = _open_sources(config.read_only, config.site)
        _become_inner_root(config.first_uid)
        first = os.fork()
        if first == 0:
            _become_agent(config, outside, sources, counters, go_read)
        os.write(pid_write, str(first).encode())
    except OSError as error:
        _report_failure(config.control, error)
        os._exit(1)
    os._exit(0)


def _build_bare(config: JailConfig, work: str, counters: dict[str, int], handover: tuple[int, int]) -> NoReturn:
    go_read, pid_write = handover
    first = os.fork()
    if first:
        os.write(pid_write, str(first).encode())
        os._exit(0)
    syscalls.prctl(syscalls.PR_SET_CHILD_SUBREAPER, 1)
    _settle(config, counters, go_read)
    _serve(config, counters, bare.Bare(work))


def _report_failure(control: int, error: OSError) -> None:
    write_all(control, pack({"error": str(error), "errno": error.errno}))


def _enter_namespaces(first_uid: int | None, maps: tuple[int, int]) -> None:
    """New namespaces of every kind, owned by a user namespace that maps only ids nobody else uses."""
    map_read, map_write = maps
    me, uid, gid = os.getpid(), os.getuid(), os.getgid()
    mapper = os.fork() if first_uid is not None else None
    if mapper == 0:  # stays outside: only a privileged process of the parent namespace may map other ids
        os.close(map_write)
        os.read(map_read, 1)
        for name in ("uid_map", "gid_map"):
            with open(f"/proc/{me}/{name}", "w") as file:
                file.write(f"0 {first_uid} 3")
        os._exit(0)
    syscalls.unshare(syscalls.ALL_NAMESPACES)
    if mapper is None:
        for name, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
            with open(f"/proc/self/{name}", "w") as file:
                file.write(text)
        return
    os.write(map_write, b"m")
    _, status = os.waitpid(mapper, 0)
    if status:
        raise OSError(f"the user ids from {first_uid} on cannot be mapped")


def _become_inner_root(first_uid: int | None) -> None:
    if first_uid is None:
        return
    os.setgroups([])
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)


def _join(cgroup: str) -> bool:
    """Move into a control group; False where that is not allowed."""
    with contextlib.suppress(OSError), open(f"{cgroup}/cgroup.procs", "w") as procs:
        procs.write("0")
        procs.flush()
        return True
    return False


def _open_counters(directories: list[str]) -> dict[str, int]:
    """The control group files that the agent reads and writes from inside, where no path leads to them."""
    wanted = {
        "memory.oom_control": os.O_RDONLY, "memory.events": os.O_RDONLY, "memory.usage_in_bytes": os.O_RDONLY,
        "memory.current": os.O_RDONLY, "memory.max_usage_in_bytes": os.O_RDWR, "memory.limit_in_bytes": os.O_WRONLY,
        "memory.max": os.O_WRONLY, "memory.memsw.limit_in_bytes": os.O_WRONLY, "memory.swap.max": os.O_WRONLY,
        "cpuacct.usage": os.O_RDONLY, "cpu.stat": os.O_RDONLY, "pids.max": os.O_WRONLY,
    }  # fmt: skip
    counters = {}
    for directory in directories:
        for name, flags in wanted.items():
            with contextlib.suppress(FileNotFoundError):
                counters[name] = os.open(f"{directory}/{name}", flags | os.O_CLOEXEC)
    return counters


def _open_sources(read_only: tuple[str, ...], site: str | None) -> dict[str, int]:
    """Handles of what will be visible, by where it will be; private directories need the caller's own ids."""
    wanted = ["/usr", *(f"/{name}" for name in _TOP_DIRS), *read_only]
    wanted += [f"/dev/{name}" for name in _DEVICES] + [
        f"/etc/{name}" for name in sorted(os.listdir("/etc")) if _HOST_ETC.fullmatch(name)
    ]
    handles = {}
    for path in wanted:
        with contextlib.suppress(FileNotFoundError):
            if not (os.path.islink(path) and path[1:] in _TOP_DIRS):
                handles[path] = os.open(path, os.O_PATH | os.O_CLOEXEC)
    if site is not None:
        handles[SITE] = os.open(site, os.O_PATH | os.O_CLOEXEC)
    return handles


def _become_agent(
    config: JailConfig, outside: str, sources: dict[str, int], counters: dict[str, int], go_read: int
) -> NoReturn:
    try:
        if os.getpid() != 1 or os.readlink("/proc/self/ns/pid") == outside:
            raise OSError("the agent is not the first process of a namespace of its own")
        os.setsid()
        os.umask(0o022)
        _build_root(sources, hide_others=config.first_uid is not None)
        syscalls.lock_privileges()
        syscalls.prctl(syscalls.PR_SET_DUMPABLE, 0)
        _settle(config, counters, go_read)
    except OSError as error:
        _report_failure(config.control, error)
        os._exit(1)
    _serve(config, counters, Jail(separate_ids=config.first_uid is not None))


def _settle(config: JailConfig, counters: dict[str, int], go_read: int) -> None:
    """The agent's last steps: bound to the supervisor's life, no descriptor but its own, and the filter."""
    if os.read(go_read, 1) != b"g":
        os._exit(1)
    syscalls.prctl(syscalls.PR_SET_NO_NEW_PRIVS, 1)
    syscalls.prctl(syscalls.PR_SET_PDEATHSIG, signal.SIGKILL)  # not earlier: changed credentials would clear it
    keep = {0, 1, 2, config.control, *counters.values()}  # not the builder's handles on the host's tree
    for name in os.listdir("/proc/self/fd"):
        if int(name) not in keep:
            with contextlib.suppress(OSError):
                os.close(int(name))
    seccomp.Filter(seccomp.agent_filter(os.uname().machine)).install()


def _serve(config: JailConfig, counters: dict[str, int], surroundings: Surroundings) -> NoReturn:
    try:
        agent.serve((config.control, config.control), counters, surroundings)
    finally:
        os._exit(1)


def _build_root(sources: dict[str, int], hide_others: bool) -> None:
    """A read-only root of /usr, the interpreter and a few made-up files; the host's tree is let go of."""
    syscalls.mount("none", "/", None, syscalls.MS_REC | syscalls.MS_PRIVATE)
    stage = next(path for path in _STAGES if os.path.isdir(path))
    syscalls.mount("tmpfs", stage, "tmpfs", syscalls.MS_NOSUID | syscalls.MS_NODEV, ROOT_SIZE)
    os.chdir(stage)
    for name in ("proc", "dev", "etc", "box", "usr"):
        os.mkdir(name, 0o755)
    for path, handle in sources.items():
        _bind(path, handle)
    for name in _TOP_DIRS:
        if os.path.islink(f"/{name}"):
            os.symlink(os.readlink(f"/{name}"), name)
    for name, text in _ETC.items():
        with open(f"etc/{name}", "w") as file:
            file.write(text)
    for link, target in (("tmp", "box/tmp"), ("dev/shm", "/box/shm"), ("dev/fd", "/proc/self/fd")):
        os.symlink(target, link)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        os.symlink(f"/proc/self/fd/{number}", f"dev/{name}")
    _mount_proc(hide_others)
    syscalls.mount("none", ".", None, syscalls.MS_REMOUNT | syscalls.MS_BIND | syscalls.MS_RDONLY | 6)
    syscalls.pivot_root_here()


def _bind(path: str, handle: int) -> None:
    target = path.lstrip("/")
    os.makedirs(os.path.dirname(target) or ".", 0o755, exist_ok=True)
    if stat.S_ISDIR(os.fstat(handle).st_mode):  # the path itself may be out of sight by now
        os.makedirs(target, 0o755, exist_ok=True)
    else:
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o644))
    syscalls.mount(f"/proc/self/fd/{handle}", target, None, syscalls.MS_BIND | syscalls.MS_REC)
    if not path.startswith("/dev/"):
        syscalls.make_read_only(target)


def _mount_proc(hide_others: bool) -> None:
    """Processes of the jail only; of these, where user ids differ, only one's own."""
    flags = syscalls.MS_NOSUID | syscalls.MS_NODEV | syscalls.MS_NOEXEC
    syscalls.mount("proc", "proc", "proc", flags, "hidepid=2,gid=0" if hide_others else "hidepid=2")
    for name in ("sys", "irq", "bus", "fs", "sysrq-trigger"):
        if os.path.exists(f"proc/{name}"):
            syscalls.mount(f"proc/{name}", f"proc/{name}", None, syscalls.MS_BIND | syscalls.MS_REC)
            syscalls.make_read_only(f"proc/{name}")
