"""Who made something that could outlive us: a process id with its start time, on one boot of one machine."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def start_time(pid: int) -> str:
    """Start time in clock ticks since boot; "" for a process that is gone."""
    with contextlib.suppress(OSError, IndexError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    return ""


def owner() -> str:
    """This process, in a form that `is_dead` reads."""
    return f"{os.getpid()}-{start_time(os.getpid())}"


def is_dead(name: str) -> bool:
    """Whether the process that an `owner()` (with anything after it) names is gone; False for what is no such name."""
    pid, _, rest = name.partition("-")
    started = rest.partition("-")[0]
    return pid.isdigit() and started.isdigit() and start_time(int(pid)) != started


def machine() -> str:
    """Where these process ids mean something: this boot, and this process namespace."""
    with contextlib.suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}-{Path('/proc/self/ns/pid').readlink()}"
    return "unknown"
