"""The Linux calls that Python's standard library does not offer, through ctypes; used inside the jail only."""

from __future__ import annotations

import ctypes
import errno
import os

CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC = 0x00020000, 0x04000000, 0x08000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
ALL_NAMESPACES = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT = 1, 2, 4, 8, 32
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18
MNT_DETACH = 2
MOUNT_ATTR_RDONLY, MOUNT_ATTR_NOSUID, MOUNT_ATTR_NODEV = 1, 2, 4
_AT_RECURSIVE, _AT_EMPTY_PATH = 0x8000, 0x1000
_NR_MOUNT_SETATTR = 442  # the same on every architecture, like all calls from 424 on
_NR_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_SET_SECUREBITS = 1, 4, 24, 28
PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT, PR_SET_NAME = 36, 38, 47, 15
_PR_CAP_AMBIENT_CLEAR_ALL = 4
# NOROOT and its lock, NO_CAP_AMBIENT_RAISE and its lock: user 0 of the jail gains nothing from execve
_SECUREBITS = 0x1 | 0x2 | 0x40 | 0x80

_libc = ctypes.CDLL(None, use_errno=True)


class _CapHeader(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _CapData(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


# Made once, in the agent: each child would pay for making them.
_CAPABILITY_HEADER = ctypes.byref(_CapHeader(version=0x20080522, pid=0))  # _LINUX_CAPABILITY_VERSION_3
_NO_CAPABILITIES = (_CapData * 2)()


class _MountAttr(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_uint64) for name in ("attr_set", "attr_clr", "propagation", "userns_fd"))


def _check(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def call(number: int, *args: object) -> int:
    """A raw system call. Raises OSError."""
    return _check(int(_libc.syscall(ctypes.c_long(number), *args)), f"system call {number}")


def unshare(flags: int) -> None:
    """Leave the given namespaces. Raises OSError."""
    _check(_libc.unshare(flags), "unshare")


def mount(source: str, target: str, kind: str | None, flags: int, options: str = "") -> None:
    """mount(2). Raises OSError, with the target in its message."""
    kind_bytes = kind.encode() if kind else None
    result = _libc.mount(
        source.encode(), target.encode(), kind_bytes, ctypes.c_ulong(flags), options.encode() if options else None
    )
    _check(result, f"mount of {kind or 'bind'} on {target}")


def umount_detached(target: str) -> None:
    """Take a mount out of the tree now; the kernel frees it with its last user. Raises OSError."""
    _check(_libc.umount2(target.encode(), MNT_DETACH), f"umount of {target}")


def make_read_only(target: str) -> None:
    """Make a mount and all below it read-only, without set-user-id programs or devices. Raises OSError."""
    attributes = _MountAttr(attr_set=MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)
    call(
        _NR_MOUNT_SETATTR,
        ctypes.c_int(-100),  # AT_FDCWD
        ctypes.c_char_p(target.encode()),
        ctypes.c_uint(_AT_RECURSIVE),
        ctypes.byref(attributes),
        ctypes.c_size_t(ctypes.sizeof(attributes)),
    )


def pivot_root_here() -> None:
    """Make the working directory the root and let go of the old one. Raises OSError."""
    call(_NR_PIVOT_ROOT[os.uname().machine], ctypes.c_char_p(b"."), ctypes.c_char_p(b"."))
    umount_detached(".")
    os.chdir("/")


def prctl(option: int, value: int = 0) -> None:
    """prctl(2) with one argument. Raises OSError."""
    zero = ctypes.c_ulong(0)
    _check(_libc.prctl(option, ctypes.c_ulong(value), zero, zero, zero), f"prctl {option}")


def lock_privileges(programs_are_root: bool = True) -> None:
    """Empty the bounding set and lock the secure bits: no program started from here can gain a capability.

    Secure bits and the ambient set only matter to user 0; gVisor has neither. Raises OSError.
    """
    for capability in range(64):
        if _libc.prctl(PR_CAPBSET_DROP, ctypes.c_ulong(capability), 0, 0, 0) < 0:
            break
    for option, value in ((PR_SET_SECUREBITS, _SECUREBITS), (PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)):
        try:
            prctl(option, value)
        except OSError as error:
            if programs_are_root or error.errno != errno.EINVAL:
                raise


def drop_capabilities() -> None:
    """Give up every capability of this process. Raises OSError."""
    _check(_libc.capset(_CAPABILITY_HEADER, _NO_CAPABILITIES), "capset")


def set_no_fork_copy(address: int, size: int) -> None:
    """Keep a memory area out of children, so that one program's output never lies in the next one's memory."""
    _check(_libc.madvise(ctypes.c_void_p(address), ctypes.c_size_t(size), 10), "madvise")  # MADV_DONTFORK
