"""Control groups for slots, version 1 hierarchies and delegated version 2 trees: where they go, and sweeping them."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from sandbox.owners import is_dead, owner

_PREFIX = "provender"
_V1_CONTROLLERS = ("memory", "cpuacct", "pids")


def names() -> tuple[str, ...]:
    """Paths of new groups for one slot. Its supervisor makes and removes them, because it outlives us.

    They hold our process id and start time, so that a later run can tell whether anybody still needs them.
    """
    name = f"{_PREFIX}-{owner()}-{secrets.token_hex(4)}"
    return tuple(str(parent / name) for parent in parents())


def sweep() -> None:
    """Remove the empty groups of runs whose process is gone."""
    for parent in parents():
        for directory in parent.glob(f"{_PREFIX}-*-*-*"):
            if is_dead(directory.name.removeprefix(f"{_PREFIX}-")):
                with contextlib.suppress(OSError):
                    directory.rmdir()


def parents() -> Iterator[Path]:
    """The groups below which a slot's groups belong: our own, so that limits set on us hold for what we start."""
    own = _own_groups()
    mounts = list(_mounts())
    for controller in _V1_CONTROLLERS:
        for root, place, kind, options in mounts:
            if kind == "cgroup" and controller in options and controller in own:
                yield from _existing(place, root, own[controller])
    for root, place, kind, _ in mounts:
        if kind == "cgroup2" and "" in own:
            yield from (path for path in _existing(place, root, own[""]) if _delegates(path))


def bounds_memory() -> bool:
    """Whether groups that limit memory can be made here."""
    return any(os.access(path, os.W_OK) and _has_memory(path) for path in parents())


def _has_memory(path: Path) -> bool:
    return (path / "memory.limit_in_bytes").exists() or _delegates(path)


def _existing(place: str, root: str, group: str) -> Iterator[Path]:
    inside = os.path.relpath(group, root) if group.startswith(root) else "."
    path = Path(place) / inside
    if path.is_dir():
        yield path


def _delegates(path: Path) -> bool:
    """Whether groups made below this one get a memory limit."""
    with contextlib.suppress(OSError):
        return "memory" in (path / "cgroup.subtree_control").read_text().split()
    return False


def _own_groups() -> dict[str, str]:
    groups = {}
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            groups.update(dict.fromkeys(controllers.split(","), path))
    return groups


def _mounts() -> Iterator[tuple[str, str, str, list[str]]]:
    """Root, mount point, kind and options of each control group mount."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/mountinfo").read_text().splitlines():
            before, _, after = line.partition(" - ")
            kind, _, options = after.split(" ", 2)
            if kind.startswith("cgroup"):
                fields = before.split()
                yield fields[3], fields[4], kind, options.split(",")
