"""What an execution uses: from the jail's control groups where there are any, else summed over its processes."""

# Plain system calls, because pathlib would be loaded into the process of every program:
# ruff: noqa: PTH123
from __future__ import annotations

import contextlib
import os
import resource
from collections.abc import Callable

SLACK = 32 << 20  # the agent's own memory, which shares the group with the program
_TICKS = os.sysconf("SC_CLK_TCK")
_V2_CPU, _V1_CPU = "cpu.stat", "cpuacct.usage"


class Meters:
    """CPU time, memory and process limits of the execution that runs now."""

    def __init__(self, counters: dict[str, int], processes: Callable[[], list[int]], files: Callable[[], int]) -> None:
        self._counters = counters
        self._processes = processes
        self._files = files
        self._set: dict[str, int] = {}
        self._cpu0 = self._children0 = 0.0
        self._kills0 = self._usage0 = 0
        self._highest = self._inherited = 0

    def start(self, memory_bytes: int, pids: int) -> None:
        """Set the group's limits for one execution and take the starting values."""
        limit = memory_bytes + SLACK
        raising = limit > self._set.get("memory", limit)  # at first there is no limit at all
        names = ["memory.limit_in_bytes", "memory.memsw.limit_in_bytes"]  # the second must never be the smaller
        for name in [*(reversed(names) if raising else names), "memory.max"]:
            self._write(name, limit)
        self._write("memory.swap.max", 0)
        self._write("pids.max", pids + 4)  # the agent, the test driver, and what is being reaped
        self._write("memory.max_usage_in_bytes", 0)
        self._set["memory"] = limit
        self._cpu0 = self._group_cpu_s()
        self._children0 = 0.0 if self._grouped_cpu() else self._tree_cpu_s()  # a session's processes live on
        self._kills0 = self._kills()
        self._inherited = 0 if self._grouped_memory() else _own_bytes("self")  # which every child shares with the agent
        self._usage0 = self._usage()
        self._highest = 0

    def cpu_s(self) -> float:
        """CPU seconds of the whole process tree so far."""
        if self._grouped_cpu():
            return self._group_cpu_s() - self._cpu0
        return self._tree_cpu_s() - self._children0

    def _tree_cpu_s(self) -> float:
        return _children_cpu_s() + sum(_process_cpu_s(pid) for pid in self._processes())

    def finish_cpu_s(self) -> float:
        """CPU seconds once every process has been reaped."""
        if self._grouped_cpu():
            return self._group_cpu_s() - self._cpu0
        return _children_cpu_s() - self._children0

    def out_of_memory(self, memory_bytes: int) -> bool:
        """Whether the kernel killed for memory, or, without a control group, the processes together hold too much."""
        if self._grouped_memory():
            if "memory.max_usage_in_bytes" not in self._counters:  # no peak that could be set back: sampled
                self._highest = max(self._highest, self._usage() - self._usage0)
            return self._kills() > self._kills0
        held = sum(max(0, _own_bytes(pid) - self._inherited) for pid in self._processes())
        self._highest = max(self._highest, held + self._files())
        return self._highest > memory_bytes

    def peak_bytes(self) -> int | None:
        """The most memory the execution held, in bytes."""
        peak = self._number("memory.max_usage_in_bytes")
        if peak is not None:
            return max(0, peak - self._usage0)
        return self._highest or None

    def run_delay(self, pid: int) -> float:
        """Seconds that the process was ready to run but had no core."""
        try:
            with open(f"/proc/{pid}/schedstat") as file:
                return int(file.read().split()[1]) / 1e9
        except (OSError, ValueError, IndexError):
            return 0.0

    def _grouped_memory(self) -> bool:
        return "memory.oom_control" in self._counters or "memory.events" in self._counters

    def _grouped_cpu(self) -> bool:
        return _V1_CPU in self._counters or _V2_CPU in self._counters

    def _group_cpu_s(self) -> float:
        nanoseconds = self._number(_V1_CPU)
        if nanoseconds is not None:
            return nanoseconds / 1e9
        return self._field(_V2_CPU, b"usage_usec") / 1e6

    def _kills(self) -> int:
        return self._field("memory.oom_control", b"oom_kill") + self._field("memory.events", b"oom_kill")

    def _usage(self) -> int:
        return self._number("memory.usage_in_bytes") or self._number("memory.current") or 0

    def _number(self, name: str) -> int | None:
        fd = self._counters.get(name)
        return None if fd is None else int(os.pread(fd, 64, 0))

    def _field(self, name: str, key: bytes) -> int:
        fd = self._counters.get(name)
        if fd is None:
            return 0
        for line in os.pread(fd, 4096, 0).splitlines():
            parts = line.split()
            if len(parts) == 2 and parts[0] == key:
                return int(parts[1])
        return 0

    def _write(self, name: str, value: int) -> None:
        fd = self._counters.get(name)
        if fd is not None and (self._set.get(name) != value or name == "memory.max_usage_in_bytes"):
            os.pwrite(fd, str(value).encode(), 0)
            self._set[name] = value


def _children_cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _process_cpu_s(pid: int) -> float:
    with contextlib.suppress(OSError, ValueError, IndexError), open(f"/proc/{pid}/stat", "rb") as file:
        fields = file.read().rpartition(b")")[2].split()
        return sum(int(field) for field in fields[11:15]) / _TICKS
    return 0.0


def _own_bytes(pid: int | str) -> int:
    """Resident memory that is not the page cache of a file, in bytes."""
    with contextlib.suppress(OSError, ValueError, IndexError), open(f"/proc/{pid}/status", "rb") as file:
        lines = dict(line.split(b":", 1) for line in file.read().splitlines())
        return sum(int(lines[key].split()[0]) << 10 for key in (b"RssAnon", b"RssShmem") if key in lines)
    return 0
